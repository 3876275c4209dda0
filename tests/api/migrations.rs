//! Migrations over data: each has a seed, which is put into the tables as the migration leaves them. So every migration
//! finds what was there before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::support::{Kind, TestApp, TestDatabase};

/// Versions and names of all migrations, in their order.
fn migrations() -> Vec<(i64, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut all: Vec<(i64, String)> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            let version = name.split('_').next().and_then(|number| number.parse().ok()).expect("a version");
            (version, name)
        })
        .collect();
    all.sort();
    all
}

fn seed_of(migration: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/seeds").join(migration)
}

/// The text for a database: `{uuid 7}` is the same UUID on each, `{bytes 7f}` the same bytes.
fn read_seed(migration: &str, kind: Kind) -> String {
    let text = std::fs::read_to_string(seed_of(migration)).expect("text");
    let text = match kind {
        Kind::Postgres => text.replace("{bytes 7e}", "'\\x7e'").replace("{bytes 7f}", "'\\x7f'"),
        Kind::Sqlite => text.replace("{bytes 7e}", "x'7e'").replace("{bytes 7f}", "x'7f'"),
    };
    let mut parts = text.split("{uuid ");
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('}').expect("a number");
        let hex = format!("0000000000004000800000{:010}", number.parse::<u64>().expect("a number"));
        sql.push_str(&match kind {
            Kind::Postgres => format!("'{hex}'::uuid"),
            Kind::Sqlite => format!("x'{hex}'"),
        });
        sql.push_str(rest);
    }
    sql
}

#[test]
fn every_migration_has_a_seed_for_those_that_follow() {
    for (_, name) in migrations() {
        assert!(seed_of(&name).exists(), "{name} has no seed: write tests/api/seeds/{name}");
    }
}

/// A database as a version of the program left it, with what the seeds up to then put into it.
async fn filled_up_to(database: &TestDatabase, version: i64) {
    for (number, name) in migrations().into_iter().take_while(|(number, _)| *number <= version) {
        database.migrate_to(number).await;
        database.run(&read_seed(&name, database.kind)).await;
    }
}

async fn every_version_is_brought_to_todays_state(kind: Kind) {
    for (version, _) in migrations() {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let database = TestDatabase::create(kind, folder.path()).await;
        filled_up_to(&database, version).await;
        let app = TestApp::on(folder, database).await;
        let alice = app.user("alice");
        let file = alice.get("/drives/7/items/7!3").await.expect(200).json();
        let (size, hash) = if version < 4 { (12, "B2") } else { (20, "B4") };
        assert_eq!((&file["size"], &file["file"]["hashes"]["sha256Hash"]), (&json!(size), &json!(hash)));
        let description = (version >= 11).then_some("Of last year.");
        assert_eq!(file.get("description").and_then(|text| text.as_str()), description);
        assert_eq!(file["lastModifiedBy"]["application"]["displayName"], "Sample Application");
        assert_eq!(file["parentReference"]["path"], "/drives/0000000000000007/root:/Papers");
        let folder = alice.get("/drives/7/items/7!2").await.expect(200).json();
        assert_eq!(folder["folder"]["childCount"], if version < 6 { 1 } else { 2 }, "from version {version}");
        assert_eq!(folder["size"], size, "from version {version}");
        let versions = alice.get("/drives/7/items/7!3/versions").await.expect(200).json();
        assert_eq!(versions["value"].as_array().map(Vec::len), Some(if version < 4 { 2 } else { 3 }));
        // The owner, links of the file's own, and that of its folder.
        let permissions = alice.get("/drives/7/items/7!3/permissions").await.expect(200).json();
        let links =
            [(12, 6), (5, 4), (2, 3), (1, 1)].into_iter().find(|(from, _)| version >= *from).expect("some").1;
        assert_eq!(permissions["value"].as_array().map(Vec::len), Some(links), "from version {version}");
        let events = app.database.number("SELECT count(*) FROM link_events").await;
        assert_eq!(
            events,
            [(7, 4), (2, 3), (1, 0)].into_iter().find(|(from, _)| version >= *from).expect("some").1
        );
        // What was made in ranges goes on, and what is in the bin comes back, with its bytes counted.
        assert_eq!(app.database.number("SELECT count(*) FROM upload_ranges").await, i64::from(version >= 3));
        assert_eq!(app.database.number("SELECT bytes_in_bin FROM counters").await, 30);
        alice.post("/drives/7/items/7!4/restore", json!({})).await.expect(200);
        assert_eq!(alice.get("/drives/7/root").await.expect(200).json()["size"], size + 30);
    }
}

#[tokio::test]
async fn every_version_is_brought_to_todays_state_on_postgres() {
    every_version_is_brought_to_todays_state(Kind::Postgres).await;
}

#[tokio::test]
async fn every_version_is_brought_to_todays_state_on_sqlite() {
    every_version_is_brought_to_todays_state(Kind::Sqlite).await;
}
