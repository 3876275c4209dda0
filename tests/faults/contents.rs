//! The content store loses contents, is away, or is another than before.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Kind, Process, TestApp, User, download_path, eventually, page_path};

fn verify(app: &TestApp, more: &[&str]) -> (bool, Value) {
    let mut arguments = vec!["verify", "--json"];
    arguments.extend(more);
    let output: Output = Process::ask(app, &arguments);
    let found = serde_json::from_slice(&output.stdout);
    let found = found.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), found)
}

/// Files of contents.
fn files(app: &TestApp) -> BTreeSet<PathBuf> {
    let folders = std::fs::read_dir(app.data_dir().join("content")).expect("a folder").flatten();
    folders
        .flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .collect()
}

/// A file in the drive, and the one that has its content.
async fn upload(app: &TestApp, alice: &User, path: &str, body: &str) -> (String, PathBuf) {
    let before = files(app);
    let item = alice.upload(path, body).await;
    let file = files(app).difference(&before).next().expect("a new file").clone();
    (item, file)
}

#[tokio::test]
async fn a_content_that_is_lost_is_one_clear_error_and_counted() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let anybody = app.anybody();
    let (lost, file) = upload(&app, &alice, "/lost.txt", "one").await;
    let path = download_path(&alice.link(&lost, "view").await);
    std::fs::remove_file(file).expect("removed");
    let (shorter, file) = upload(&app, &alice, "/shorter.txt", "two").await;
    let of_shorter = download_path(&alice.link(&shorter, "view").await);
    std::fs::write(file, "t").expect("written");
    let (longer, file) = upload(&app, &alice, "/longer.txt", "three").await;
    let of_longer = download_path(&alice.link(&longer, "view").await);
    std::fs::write(file, "three and more").expect("written");
    for path in [&path, &of_shorter, &of_longer] {
        let ask = |method| anybody.request(method, path).header("accept", "application/json");
        let told = anybody.send(ask(Method::GET)).await.expect_error(500, "generalException").json();
        assert_eq!(told["error"]["innerError"]["code"], "contentDamaged", "{path}");
        anybody.send(ask(Method::HEAD)).await.expect(500);
    }
    let metrics = app.admin("/metrics").await.expect(200).text();
    assert!(metrics.contains("\neverlink_contents_damaged_total 6\n"), "{metrics}");
    app.admin("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_small_content_that_was_read_is_given_from_memory() {
    let app = TestApp::start(Kind::Sqlite).await;
    let (alice, anybody) = (app.user("alice"), app.anybody());
    let (item, file) = upload(&app, &alice, "/a.txt", "from memory").await;
    let path = download_path(&alice.link(&item, "view").await);
    anybody.get(&path).await.expect(200);
    std::fs::remove_file(file).expect("removed");
    let part = |method| anybody.request(method, &path).header("range", "bytes=5-10");
    assert_eq!(anybody.send(part(Method::GET)).await.expect(206).text(), "memory");
    anybody.send(part(Method::HEAD)).await.expect(206);
    // One that keeps nothing does not have it.
    let other = app.second_with(&["--content-cache-mib=0"]).await;
    other.anybody().get(&path).await.expect(500);
}

