//! The API's description: what it says, and that the service keeps to it.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::support::{Kind, TestApp, seed};

/// The document is kept beside the others, so that a change of the API is seen in a change's text. What it would be
/// is written beside the tests' other leavings, for who has looked at it to put it in its place.
#[tokio::test]
async fn the_document_is_the_one_that_is_kept() {
    let app = TestApp::start(Kind::Sqlite).await;
    let shown = app.anybody().get("/openapi.json").await.expect(200).json();
    assert_eq!(shown["openapi"], "3.1.0");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let text = std::fs::read_to_string(&kept).unwrap_or_default();
    let text: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    if text != shown {
        let new = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/openapi.json");
        std::fs::write(&new, format!("{}\n", serde_json::to_string_pretty(&shown).expect("JSON")))
            .expect("a file");
        panic!(
            "the API's description has changed: look at the change, and cp {} {}",
            new.display(),
            kept.display()
        );
    }
}

/// Two of one name would be one in the document, whichever came last.
#[test]
fn no_two_structures_of_the_document_have_one_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graph");
    let mut known = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
        for (start, _) in text.match_indices("ToSchema)]") {
            let (_, rest) = text[start..].split_once("struct ").expect("a structure");
            let name = rest.split(|c: char| !c.is_alphanumeric()).next().expect("a name").to_owned();
            assert!(known.insert(name.clone()), "there are two structures named {name}");
        }
    }
    assert!(known.len() > 20, "{known:?}");
}

#[tokio::test]
async fn the_page_shows_every_operation() {
    let app = TestApp::start(Kind::Sqlite).await;
    let anybody = app.anybody();
    let answer = anybody.get("/docs").await.expect(200);
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", "Accept-Encoding"));
    let page = answer.text();
    let ask = anybody.request(Method::GET, "/docs").header("accept-encoding", "gzip");
    let compressed = anybody.send(ask).await.expect(200);
    assert_eq!(
        (compressed.header("content-encoding"), compressed.header("vary")),
        ("gzip", "Accept-Encoding")
    );
    assert!(compressed.body.len() * 3 < page.len());
    let document = app.anybody().get("/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().expect("paths");
    for path in paths.keys() {
        let shown = path.replace('\'', "&#39;");
        assert!(page.contains(&shown), "{path} is not on the page");
    }
    // What most people are here for stands first, and each leads to where it can be tried.
    assert!(paths.keys().next().expect("a path").ends_with("/createLink"));
    let operations = paths.values().flat_map(|item| item.as_object().expect("operations").values());
    let links: Vec<&str> = page.match_indices("/docs/try#").map(|(at, _)| &page[at..]).collect();
    assert!(links[0].starts_with("/docs/try#/Sharing/create_link_by_path\""));
    assert_eq!(links.len(), operations.count());
}

/// By the rules that Redocly recommends, of which a warning counts as much as an error.
#[test]
fn a_linter_finds_nothing_in_the_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let told = Command::new("node")
        .current_dir(folder.path())
        .arg(root.join("target/clients/node_modules/@redocly/cli/bin/cli.js"))
        .arg("lint")
        .arg(root.join("docs/openapi.json"))
        .args(["--format=json", "--extends=recommended"])
        // It tells nobody of it, and asks nobody.
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .output()
        .expect("node: scripts/test installs it, and what it runs");
    let (output, problems) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    let found: serde_json::Value =
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}{problems}"));
    assert_eq!(found["problems"], json!([]));
}

/// Whoever tries an operation finds a body for it.
#[test]
fn every_json_body_of_the_document_has_examples() {
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.flat_map(|item| item.as_object().expect("operations").values());
    let mut found = 0;
    for operation in operations {
        if let Some(body) = operation.pointer("/requestBody/content/application~1json") {
            let examples = body["examples"].as_object().map_or(0, serde_json::Map::len);
            assert!(examples > 0, "{} has none", operation["operationId"]);
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

/// Half a minute of requests that the document allows, and of some that it does not.
async fn schemathesis(app: &TestApp, arguments: &[&str], config: &str) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin/schemathesis");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("schemathesis.toml");
    // A drive that is full says so by a status that looks like the server's fault.
    let full = "[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", 507]\n";
    std::fs::write(&file, format!("{config}{full}")).expect("a file");
    let mut command = Command::new(&program);
    command
        .current_dir(folder.path())
        .arg("--config-file")
        .arg(file)
        .arg("run")
        .arg(format!("{}/openapi.json", app.url))
        // Whether data is acceptable depends on more than its shape (on names, and on what is there), and
        // members that are not known are ignored, as in Microsoft's API.
        .args([
            "--exclude-checks=positive_data_acceptance,negative_data_rejection",
            "--max-time=30",
            "--request-timeout=10",
            "--no-color",
        ])
        .arg(format!("--seed={}", seed()))
        .args(["--phases=examples,coverage,fuzzing", "--continue-on-failure", "--warnings=off"])
        .args(arguments);
    let told = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let output = told.unwrap_or_else(|error| {
        panic!("{} can't be run ({error}): scripts/test installs it", program.display())
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn schemathesis_finds_nothing_with_a_token() {
    let app = TestApp::start(Kind::Postgres).await;
    let alice = app.user("alice");
    alice.upload("/folder/a.txt", "one").await;
    let folder = alice.get("/drive/root:/folder").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "edit").await;
    // Where requests get at something: the root can neither be deleted nor moved away.
    let config = format!(
        "[parameters]\npath = \"folder/a.txt\"\nitem_id = \"root\"\nshare_id = {}\n",
        json!(link["shareId"])
    );
    let token = format!("Authorization: Bearer {}", alice.token.clone().expect("a token"));
    schemathesis(&app, &["-H", &token], &config).await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_without_a_token() {
    let app = TestApp::start(Kind::Sqlite).await;
    schemathesis(&app, &[], "").await;
}
