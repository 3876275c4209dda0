//! Microsoft's own clients, and others', go through the whole story, and one keeps a folder and a drive in step.
//! `scripts/test` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{DevApp, Kind, TestApp};

async fn run(kind: Kind, program: PathBuf, story: &str) {
    let app = TestApp::start_with(kind, &["--trusted-proxies=127.0.0.1"]).await;
    let token = app.user("alice").token.expect("a token");
    tell(&program, story, |command| {
        command.env("EVERLINK_URL", &app.url).env("EVERLINK_TOKEN", token);
    })
    .await;
}

/// Runs a story against a server that programs are tested with, which the environment alone makes it trust.
async fn run_dev(program: PathBuf, story: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let dev = DevApp::with_seed(folder.path(), &seed_of_the_page()).await;
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, &dev.authority).expect("a file");
    tell(&program, story, |command| {
        command.current_dir(folder.path()).env("EVERLINK_URL", &dev.url).env("EVERLINK_SECURE", &dev.secure);
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            command.env(name, &authority);
        }
        command.env_remove("SSL_CERT_DIR").env_remove("CURL_CA_BUNDLE");
    })
    .await;
}

/// The seed that docs/testing-with-everlink.md shows.
fn seed_of_the_page() -> String {
    let page = include_str!("../../docs/testing-with-everlink.md");
    let (_, seed) = page.split_once("```yaml\n# seed.yaml").expect("a seed");
    format!("#{}", seed.split_once("```").expect("its end").0)
}

#[tokio::test]
async fn the_sample_of_the_page_passes() {
    let dev = DevApp::start(&[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, &dev.authority).expect("a file");
    let mut command = Command::new(python());
    command
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/testing"))
        .env("GRAPH", &dev.secure)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SSL_CERT_FILE", &authority)
        .env("REQUESTS_CA_BUNDLE", &authority);
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("3 passed"), "{shown}");
}

async fn tell(program: &Path, story: &str, set: impl FnOnce(&mut Command)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program);
    command.arg(root.join("tests/clients").join(story)).env("CLIENTS", installed());
    set(&mut command);
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

#[tokio::test]
async fn microsofts_sdk_and_its_sign_in_for_python_as_the_page_says() {
    run_dev(python(), "dev_msgraph.py").await;
}

#[tokio::test]
async fn msal_and_o365_as_the_page_says() {
    run_dev(python(), "dev_msal.py").await;
}

#[tokio::test]
async fn microsofts_libraries_for_javascript_as_the_page_says() {
    run_dev(PathBuf::from("node"), "dev_js.mjs").await;
}
