//! A server that is asked to stop.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::haproxy::Haproxy;
use crate::support::{Kind, Process, TestApp, User, download_path, eventually, page_path};

fn server(app: &TestApp, delay: &str) -> Process {
    Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.envs([("EVERLINK_STOP_DELAY", delay), ("EVERLINK_WORKERS", "2")]);
    })
}

fn tell(process: &Process, signal: &str) {
    let id = process.child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.expect("kill runs").success());
}

fn by_way_of(url: &str, user: &User) -> User {
    User::new(reqwest::Client::new(), url.to_owned(), user.token.clone())
}

#[tokio::test]
async fn no_request_fails_where_a_server_behind_the_shipped_proxy_stops_under_load() {
    let app = TestApp::start(Kind::Postgres).await;
    let (mut first, second) = (server(&app, "3s"), server(&app, "3s"));
    let proxy = Haproxy::before(&[&first, &second]).await;
    let alice = by_way_of(&proxy.url, &app.user("alice"));
    let item = alice.upload("/a.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = (0..16).map(async |number| {
        // Each keeps a connection of its own.
        let alice = by_way_of(&proxy.url, &alice);
        for round in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            match (number + round) % 4 {
                0 => alice.get(&page_path(&link)).await.expect(200),
                1 => alice.get(&download_path(&link)).await.expect(200),
                2 => alice
                    .post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" }))
                    .await
                    .expect(200),
                _ => alice.put(&format!("/drive/root:/{number}-{round}.txt:/content"), "x").await.expect(201),
            };
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    let stopping = async {
        let some_more = async || {
            let before = answered.load(Ordering::Relaxed);
            eventually("more is answered", async || answered.load(Ordering::Relaxed) > before + 200).await;
        };
        some_more().await;
        tell(&first, "TERM");
        eventually("it has ended", async || first.child.try_wait().expect("a process").is_some()).await;
        some_more().await;
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures_util::future::join_all(load), stopping);
    assert!(first.child.wait().expect("it ended").success());
}

#[tokio::test]
async fn a_batch_that_is_under_way_is_answered_whole() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let src = alice.post("/drive/root/children", json!({ "name": "src", "folder": {} })).await;
    let src = src.expect(201).json()["id"].as_str().expect("an id").to_owned();
    app.database.fill(&src, 1_000, "f").await;
    let mut process = server(&app, "0s");
    let alice = by_way_of(&process.url, &alice);
    // Each waits for the one before.
    let one = |id: usize| {
        json!({ "id": id.to_string(), "method": "POST", "url": format!("/me/drive/items/{src}/copy"),
                "headers": { "Content-Type": "application/json" }, "body": { "name": format!("new {id}") },
                "dependsOn": (1..id).rev().take(1).map(|id| id.to_string()).collect::<Vec<_>>() })
    };
    let batch = json!({ "requests": (1..=20).map(one).collect::<Vec<_>>() });
    let copies = "SELECT count(*) FROM items WHERE name LIKE 'new %'";
    let stopping = async {
        eventually("the first copy is there", async || app.database.number(copies).await > 0).await;
        tell(&process, "TERM");
    };
    let (answer, ()) = tokio::join!(alice.post("/v1.0/$batch", batch), stopping);
    for answer in answer.expect(200).json()["responses"].as_array().expect("answers") {
        assert_eq!(answer["status"], 202, "{answer}");
    }
    assert!(process.child.wait().expect("it ends").success());
    assert_eq!(app.database.number(copies).await, 20);
}

#[tokio::test]
async fn who_comes_too_late_is_refused_at_once_while_a_download_goes_on_to_its_end() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let item = alice.upload("/big.bin", &"x".repeat(8 * 1024 * 1024)).await;
    let link = alice.link(&item, "view").await;
    let mut process = server(&app, "0s");
    let address = process.url.strip_prefix("http://").expect("a URL").to_owned();
    // Somebody who does nothing at the moment holds nobody up.
    let _idle = TcpStream::connect(&address).await.expect("a connection");
    let mut reader = TcpStream::connect(&address).await.expect("a connection");
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", download_path(&link));
    reader.write_all(request.as_bytes()).await.expect("it is sent");
    let mut start = [0; 12];
    reader.read_exact(&mut start).await.expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 200");
    tell(&process, "TERM");
    eventually("it takes no more connections", async || TcpStream::connect(&address).await.is_err()).await;
    assert!(process.child.try_wait().expect("a process").is_none());
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.expect("the rest");
    let body = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    assert_eq!(rest.len() - body, 8 * 1024 * 1024);
    assert!(process.child.wait().expect("it ends").success());
}

#[tokio::test]
async fn while_a_proxy_looks_requests_are_answered_and_their_connections_are_let_go() {
    let app = TestApp::start(Kind::Sqlite).await;
    let mut process = server(&app, "1h");
    let anybody = User::new(app.http.clone(), process.url.clone(), None);
    assert!(!anybody.get("/docs").await.expect(200).headers.contains_key("connection"));
    tell(&process, "TERM");
    let ready = User::new(app.http.clone(), process.admin.clone(), None);
    eventually("it says that it is stopping", async || ready.get("/readyz").await.status.as_u16() == 503)
        .await;
    assert_eq!(ready.get("/readyz").await.json()["stopping"], true);
    assert_eq!(anybody.get("/docs").await.expect(200).header("connection"), "close");
    process.kill();
}
