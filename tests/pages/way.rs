//! A way from the browser to the server that can be narrow, or be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{TestApp, eventually};

#[derive(Clone, Copy)]
struct State {
    is_cut: bool,
    /// Bytes that one connection takes to the server; then it stands still.
    most: u64,
}

pub struct Way {
    /// What stands in the place of the server's own.
    pub url: String,
    state: Arc<watch::Sender<State>>,
    sent: Arc<AtomicU64>,
    /// Connections that stand still.
    stuck: Arc<AtomicU64>,
}

impl Way {
    pub async fn to(app: &TestApp) -> Self {
        let server: SocketAddr = app.url.strip_prefix("http://").expect("a URL").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let way = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            state: Arc::new(watch::Sender::new(State { is_cut: false, most: u64::MAX })),
            sent: Arc::default(),
            stuck: Arc::default(),
        };
        let (state, sent, stuck) = (way.state.clone(), way.sent.clone(), way.stuck.clone());
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let (sent, stuck) = (sent.clone(), stuck.clone());
                let (mut cut, limit) = (state.subscribe(), state.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(browser, server, limit, &sent, &stuck) => {}
                        _ = cut.wait_for(|state| state.is_cut) => {}
                    }
                });
            }
        });
        way
    }

    /// Bytes that the browser has sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn narrow(&self, most: u64) {
        self.state.send_modify(|state| state.most = most);
    }

    /// Waits until a connection stands still in the midst of it.
    pub async fn is_stuck(&self) {
        eventually("a connection stands still", async || self.stuck.load(Ordering::Relaxed) > 0).await;
    }

    /// Ends all connections, and new ones at once.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.is_cut = true);
    }

    pub fn heal(&self) {
        self.state.send_replace(State { is_cut: false, most: u64::MAX });
    }
}

async fn carry(
    browser: TcpStream,
    server: SocketAddr,
    mut limit: watch::Receiver<State>,
    sent: &AtomicU64,
    stuck: &AtomicU64,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_browser, mut to_browser) = browser.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        let mut carried = 0;
        while let Ok(count @ 1..) = from_browser.read(&mut bytes).await {
            if limit.borrow().most < carried {
                stuck.fetch_add(1, Ordering::Relaxed);
                let _ = limit.wait_for(|state| state.most > carried).await;
                stuck.fetch_sub(1, Ordering::Relaxed);
            }
            carried += count as u64;
            sent.fetch_add(count as u64, Ordering::Relaxed);
            if to_server.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_browser) => {}
    }
}
