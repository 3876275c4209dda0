//! What the tables promise to whoever reads them.

use std::collections::BTreeSet;

use crate::support::{Kind, TestApp};

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
    };
    assert_eq!(names("postgres"), names("sqlite"));
}

#[tokio::test]
async fn every_table_and_column_is_explained() {
    let app = TestApp::start(Kind::Postgres).await;
    let unexplained = app
        .database
        .rows(
            "SELECT c.relname, a.attname FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
             WHERE c.relkind IN ('r', 'v') AND c.relnamespace = 'public'::regnamespace
               AND c.relname NOT LIKE '\\_sqlx%'
               AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)",
        )
        .await;
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[tokio::test]
async fn every_unique_key_starts_with_the_drive() {
    let app = TestApp::start(Kind::Postgres).await;
    let keys = app
        .database
        .rows(
            "SELECT c.relname AS t, a.attname AS c FROM pg_index x
             JOIN pg_class c ON c.oid = x.indrelid
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
             WHERE x.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '\\_sqlx%'",
        )
        .await;
    assert!(keys.len() > 8);
    for key in keys {
        let (table, column) = (&key[0], &key[1]);
        // Who signs in may have no drive.
        let others =
            ["applications", "drives", "installation", "key_epochs", "readiness", "sessions", "sign_ins"];
        let is_reference = others.contains(&table.as_str());
        assert!(is_reference || column == "drive_id", "a unique key of {table} starts with {column}");
    }
}

/// Both databases have the same tables with the same columns.
#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let postgres = TestApp::start(Kind::Postgres).await;
    let sqlite = TestApp::start(Kind::Sqlite).await;
    let mut of_postgres = postgres
        .database
        .rows(
            "SELECT table_name || '.' || column_name AS c FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
        )
        .await;
    let mut of_sqlite = sqlite
        .database
        .rows(
            "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type IN ('table', 'view') AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'",
        )
        .await;
    of_postgres.sort();
    of_sqlite.sort();
    assert_eq!(of_postgres, of_sqlite);
}
