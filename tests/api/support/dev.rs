//! A server with `--dev`, in the test's process, on ports of its own.

use std::path::Path;
use std::thread::JoinHandle;

use clap::Parser;
use everlink::clock::Clock;
use everlink::config::Settings;
use everlink::error::Error;
use everlink::server;
use tokio::sync::oneshot;

use super::user::User;

pub struct DevApp {
    /// `http://127.0.0.1:port`
    pub url: String,
    /// `https://localhost:port`
    pub secure: String,
    /// PEM of who vouches for it.
    pub authority: String,
    pub http: reqwest::Client,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

fn settings(flags: &[&str]) -> Settings {
    let usual = ["everlink", "--dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--workers=2"];
    let ports = ["--dev-listen=127.0.0.1:0", "--wrong-keys-per-minute=0"];
    Flags::parse_from(usual.into_iter().chain(ports).chain(flags.iter().copied())).settings
}

impl DevApp {
    /// Why a server with these flags does not start.
    pub async fn refusal(flags: &[&str]) -> Option<Error> {
        let settings = settings(flags);
        let bound = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(server::bind(&settings, Clock::system())).err()
        });
        tokio::task::spawn_blocking(|| bound.join().expect("it ends well")).await.expect("it ends")
    }

    pub async fn start(flags: &[&str]) -> Self {
        let settings = settings(flags);
        let (ready, is_ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = server::bind(&settings, Clock::system()).await.expect("the server starts");
                let authority = server.dev.as_ref().expect("it is for tests").certificate.authority.clone();
                ready.send((server.api, server.secure.expect("HTTPS"), authority)).expect("the test waits");
                let stop = async {
                    stopped.await.unwrap_or_default();
                    server::Stop::AtOnce
                };
                server.run(stop).await.expect("the server runs");
            });
        });
        let (api, secure, authority) = is_ready.await.expect("the server starts");
        let trusted = reqwest::Certificate::from_pem(authority.as_bytes()).expect("a certificate");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([trusted])
            .build()
            .expect("a client");
        Self {
            url: format!("http://{api}"),
            secure: format!("https://localhost:{}", secure.port()),
            authority,
            http,
            running: Some((stop, thread)),
        }
    }

    /// The same with a seed.
    pub async fn with_seed(folder: &Path, seed: &str) -> Self {
        let file = folder.join("seed.yaml");
        std::fs::write(&file, seed).expect("a file");
        Self::start(&["--seed", file.to_str().expect("UTF-8")]).await
    }

    /// Stops the server and waits until it has ended.
    pub async fn stop(&mut self) {
        let (stop, thread) = self.running.take().expect("it runs");
        drop(stop);
        tokio::task::spawn_blocking(|| thread.join().expect("it ends well")).await.expect("it ends");
    }

    /// Somebody without a token.
    pub fn anybody(&self) -> User {
        User::new(self.http.clone(), self.url.clone(), None)
    }

    /// Whoever a lasting token is of.
    pub async fn user(&self, who: &str) -> User {
        let token = self.anybody().get(&format!("/dev/token?{who}")).await.expect(200).text();
        self.bearer(token)
    }

    pub fn bearer(&self, token: String) -> User {
        User::new(self.http.clone(), self.url.clone(), Some(token))
    }
}
