//! The log's reader stands still, is gone, or has no room.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::support::{Kind, Process, TestApp, User, eventually, page_path};

fn metric(text: &str, name: &str) -> f64 {
    let line =
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_reader_of_the_log_that_stands_still_costs_lines_and_no_request() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/a.txt", "one").await, "view").await;
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let server = Process::serve(&app.data_dir(), &app.database, Stdio::from(OwnedFd::from(writer)));
    let visitor = User::new(app.http.clone(), server.url.clone(), None);
    let admin = User::new(app.http.clone(), server.admin.clone(), None);
    // Far more lines than what waits in memory and in the pipe.
    let requests = (0..30_000).map(|_| {
        let (visitor, path) = (&visitor, page_path(&link));
        async move { visitor.get(&path).await.expect(200) }
    });
    let all = futures_util::StreamExt::buffer_unordered(futures_util::stream::iter(requests), 32);
    assert_eq!(futures_util::StreamExt::count(all).await, 30_000);
    admin.get("/readyz").await.expect(200);
    let metrics = admin.get("/metrics").await.expect(200).text();
    assert!(metric(&metrics, "everlink_log_lines_dropped_total") > 0.0, "{metrics}");
    // Once it reads again, it reads on.
    let reading = std::thread::spawn(move || {
        let mut lines = vec![0; 1 << 20];
        while reader.read(&mut lines).expect("it reads") > 0 {}
    });
    eventually("no more lines are dropped", async || {
        let before = metric(&admin.get("/metrics").await.text(), "everlink_log_lines_dropped_total");
        visitor.get(&page_path(&link)).await.expect(200);
        before == metric(&admin.get("/metrics").await.text(), "everlink_log_lines_dropped_total")
    })
    .await;
    drop(server);
    reading.join().expect("it reads to the end");
}

#[tokio::test]
async fn a_log_that_takes_nothing_costs_no_request() {
    let app = TestApp::start(Kind::Sqlite).await;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a file");
    let (_, gone) = std::io::pipe().expect("a pipe");
    for log in [Stdio::from(full), Stdio::from(OwnedFd::from(gone))] {
        let server = Process::serve(&app.data_dir(), &app.database, log);
        let visitor = User::new(app.http.clone(), server.url.clone(), None);
        for _ in 0..100 {
            visitor.get("/docs").await.expect(200);
            visitor.get("/redir?resid=x").await.expect(404);
        }
    }
}

#[tokio::test]
async fn who_asks_for_nothing_that_is_there_does_not_fill_the_log() {
    let app = TestApp::start(Kind::Sqlite).await;
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let writer = Stdio::from(OwnedFd::from(writer));
    let mut server = Process::serve_with(&app.data_dir(), &app.database, writer, |command| {
        command.env("EVERLINK_WRONG_KEYS_PER_MINUTE", "0");
    });
    let reading = std::thread::spawn(move || {
        let mut lines = String::new();
        reader.read_to_string(&mut lines).expect("text");
        lines
    });
    let visitor = User::new(app.http.clone(), server.url.clone(), None);
    for number in 0..1_000 {
        visitor.get(&format!("/redir?resid=5D33DD65C6932946!3&authkey=!{number}")).await.expect(404);
    }
    let alice = User::new(app.http.clone(), server.url.clone(), app.user("alice").token);
    alice.get("/drive/root:/nothing").await.expect(404);
    assert!(server.signal("TERM").success());
    let log = reading.join().expect("the log");
    let refused = log.lines().filter(|line| line.contains("\"/redir\"")).count();
    assert!((10..400).contains(&refused), "{refused}");
    // Who asks is told, and what is refused to whom has a token, each time.
    let known = log.lines().filter(|line| line.contains("\"status\":404") && !line.contains("\"/redir\""));
    assert!(known.clone().count() == 1, "{log}");
    assert!(log.lines().any(|line| line.contains("\"client\":\"127.0.0.1\"")), "{log}");
    assert!(!log.contains("authkey"));
}
