//! Servers are killed while files are coming in: what was answered is there, and of the rest nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Mutex;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Kind, Process, TestApp, User, eventually};

/// Bytes that tell which file they are of, of several pieces where they are many.
fn body(name: &str, length: usize) -> Vec<u8> {
    name.bytes().cycle().take(length).collect()
}

/// Sizes of one piece, of a little more, and of some.
const SIZES: [usize; 4] = [5, 4_096, 131_073, 700_000];

/// Uploads files one after the other until the server is gone, and remembers those that were answered.
async fn upload_until_it_is_gone(user: &User, prefix: &str, answered: &Mutex<BTreeMap<String, usize>>) {
    for number in 0.. {
        let (name, size) = (format!("{prefix}-{number}.bin"), SIZES[number % SIZES.len()]);
        let request =
            user.request(Method::PUT, &format!("/drive/root:/{name}:/content")).body(body(&name, size));
        let Ok(answer) = request.send().await else { return };
        if answer.status() == 201 {
            answered.lock().expect("no panic").insert(name, size);
        }
    }
}

/// The same by upload sessions of three ranges.
async fn upload_in_ranges_until_it_is_gone(
    user: &User,
    prefix: &str,
    answered: &Mutex<BTreeMap<String, usize>>,
) {
    for number in 0.. {
        let name = format!("{prefix}-{number}.bin");
        let whole = body(&name, 300_000);
        let address = format!("/drive/root:/{name}:/createUploadSession");
        let Ok(begun) = user.request(Method::POST, &address).json(&json!({})).send().await else { return };
        let Ok(session) = begun.json::<Value>().await else { return };
        let url = session["uploadUrl"].as_str().expect("a URL");
        for (first, part) in whole.chunks(100_000).enumerate() {
            let first = first * 100_000;
            let range = format!("bytes {first}-{}/{}", first + part.len() - 1, whole.len());
            let request = user.request(Method::PUT, url).header("content-range", range).body(part.to_vec());
            let Ok(answer) = request.send().await else { return };
            if answer.status() == 201 {
                answered.lock().expect("no panic").insert(name.clone(), whole.len());
            }
        }
    }
}

async fn what_was_answered_survives_kills_and_nothing_else_is_left(kind: Kind) {
    let app = TestApp::start(kind).await;
    let answered = Mutex::new(BTreeMap::new());
    for round in 0..3 {
        let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
        let alice = process.user(&app.user("alice"));
        let before = answered.lock().expect("no panic").len();
        let prefixes: Vec<String> = (0..10).map(|number| format!("{round}-{number}")).collect();
        let load =
            futures_util::future::join_all(prefixes.iter().enumerate().map(async |(number, prefix)| {
                if number < 8 {
                    upload_until_it_is_gone(&alice, prefix, &answered).await;
                } else {
                    upload_in_ranges_until_it_is_gone(&alice, prefix, &answered).await;
                }
            }));
        let kill = async {
            let many = async || answered.lock().expect("no panic").len() > before + 60;
            eventually("many files are there", many).await;
            process.child.kill().expect("it runs");
        };
        tokio::join!(load, kill);
        process.kill();
    }
    let alice = app.user("alice");
    let answered = answered.into_inner().expect("no panic");
    for (name, size) in &answered {
        let item = alice.get(&format!("/drive/root:/{name}")).await.expect(200).json();
        let url = item["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
        assert!(alice.get(url).await.expect(200).body == body(name, *size), "{name}");
    }
    // All that is there besides is known, and goes in its time: what uploads left, and sessions that were not ended.
    let past = "(SELECT created_at FROM drives LIMIT 1)";
    app.database.run(&format!("UPDATE loose_content SET due_at = {past}")).await;
    app.database.run(&format!("UPDATE uploads SET expires_at = {past} WHERE item_no IS NULL")).await;
    let _second = app.second().await;
    let left = "SELECT (SELECT count(*) FROM loose_content) + (SELECT count(*) FROM upload_ranges)";
    eventually("all is swept", async || app.database.number(left).await == 0).await;
    let named = "SELECT (SELECT count(*) FROM content_pieces)
                      + (SELECT count(*) FROM versions v WHERE NOT EXISTS (SELECT 1 FROM content_pieces p
                             WHERE p.drive_id = v.drive_id AND p.content_key = v.content_key))";
    let folders = std::fs::read_dir(app.data_dir().join("content")).expect("a folder").flatten();
    let files: BTreeSet<_> = folders
        .flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .collect();
    assert_eq!(files.len() as i64, app.database.number(named).await);
    let output = Process::ask(&app, &["verify", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn uploads_that_were_answered_survive_kills_sqlite() {
    what_was_answered_survives_kills_and_nothing_else_is_left(Kind::Sqlite).await;
}

#[tokio::test]
async fn uploads_that_were_answered_survive_kills_postgresql() {
    what_was_answered_survives_kills_and_nothing_else_is_left(Kind::Postgres).await;
}
