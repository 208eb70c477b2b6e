//! The built program as a process.

use std::{
    io::{BufRead, BufReader, Read, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::secrets;

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_scim-bridge");

/// A process of the program. Killed when dropped, and also when the tests end without dropping anything.
pub struct Process {
    child: Child,
    /// Kills the process when its standard input closes, which it does with the end of the tests at the latest.
    watchdog: Child,
    standard_output: Lines,
    standard_error: Lines,
}

/// How a process ended, and all it said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error, where the log is.
    pub log: String,
}

impl Process {
    /// Starts the program in `folder`, with these arguments and nothing in its environment but `environment`.
    pub fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .env_clear()
            .env("TMPDIR", folder)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let watchdog = Command::new("sh")
            .args(["-c", &format!("read -r line; kill -9 {}", child.id())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let standard_output = Lines::of(child.stdout.take().unwrap());
        let standard_error = Lines::of(child.stderr.take().unwrap());
        Self { child, watchdog, standard_output, standard_error }
    }

    /// Starts `serve` with the configuration file of that name in `folder`.
    pub fn serve(folder: &Path, config: &str, environment: &[(&str, &str)]) -> Self {
        Self::start(folder, &["serve", "--config", config], environment)
    }

    /// Runs the program to its end.
    pub async fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        Self::start(folder, arguments, environment).ended().await
    }

    /// Runs the program to its end on a terminal, where somebody types `line`. What it says is all on standard output.
    pub async fn on_a_terminal(folder: &Path, arguments: &[&str], line: &str) -> Ended {
        let command = format!("'{PROGRAM}' {}", arguments.join(" "));
        let mut terminal = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script (of util-linux) is there");
        let mut keyboard = terminal.stdin.take().unwrap();
        writeln!(keyboard, "{line}").unwrap();
        let ended = tokio::task::spawn_blocking(move || terminal.wait_with_output()).await.unwrap().unwrap();
        drop(keyboard);
        let output = String::from_utf8(ended.stdout).unwrap();
        Ended { code: ended.status.code(), output, log: String::new() }
    }

    /// The first line of standard output that `wanted` accepts.
    pub async fn output_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.line(&self.standard_output.clone(), wanted).await
    }

    /// The first line of standard error that `wanted` accepts.
    pub async fn log_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.line(&self.standard_error.clone(), wanted).await
    }

    /// The address that `serve` logs, as `http://127.0.0.1:<port>`.
    pub async fn root(&mut self) -> String {
        let line = self.line(&self.standard_error.clone(), |line| line.contains("\"server.address\"")).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        format!("http://{}", line["server.address"].as_str().unwrap())
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How much memory it has in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end, half a minute at the most.
    pub async fn ended(mut self) -> Ended {
        let status = self.poll("its end", |process| process.child.try_wait().unwrap()).await;
        self.end(status)
    }

    /// Kills it in the middle of whatever goes on.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        self.end(status)
    }

    /// All that it said on both ways.
    pub fn said(&self) -> String {
        self.standard_output.text() + &self.standard_error.text()
    }

    fn end(&mut self, status: ExitStatus) -> Ended {
        self.standard_output.finish();
        self.standard_error.finish();
        let ended = Ended {
            code: status.code(),
            output: self.standard_output.text(),
            log: self.standard_error.text(),
        };
        secrets::assert_none("what a process said", &self.said());
        ended
    }

    async fn line(&mut self, lines: &Lines, wanted: impl Fn(&str) -> bool) -> String {
        self.poll("a line", |process| {
            let has_ended = process.child.try_wait().unwrap().is_some();
            let found = lines.find(&wanted);
            assert!(found.is_some() || !has_ended, "it ended: {}", process.said());
            found
        })
        .await
    }

    /// Looks until `look` finds something, half a minute at the most.
    pub async fn poll<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..15_000 {
            if let Some(found) = look(self) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{what} does not come: {}", self.said());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog first, so that it never kills another process that got the same number.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            secrets::assert_none("what a process said", &self.said());
        }
    }
}

impl Ended {
    /// Asserts that none of these texts stands in anything that the process said.
    #[track_caller]
    pub fn keeps(&self, secrets: &[&str]) -> &Self {
        for secret in secrets {
            assert!(!self.output.contains(secret), "`{secret}` is printed: {}", self.output);
            assert!(!self.log.contains(secret), "`{secret}` is logged: {}", self.log);
        }
        self
    }
}

/// What a process writes, line by line as it comes.
#[derive(Clone)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Arc<Mutex<Option<thread::JoinHandle<()>>>>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = lines.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                written.lock().unwrap().push(line.unwrap());
            }
        });
        Self { lines, reader: Arc::new(Mutex::new(Some(reader))) }
    }

    fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.lines.lock().unwrap().iter().find(|line| wanted(line)).cloned()
    }

    /// Reads until the stream ends, which it does with the process.
    fn finish(&self) {
        if let Some(reader) = self.reader.lock().unwrap().take() {
            reader.join().unwrap();
        }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap().iter().map(|line| format!("{line}\n")).collect()
    }
}
