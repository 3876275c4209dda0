//! What was answered holds for whatever begins afterwards, however requests are batched, on every
//! server, and while connections to the database are killed.
//!
//! `EVERLINK_STRICTNESS_SECONDS=600 cargo test strictness` tries for longer; `EVERLINK_TEST_SEED` picks the connections
//! that are killed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::support::{Kind, TestApp, User, seed};

/// A link that was answered, and what has been answered about it since.
#[derive(Clone)]
struct Made {
    permission: Value,
    /// A request to revoke it was sent.
    may_be_dead: std::sync::Arc<AtomicBool>,
    /// Its revoke was answered.
    is_dead: std::sync::Arc<AtomicBool>,
}

/// One file, whose owner links, overwrites and revokes in turn, and what readers may expect of it.
struct Watched {
    path: String,
    item: String,
    /// The content of the last overwrite that was answered: a number that grows.
    content: AtomicU64,
    links: Mutex<Vec<Made>>,
}

impl Watched {
    fn links(&self) -> std::sync::MutexGuard<'_, Vec<Made>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn span() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
    let seconds = std::env::var("EVERLINK_STRICTNESS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(12))
}

/// Sends until the answer is not that the database is away.
async fn insist(
    user: &User,
    method: Method,
    path: &str,
    body: impl Fn() -> Option<reqwest::Body>,
) -> (u16, Vec<u8>) {
    loop {
        let mut request = user.request(method.clone(), path);
        if let Some(body) = body() {
            request = request.body(body).header("content-type", "application/json");
        }
        let answer = user.send(request).await;
        if answer.status.as_u16() != 503 {
            return (answer.status.as_u16(), answer.body);
        }
    }
}

async fn own(user: &User, file: &Watched, until: Instant) -> u64 {
    let mut made = 0;
    let create = format!("/drive/items/{}/createLink", file.item);
    let view = || Some(r#"{"type":"view"}"#.into());
    while Instant::now() < until {
        let (status, body) = insist(user, Method::POST, &create, view).await;
        assert!(matches!(status, 200 | 201), "{status}: {}", String::from_utf8_lossy(&body));
        let permission: Value = serde_json::from_slice(&body).expect("JSON");
        let known = file.links().iter().any(|link| link.permission["id"] == permission["id"]);
        assert!(!known, "a link came back to life");
        made += 1;
        let link = Made {
            permission: permission.clone(),
            may_be_dead: AtomicBool::new(false).into(),
            is_dead: AtomicBool::new(false).into(),
        };
        file.links().push(link.clone());
        let (status, body) = insist(user, Method::POST, &create, view).await;
        let again: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((status, &again["id"]), (200, &permission["id"]), "one link became two");
        let next = file.content.load(Ordering::SeqCst) + 1;
        let path = format!("/drive/root:{}:/content", file.path);
        let (status, _) = insist(user, Method::PUT, &path, || Some(next.to_string().into())).await;
        assert_eq!(status, 200);
        file.content.store(next, Ordering::SeqCst);
        link.may_be_dead.store(true, Ordering::SeqCst);
        let id = permission["id"].as_str().expect("an id");
        let path = format!("/drive/items/{}/permissions/{id}", file.item);
        let (status, _) = insist(user, Method::DELETE, &path, || None).await;
        // The first try may have succeeded, and its answer been lost with the connection.
        assert!(matches!(status, 204 | 404), "{status}");
        link.is_dead.store(true, Ordering::SeqCst);
    }
    made
}

async fn read(anybody: &User, files: &[Watched], first: usize, until: Instant) -> u64 {
    let mut reads = 0;
    for number in first.. {
        if Instant::now() >= until {
            break;
        }
        let file = &files[number % files.len()];
        let Some(link) = file.links().iter().rev().nth(number / files.len() % 2).cloned() else {
            tokio::task::yield_now().await;
            continue;
        };
        let was_dead = link.is_dead.load(Ordering::SeqCst);
        let at_least = file.content.load(Ordering::SeqCst);
        let answer = anybody.open(&link.permission).await;
        match answer.status.as_u16() {
            200 => {
                assert!(!was_dead, "a link opened after its revoke was answered");
                let content: u64 = answer.text().parse().expect("a number");
                assert!(content >= at_least, "{content} was read after {at_least} was answered");
            }
            404 => assert!(link.may_be_dead.load(Ordering::SeqCst), "a live link did not open"),
            status => assert_eq!(status, 503, "{}", answer.text()),
        }
        reads += 1;
    }
    reads
}

async fn try_it(kind: Kind, flags: &[&str]) {
    let app = TestApp::start_with(kind, flags).await;
    let servers = [app.second().await, app];
    let app = &servers[1];
    let alice = app.user("alice");
    let mut files = Vec::new();
    for number in 0..6 {
        let path = format!("/{number}.txt");
        let item = alice.upload(&path, "0").await;
        files.push(Watched { path, item, content: AtomicU64::new(0), links: Mutex::default() });
    }
    let until = Instant::now() + span();
    let owning = futures_util::future::join_all(files.iter().enumerate().map(|(number, file)| {
        let user = servers[number % 2].user("alice");
        async move { own(&user, file, until).await }
    }));
    let reading = futures_util::future::join_all((0..8).map(|number| {
        let anybody = servers[number % 2].anybody();
        let files = &files;
        async move { read(&anybody, files, number, until).await }
    }));
    let seed = seed();
    let killing = async {
        let mut round = seed;
        let mut every = tokio::time::interval(Duration::from_millis(300));
        while kind == Kind::Postgres && Instant::now() < until {
            every.tick().await;
            // A fifth of them, others in each round.
            round = round.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            app.database
                .run(&format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'everlink' AND (pid + {}) % 5 = 0",
                    round >> 60
                ))
                .await;
        }
    };
    let (made, read, ()) = tokio::join!(owning, reading, killing);
    assert!(read.iter().sum::<u64>() > 100 && made.iter().sum::<u64>() > 20, "{made:?} {read:?}");
    // Every link was made once and revoked once, and the trail says so.
    let count = async |what: &str| app.database.number(&format!("SELECT count({what}")).await;
    let total = i64::try_from(made.iter().sum::<u64>()).expect("not that many");
    assert_eq!(count("*) FROM links").await, 0);
    for action in ["created", "revoked"] {
        assert_eq!(count(&format!("*) FROM link_events WHERE action = '{action}'")).await, total);
        assert_eq!(
            count(&format!("DISTINCT link_id) FROM link_events WHERE action = '{action}'")).await,
            total
        );
    }
}

#[tokio::test]
async fn on_postgres_with_batches() {
    try_it(Kind::Postgres, &[]).await;
}

#[tokio::test]
async fn on_postgres_with_several_batches_under_way() {
    try_it(Kind::Postgres, &["--batches-in-flight=4", "--batch-limit=3"]).await;
}

#[tokio::test]
async fn on_postgres_with_a_query_a_request() {
    try_it(Kind::Postgres, &["--batch-limit=1"]).await;
}

#[tokio::test]
async fn on_sqlite_with_batches() {
    try_it(Kind::Sqlite, &[]).await;
}

#[tokio::test]
async fn on_sqlite_with_a_query_a_request() {
    try_it(Kind::Sqlite, &["--batch-limit=1"]).await;
}
