//! The log: one line an event on standard error, so that standard output stays free for what commands print.
//!
//! JSON lines are flat: an event's fields stand beside `timestamp`, `level`, `target` and `message` under their own
//! dotted names, and the fields of the span around it stand under `span`.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    Layer as _, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{Log, LogFormat};

/// Starts to log as `log` says. The environment (`RUST_LOG`) has no say: the configuration file is the one place.
///
/// # Errors
///
/// The process logs already.
pub fn start(log: &Log) -> Result<(), tracing_subscriber::util::TryInitError> {
    let style = Style::of(log.format, io::stderr().is_terminal());
    subscriber(log, style, io::stderr).try_init()
}

/// How the lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Json,
    Plain,
    Coloured,
}

impl Style {
    fn of(format: LogFormat, is_terminal: bool) -> Self {
        match (format, is_terminal) {
            (LogFormat::Json, _) | (LogFormat::Auto, false) => Self::Json,
            (LogFormat::Text, false) => Self::Plain,
            (LogFormat::Text | LogFormat::Auto, true) => Self::Coloured,
        }
    }
}

fn subscriber<W>(log: &Log, style: Style, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match style {
        Style::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        Style::Plain | Style::Coloured => lines.with_ansi(style == Style::Coloured).boxed(),
    };
    tracing_subscriber::registry().with(log.level.clone()).with(lines)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rstest::rstest;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of one event each at debug and info level within a span.
    fn written(style: Style) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(&Log::default(), style, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", request.id = "r1").entered();
            tracing::debug!("not written at the default level");
            tracing::info!(http.status = 200, "answered");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_flat_and_keeps_dotted_names() {
        let mut line: serde_json::Value = serde_json::from_str(&written(Style::Json)).unwrap();
        line["timestamp"].take();
        assert_eq!(
            line,
            serde_json::json!({
                "timestamp": null,
                "level": "INFO",
                "message": "answered",
                "http.status": 200,
                "target": "scim_bridge::telemetry::logs::tests",
                "span": { "request.id": "r1", "name": "request" },
            })
        );
    }

    #[test]
    fn a_text_line_is_for_people() {
        let line = written(Style::Plain);
        assert!(line.contains("INFO request{request.id=\"r1\"}"), "{line}");
        assert!(line.ends_with("answered http.status=200\n"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
        assert!(written(Style::Coloured).contains('\u{1b}'));
    }

    #[rstest]
    #[case(LogFormat::Auto, true, Style::Coloured)]
    #[case(LogFormat::Auto, false, Style::Json)]
    #[case(LogFormat::Json, true, Style::Json)]
    #[case(LogFormat::Text, false, Style::Plain)]
    fn the_style_follows_the_configuration_then_the_terminal(
        #[case] format: LogFormat,
        #[case] is_terminal: bool,
        #[case] expected: Style,
    ) {
        assert_eq!(Style::of(format, is_terminal), expected);
    }
}
