//! A server elsewhere, which nothing that is shared may call.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub struct Trap {
    pub url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    /// It answers everything with one page.
    pub async fn set(page: impl Fn(&str) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let page = page(&url);
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 8192];
                // A connection that a browser opens ahead, and says nothing over, keeps no other from being heard.
                let (kept, page) = (kept.clone(), page.clone());
                tokio::spawn(async move {
                    let Ok(count @ 1..) = stream.read(&mut bytes).await else { return };
                    let head = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    kept.lock().expect("a lock").push(head);
                    let head =
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\naccess-control-allow-origin: *\r\n";
                    let answer =
                        format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{page}", page.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, heads }
    }

    /// Takes what it was asked for since the last time: the heads of requests.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().expect("a lock"))
    }
}
