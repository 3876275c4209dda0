//! Stands between a server and its PostgreSQL, and fails in the ways that networks do.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use super::database::{Kind, TestDatabase};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Connections are cut, new ones too.
    Cut,
    /// Connections stay, and nothing gets through.
    Silent,
}

pub struct ChaosProxy {
    mode: watch::Sender<Mode>,
    /// The database, through the proxy.
    pub database: TestDatabase,
}

impl ChaosProxy {
    pub async fn start(database: &TestDatabase) -> Self {
        let options: PgConnectOptions = database.url.parse().expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let name = options.get_database().expect("a database").to_owned();
        let url = format!("postgres://{}@127.0.0.1:{port}/{name}?sslmode=disable", options.get_username());
        let (mode, watched) = watch::channel(Mode::Pass);
        let options = Arc::new(options);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, options.clone(), watched.clone()));
            }
        });
        Self { mode, database: TestDatabase { kind: Kind::Postgres, url } }
    }

    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    pub fn go_silent(&self) {
        self.mode.send_replace(Mode::Silent);
    }

    pub fn heal(&self) {
        self.mode.send_replace(Mode::Pass);
    }
}

async fn serve(client: TcpStream, options: Arc<PgConnectOptions>, mode: watch::Receiver<Mode>) {
    match options.get_socket() {
        Some(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", options.get_port()));
            forward(client, UnixStream::connect(path).await.expect("the database"), mode).await;
        }
        None => {
            let address = (options.get_host(), options.get_port());
            forward(client, TcpStream::connect(address).await.expect("the database"), mode).await;
        }
    }
}

async fn forward(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
) {
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Cut => return,
            Mode::Silent => {
                if mode.changed().await.is_err() {
                    return;
                }
            }
            Mode::Pass => {
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => return,
                    changed = mode.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}
