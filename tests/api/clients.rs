//! Microsoft's own clients, and others', go through the whole story, and one keeps a folder and a drive in step.
//! `scripts/test` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Kind, TestApp};

async fn run(kind: Kind, program: PathBuf, story: &str) {
    let app = TestApp::start_with(kind, &["--trusted-proxies=127.0.0.1"]).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let token = app.user("alice").token.expect("a token");
    let mut command = Command::new(&program);
    command
        .arg(root.join("tests/clients").join(story))
        .env("CLIENTS", installed())
        .env("EVERLINK_URL", &app.url)
        .env("EVERLINK_TOKEN", token);
    let told = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let output = told.unwrap_or_else(|error| {
        panic!("{} can't be run ({error}): scripts/test installs it", program.display())
    });
    let shown =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && shown.contains("ok"), "{shown}");
}

/// Where the clients are installed.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients")
}

fn python() -> PathBuf {
    installed().join("venv/bin/python")
}

#[tokio::test]
async fn microsofts_sdk_for_python_postgres() {
    run(Kind::Postgres, python(), "story_msgraph.py").await;
}

#[tokio::test]
async fn microsofts_sdk_for_python_sqlite() {
    run(Kind::Sqlite, python(), "story_msgraph.py").await;
}

#[tokio::test]
async fn office365_rest_python_client_postgres() {
    run(Kind::Postgres, python(), "story_office365.py").await;
}

#[tokio::test]
async fn office365_rest_python_client_sqlite() {
    run(Kind::Sqlite, python(), "story_office365.py").await;
}

#[tokio::test]
async fn microsofts_client_for_javascript_postgres() {
    run(Kind::Postgres, PathBuf::from("node"), "story_graph_js.mjs").await;
}

#[tokio::test]
async fn microsofts_client_for_javascript_sqlite() {
    run(Kind::Sqlite, PathBuf::from("node"), "story_graph_js.mjs").await;
}

#[tokio::test]
async fn two_way_sync_by_delta_postgres() {
    run(Kind::Postgres, python(), "story_two_way_sync.py").await;
}

#[tokio::test]
async fn two_way_sync_by_delta_sqlite() {
    run(Kind::Sqlite, python(), "story_two_way_sync.py").await;
}
