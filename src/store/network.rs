//! A network between a store and its server, for tests.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};
use url::Url;

use super::{Store, bounded::Limits};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Stands between a store and the server, which it can make vanish: what is connected hears nothing more, and is not told.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) url: String,
    vanished: Arc<watch::Sender<u64>>,
    loses_answer: Arc<AtomicBool>,
}

impl Network {
    pub(crate) async fn before(server: &str) -> Self {
        let server = Url::parse(server).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = Url::parse(&format!("postgres://127.0.0.1{}", server.path())).unwrap();
        url.set_username(&user(&server)).unwrap();
        url.set_password(server.password()).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        url.set_query(Some("sslmode=disable"));
        let vanished = Arc::new(watch::Sender::new(0));
        let loses_answer = Arc::new(AtomicBool::new(false));
        let (of_network, loses) = (vanished.clone(), loses_answer.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (mut vanished, server, loses) = (of_network.subscribe(), server.clone(), loses.clone());
                tokio::spawn(async move {
                    let mut server = connect(&server).await;
                    tokio::select! {
                        _ = pass_on(&mut client, &mut server, &loses) => {}
                        // Kept, and silent.
                        _ = vanished.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { url: url.into(), vanished, loses_answer }
    }

    /// Opens the database behind it, to wait for so long until the server says that it is there, and until it has carried out a statement.
    pub(crate) async fn open(&self, sign: Duration, statement: Duration) -> Store {
        let limits = Limits { sign, statement };
        Store::open_within(self.url.as_str().into(), Some(limits)).await.unwrap()
    }

    /// The machine behind all connections is gone. New ones reach the one in its place.
    pub(crate) fn vanish(&self) {
        self.vanished.send_modify(|times| *times += 1);
    }

    /// The next COMMIT is carried out, and its connection ends before the answer has come.
    pub(crate) fn lose_answer_to_commit(&self) {
        self.loses_answer.store(true, Ordering::SeqCst);
    }
}

/// Lets both say what they have to, until one of them ends, or an answer is lost.
async fn pass_on(
    client: &mut TcpStream,
    server: &mut Box<dyn Stream>,
    loses_answer: &AtomicBool,
) -> io::Result<()> {
    let (mut asked, mut answered) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let said = &asked[..length?];
                server.write_all(said).await?;
                server.flush().await?;
                let commits = said.windows(6).any(|word| word == b"COMMIT");
                let is_lost = commits && loses_answer.swap(false, Ordering::SeqCst);
                if said.is_empty() || is_lost && server.read(&mut answered).await? > 0 {
                    return Ok(());
                }
            }
            length = server.read(&mut answered) => {
                let said = &answered[..length?];
                if said.is_empty() {
                    return Ok(());
                }
                client.write_all(said).await?;
            }
        }
    }
}

fn user(server: &Url) -> String {
    let in_query = server.query_pairs().find(|(key, _)| key == "user");
    in_query.map_or_else(|| server.username().to_owned(), |(_, user)| user.into_owned())
}

async fn connect(server: &Url) -> Box<dyn Stream> {
    let folder = server.query_pairs().find(|(key, _)| key == "host").map(|(_, folder)| folder.into_owned());
    match folder {
        Some(folder) => Box::new(UnixStream::connect(format!("{folder}/.s.PGSQL.5432")).await.unwrap()),
        None => {
            let port = server.port().unwrap_or(5432);
            Box::new(TcpStream::connect((server.host_str().unwrap(), port)).await.unwrap())
        }
    }
}