#[tokio::test]
async fn verify_tells_what_is_damaged_missing_and_nobodys() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    for number in 0..5 {
        alice.upload(&format!("/{number}.txt"), "whole").await;
    }
    assert_eq!(verify(&app, &[]).1["contents"], 5);
    assert!(verify(&app, &["--rate=1MiB"]).0);
    let (damaged, file) = upload(&app, &alice, "/damaged.bin", "what is changed").await;
    std::fs::write(&file, "what is changeD").expect("written");
    let orphan = file.with_file_name("0".repeat(32));
    let (missing, file) = upload(&app, &alice, "/missing.bin", "gone").await;
    std::fs::remove_file(file).expect("removed");
    std::fs::write(orphan, "nobody's").expect("written");
    let (is_well, found) = verify(&app, &[]);
    assert!(!is_well);
    let mut flaws: Vec<(String, Value)> = Vec::new();
    for finding in found["findings"].as_array().expect("a list") {
        flaws.push((finding["flaw"].as_str().expect("a text").to_owned(), finding["versions"].clone()));
    }
    flaws.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("damaged".to_owned(), json!([[damaged, 1]])),
        ("missing".to_owned(), json!([[missing, 1]])),
        ("orphaned".to_owned(), json!([])),
    ];
    assert_eq!(flaws, expected);
    // What is on its way out or in is known.
    alice.post("/drive/root:/0.txt:/permanentDelete", json!({})).await.expect(204);
    assert_eq!(verify(&app, &[]).1["findings"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_piece_that_is_lost_is_told_as_a_content_is() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let session = alice.post("/drive/root:/a.bin:/createUploadSession", json!({})).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let mut pieces = Vec::new();
    let mut item = Value::Null;
    for (range, body) in [("bytes 0-2/9", "one"), ("bytes 3-5/9", "two"), ("bytes 6-8/9", "six")] {
        let before = files(&app);
        let request = alice.request(Method::PUT, url).header("content-range", range).body(body);
        item = alice.send(request).await.json();
        pieces.extend(files(&app).difference(&before).cloned());
    }
    let item = item["id"].as_str().expect("an id").to_owned();
    assert_eq!(verify(&app, &[]).1["findings"], json!([]));
    std::fs::write(&pieces[1], "twO").expect("written");
    let told = verify(&app, &[]).1;
    assert_eq!(
        (&told["findings"][0]["flaw"], &told["findings"][0]["versions"]),
        (&json!("damaged"), &json!([[item, 1]]))
    );
    std::fs::write(&pieces[1], "tw").expect("written");
    assert_eq!(verify(&app, &[]).1["findings"][0]["flaw"], "damaged");
    std::fs::remove_file(&pieces[1]).expect("removed");
    assert_eq!(verify(&app, &[]).1["findings"][0]["flaw"], "missing");
    let path = download_path(&alice.link(&item, "view").await);
    let anybody = app.anybody();
    let ask = |method, range| {
        anybody.request(method, &path).header("accept", "application/json").header("range", range)
    };
    anybody.send(ask(Method::HEAD, "bytes=3-8")).await.expect(500);
    let told = anybody.send(ask(Method::GET, "bytes=3-8")).await.expect_error(500, "generalException").json();
    assert_eq!(told["error"]["innerError"]["code"], "contentDamaged");
    // What is not lost is still there to be had.
    assert_eq!(anybody.send(ask(Method::GET, "bytes=6-8")).await.expect(206).text(), "six");
}

#[tokio::test]
async fn a_folder_that_vanishes_takes_no_upload_and_is_found_again() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/a.txt", "one").await, "view").await;
    let (content, away) = (app.data_dir().join("content"), app.data_dir().join("away"));
    std::fs::rename(&content, &away).expect("moved");
    // As where a disk is not mounted.
    std::fs::create_dir(&content).expect("a folder");
    app.admin("/readyz").await.expect(503);
    alice.put("/drive/root:/b.txt:/content", "two").await.expect_error(503, "serviceNotAvailable");
    alice
        .put("/drive/root:/c.bin:/content", "x".repeat(1 << 20))
        .await
        .expect_error(503, "serviceNotAvailable");
    app.anybody().get(&download_path(&link)).await.expect(503);
    // The page is there, without what it would show.
    app.anybody().get(&page_path(&link)).await.expect(200);
    let output = Process::ask(&app, &["doctor"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("problem  content"), "{output:?}");
    std::fs::remove_dir_all(&content).expect("removed");
    std::fs::rename(&away, &content).expect("moved");
    app.admin("/readyz").await.expect(200);
    app.anybody().get(&download_path(&link)).await.expect(200);
    alice.put("/drive/root:/b.txt:/content", "two").await.expect(201);
    assert!(verify(&app, &[]).0);
}

#[tokio::test]
async fn a_server_with_another_folder_than_the_databases_is_not_ready_until_it_is_there() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    alice.upload("/a.txt", "one").await;
    let other = app.data_dir().join("other");
    let url = format!("file://{}", other.display());
    let server = Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.env("EVERLINK_CONTENT_URL", &url);
    });
    let ready = async || app.http.get(format!("{}/readyz", server.admin)).send().await.expect("an answer");
    let told: Value = ready().await.json().await.expect("JSON");
    assert_eq!((&told["ready"], &told["content"]), (&json!(false), &json!("unavailable")));
    server
        .user(&alice)
        .put("/drive/root:/b.txt:/content", "two")
        .await
        .expect_error(503, "serviceNotAvailable");
    // Another installation's is no better.
    std::fs::write(other.join("everlink-store"), "another\n").expect("written");
    assert_eq!(ready().await.status().as_u16(), 503);
    for entry in std::fs::read_dir(app.data_dir().join("content")).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = other.join(entry.file_name());
        if to.is_file() {
            std::fs::remove_file(&to).expect("removed");
        }
        std::fs::rename(entry.path(), to).expect("moved");
    }
    eventually("it is ready", async || ready().await.status().as_u16() == 200).await;
    server.user(&alice).put("/drive/root:/b.txt:/content", "two").await.expect(201);
}

#[tokio::test]
async fn a_store_from_before_gets_its_marker_where_it_has_what_it_should_have() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let (_, lost) = upload(&app, &alice, "/lost.txt", "lost").await;
    alice.upload("/a.txt", "one").await;
    // One that is lost makes it no other store.
    std::fs::remove_file(lost).expect("removed");
    let marker = app.data_dir().join("content/everlink-store");
    assert!(marker.exists());
    app.database.run("UPDATE installation SET is_marked = false").await;
    std::fs::remove_file(&marker).expect("removed");
    let _second = app.second().await;
    assert!(marker.exists());
    // Where it has not, it is not the one.
    app.database.run("UPDATE installation SET is_marked = false").await;
    std::fs::remove_file(&marker).expect("removed");
    let content = app.data_dir().join("content");
    std::fs::rename(&content, app.data_dir().join("away")).expect("moved");
    let third = app.second().await;
    third.admin("/readyz").await.expect(503);
    assert!(!marker.exists());
}
