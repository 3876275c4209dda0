//! A server that runs in the test's process, on ports of its own, with a clock that the test moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

use chrono::TimeDelta;
use clap::Parser;
use everlink::auth::{LocalIssuer, NewToken};
use everlink::clock::{Clock, Timestamp};
use everlink::config::Settings;
use everlink::keys::Keys;
use everlink::limits::{Limits, Turns};
use everlink::server;
use tokio::sync::oneshot;

use super::database::{Kind, TestDatabase};
use super::importer::Importer;
use super::user::{Answer, User};

pub struct TestApp {
    /// `http://127.0.0.1:port`
    pub url: String,
    pub admin: String,
    pub database: TestDatabase,
    pub settings: Settings,
    pub http: reqwest::Client,
    /// What its callers take in turns.
    pub turns: Arc<Turns>,
    /// Microseconds that the service's clock is ahead.
    ahead: Arc<AtomicI64>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    folder: Arc<tempfile::TempDir>,
    flags: Vec<String>,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

impl TestApp {
    pub async fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[]).await
    }

    /// Starts a server with more flags than the usual.
    pub async fn start_with(kind: Kind, flags: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let database = TestDatabase::create(kind, folder.path()).await;
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self::run(folder, database, flags, Limits::default()).await
    }

    /// A server on a database that is there already, with its files in a folder.
    pub async fn on(folder: Arc<tempfile::TempDir>, database: TestDatabase) -> Self {
        Self::run(folder, database, Vec::new(), Limits::default()).await
    }

    /// Another server on the same database, keys and content.
    pub async fn second(&self) -> Self {
        self.with_limits(Limits::default()).await
    }

    /// The same with more flags.
    pub async fn second_with(&self, flags: &[&str]) -> Self {
        let flags = self.flags.iter().cloned().chain(flags.iter().map(|flag| (*flag).to_owned())).collect();
        Self::run(self.folder.clone(), self.database.clone(), flags, Limits::default()).await
    }

    /// The same with other limits.
    pub async fn with_limits(&self, limits: Limits) -> Self {
        Self::run(self.folder.clone(), self.database.clone(), self.flags.clone(), limits).await
    }

    /// A server whose way to its database is `database`, rather than its own.
    pub async fn by_way_of(&self, database: TestDatabase) -> Self {
        Self::run(self.folder.clone(), database, self.flags.clone(), Limits::default()).await
    }

    async fn run(
        folder: Arc<tempfile::TempDir>,
        database: TestDatabase,
        flags: Vec<String>,
        limits: Limits,
    ) -> Self {
        let data_dir = folder.path().to_str().expect("UTF-8");
        let usual = [
            "everlink",
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--workers=2",
            "--data-dir",
            data_dir,
            "--database-url",
            &database.url,
        ];
        // Tests guess more keys than anybody should.
        let is_given = |name: &str| flags.iter().any(|flag| flag.starts_with(name));
        let guesses = (!is_given("--wrong-keys-per-minute")).then_some("--wrong-keys-per-minute=0");
        // Digests that come by themselves are changes that tests don't expect.
        let is_undigested = Importer::is_on() && !is_given("--digest-rate");
        let digests = is_undigested.then_some("--digest-rate=0");
        let flagged = flags.iter().map(String::as_str);
        let flags_of_all = usual.into_iter().chain(guesses).chain(digests).chain(flagged);
        let settings = Flags::parse_from(flags_of_all).settings;
        let ahead = Arc::new(AtomicI64::new(0));
        let (ready, is_ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = {
            let (settings, ahead) = (settings.clone(), ahead.clone());
            std::thread::spawn(move || {
                actix_web::rt::System::new().block_on(async move {
                    let system = Clock::system();
                    let clock = Clock::new(move || {
                        system.now() + TimeDelta::microseconds(ahead.load(Ordering::Relaxed))
                    });
                    let server =
                        server::bind_with(&settings, clock, limits).await.expect("the server starts");
                    let turns = server.app().service.turns.clone();
                    let Ok(()) = ready.send((server.api, server.health, turns)) else {
                        panic!("nobody waits")
                    };
                    server
                        .run(async {
                            stopped.await.unwrap_or_default();
                            server::Stop::AtOnce
                        })
                        .await
                        .expect("the server runs");
                });
            })
        };
        let (api, admin, turns) = is_ready.await.expect("the server starts");
        Self {
            url: format!("http://{api}"),
            admin: format!("http://{admin}"),
            database,
            settings,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
            turns,
            ahead,
            running: Some((stop, thread)),
            folder,
            flags,
        }
    }

    /// Stops the server and waits until it has ended.
    pub async fn stop(&mut self) {
        let (stop, thread) = self.running.take().expect("it runs");
        drop(stop);
        tokio::task::spawn_blocking(|| thread.join().expect("it ends well")).await.expect("it ends");
    }

    pub fn now(&self) -> Timestamp {
        Clock::system().now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Moves the service's clock on.
    pub fn pass(&self, time: TimeDelta) {
        self.ahead.fetch_add(time.num_microseconds().expect("not that long"), Ordering::Relaxed);
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// A user of the application `1234`, with the scope `Files.ReadWrite`.
    pub fn user(&self, name: &str) -> User {
        self.user_with(|token| token.user = Some(name.to_owned()))
    }

    /// A user whose token differs from Alice's usual one.
    pub fn user_with(&self, change: impl FnOnce(&mut NewToken)) -> User {
        let mut token = NewToken {
            user: Some("alice".to_owned()),
            user_name: None,
            application: "1234".to_owned(),
            application_name: Some("Sample Application".to_owned()),
            tenant: "contoso".to_owned(),
            scope: "Files.ReadWrite".to_owned(),
            lifetime: std::time::Duration::from_secs(3600),
        };
        change(&mut token);
        let keys = Keys::load(&self.settings.storage.keys.key_file()).expect("good keys").expect("keys");
        let (tenant, name) = (token.tenant.clone(), token.user.clone());
        let token = LocalIssuer::new(&keys.local_issuer).issue(&token, self.now()).expect("a token");
        let importer = name.filter(|_| Importer::is_on()).map(|name| Importer::of(self, &tenant, &name));
        self.bearer(&token).importing(importer)
    }

    /// Whoever has this token.
    pub fn bearer(&self, token: &str) -> User {
        User::new(self.http.clone(), self.url.clone(), Some(token.to_owned()))
    }

    /// Somebody without a token.
    pub fn anybody(&self) -> User {
        User::new(self.http.clone(), self.url.clone(), None)
    }

    /// Asks the admin listener.
    pub async fn admin(&self, path: &str) -> Answer {
        User::new(self.http.clone(), self.admin.clone(), None).get(path).await
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some((stop, _thread)) = self.running.take() {
            // The thread ends by itself; the test does not wait for it.
            drop(stop);
        }
    }
}
