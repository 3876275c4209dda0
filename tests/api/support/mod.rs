//! What the tests share: a real server on a port of its own, a real database of its own, and users.

mod app;
mod database;
mod dev;
mod importer;
mod issuer;
mod postgres;
mod process;
mod proxy;
mod user;

pub use app::TestApp;
pub use database::{Kind, TestDatabase};
pub use dev::DevApp;
pub use issuer::{AUDIENCE, Issuer, SigningKey};
pub use postgres::on_failing_disk as postgres_on_failing_disk;
pub use process::Process;
pub use proxy::ChaosProxy;
pub use user::{Answer, User, download_path, page_path, web_url};

/// Makes of each named test one on PostgreSQL and one on SQLite.
macro_rules! on_each_database {
    ($($test:ident),* $(,)?) => { $(
        mod $test {
            #[tokio::test]
            async fn postgres() {
                super::$test($crate::support::TestApp::start($crate::support::Kind::Postgres).await).await;
            }

            #[tokio::test]
            async fn sqlite() {
                super::$test($crate::support::TestApp::start($crate::support::Kind::Sqlite).await).await;
            }
        }
    )* };
}
pub(crate) use on_each_database;

/// What a test decides by chance: by a seed that it prints, and takes from `EVERLINK_TEST_SEED`.
pub fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
    let given = std::env::var("EVERLINK_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from_ne_bytes(everlink::clock::random_bytes()));
    println!("EVERLINK_TEST_SEED={seed} decides the same again");
    seed
}

/// Waits until a condition holds; fails after a generous while.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.is_ok(),
        "never happened: {what}"
    );
}
