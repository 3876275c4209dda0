//! What was answered is never lost, and what goes wrong is told soon and mends itself.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ChaosProxy, Kind, Process, TestApp, download_path, eventually, on_each_database};

on_each_database!(
    every_link_that_was_answered_opens_after_a_kill,
    clients_that_go_away_leave_nothing_half_made,
    a_signal_lets_what_is_under_way_finish,
    the_log_names_the_step_that_failed,
);

async fn the_log_names_the_step_that_failed(app: TestApp) {
    let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::piped());
    let alice = process.user(&app.user("alice"));
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    // A transaction, a read, and a batch.
    app.database.run("ALTER TABLE loose_content RENAME TO lost_content").await;
    alice.put("/drive/root:/c.txt:/content", "two").await.expect_error(503, "serviceNotAvailable");
    app.database.run("DROP VIEW item_details; ALTER TABLE links RENAME TO lost_links").await;
    alice.get(&format!("/drive/items/{item}")).await.expect_error(503, "serviceNotAvailable");
    alice.open(&link).await.expect(503);
    assert!(process.signal("TERM").success());
    let mut log = String::new();
    process.child.stderr.take().expect("it is piped").read_to_string(&mut log).expect("text");
    for step in ["insert_pending_content failed", "manage failed", "open failed"] {
        assert!(log.contains(step), "{step} is not in\n{log}");
    }
}

async fn every_link_that_was_answered_opens_after_a_kill(app: TestApp) {
    let alice = app.user("alice");
    let mut items = Vec::new();
    for number in 0..60 {
        items.push(alice.upload(&format!("/n{number}.txt"), &number.to_string()).await);
    }
    let answered = std::sync::Mutex::new(Vec::new());
    for round in 0..3 {
        let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
        let applications: Vec<_> = (0..4)
            .map(|number| {
                process.user(&app.user_with(|token| token.application = format!("{round}-{number}")))
            })
            .collect();
        let before = answered.lock().expect("no panic").len();
        let load = futures_util::future::join_all(applications.iter().map(async |application| {
            for item in &items {
                let path = format!("/drive/items/{item}/createLink");
                let request = application.request(Method::POST, &path).json(&json!({ "type": "view" }));
                // From the kill on there is no answer.
                let Ok(answer) = request.send().await else { return };
                let Ok(permission) = answer.json::<Value>().await else { return };
                answered.lock().expect("no panic").push((item.clone(), permission));
            }
        }));
        let kill = async {
            eventually("some links are made", async || {
                answered.lock().expect("no panic").len() > before + 20
            })
            .await;
            process.child.kill().expect("it runs");
        };
        tokio::join!(load, kill);
        process.kill();
    }
    let process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let anybody = process.user(&app.anybody());
    let answered = answered.into_inner().expect("no panic");
    assert!(answered.len() > 60);
    for (item, permission) in &answered {
        let number = items.iter().position(|one| one == item).expect("one of them");
        assert_eq!(anybody.open(permission).await.expect(200).text(), number.to_string());
    }
    let links = app.database.number("SELECT count(*) FROM links").await;
    assert!(links >= answered.len() as i64);
    assert_eq!(app.database.number("SELECT count(*) FROM link_events").await, links);
}

async fn clients_that_go_away_leave_nothing_half_made(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let hasty: Vec<_> =
        (0..8).map(|number| app.user_with(|token| token.application = number.to_string())).collect();
    for round in 0..40_u64 {
        let requests = hasty.iter().map(async |application| {
            let path = format!("/drive/items/{item}/createLink");
            let link = application.request(Method::POST, &path).json(&json!({ "type": "view" }));
            let folder =
                json!({ "name": format!("{round}"), "folder": {}, "@name.conflictBehavior": "rename" });
            let folder = application.request(Method::POST, "/drive/root/children").json(&folder);
            let patience = Duration::from_micros(200 + round * 100);
            let _ = tokio::time::timeout(patience, async { tokio::join!(link.send(), folder.send()) }).await;
        });
        futures_util::future::join_all(requests).await;
        for permission in
            alice.get(&format!("/drive/items/{item}/permissions")).await.expect(200).json()["value"]
                .as_array()
                .expect("a list")
                .iter()
                .filter(|one| one.get("link").is_some())
        {
            let id = permission["id"].as_str().expect("an id");
            alice.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
        }
    }
    // Whoever stays is served as ever, and what they are told is there.
    let made = alice.link(&item, "edit").await;
    assert_eq!(app.anybody().open(&made).await.expect(200).text(), "one");
    eventually("links and events agree", async || {
        let left = app.database.number("SELECT count(*) FROM links").await;
        let count = |action| format!("SELECT count(*) FROM link_events WHERE action = '{action}'");
        let created = app.database.number(&count("created")).await;
        created == left + app.database.number(&count("revoked")).await
    })
    .await;
    if app.database.kind == Kind::Postgres {
        eventually("no connection is left in a transaction", async || {
            let left = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            app.database.number(left).await == 0
        })
        .await;
    }
}

async fn a_signal_lets_what_is_under_way_finish(app: TestApp) {
    for signal in ["TERM", "INT"] {
        let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
        let alice = process.user(&app.user("alice"));
        let (send, receive) = tokio::sync::mpsc::unbounded_channel::<Result<String, std::io::Error>>();
        let body = reqwest::Body::wrap_stream(futures_util::stream::unfold(receive, async |mut receive| {
            let chunk = receive.recv().await?;
            Some((chunk, receive))
        }));
        let path = format!("/drive/root:/{signal}.txt:/content");
        let upload = alice.put(&path, body);
        let interrupting = async {
            send.send(Ok("first ".to_owned())).expect("it is read");
            eventually("the upload begins", async || {
                app.database.number("SELECT count(*) FROM loose_content").await == 1
            })
            .await;
            let id = process.child.id().to_string();
            let sent = std::process::Command::new("kill").args(["-s", signal, &id]).status();
            assert!(sent.expect("kill runs").success());
            let admin = format!("{}/readyz", process.admin);
            eventually("it says that it is stopping", async || match app.http.get(&admin).send().await {
                Ok(answer) => answer.status().as_u16() == 503,
                Err(_) => true,
            })
            .await;
            send.send(Ok("last".to_owned())).expect("it is read");
            drop(send);
        };
        let (answer, ()) = tokio::join!(upload, interrupting);
        assert_eq!(answer.expect(201).json()["size"], 10);
        assert!(process.child.wait().expect("it ends").success());
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_told_within_three_seconds_and_found_again() {
    // Small batches, so that many wait for those before them.
    let direct = TestApp::start_with(Kind::Postgres, &["--batch-limit=3"]).await;
    let proxy = ChaosProxy::start(&direct.database).await;
    let app = direct.by_way_of(proxy.database.clone()).await;
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let path = download_path(&link);
    let (start, key) = path.split_once("authkey=!").expect("a key");
    let wrong = format!("{start}authkey=!{}", "A".repeat(key.len()));
    let fails_soon = async || {
        let started = Instant::now();
        let requests = (0..120).map(async |number| match number % 4 {
            3 => alice.put(&format!("/drive/root:/new-{number}.txt:/content"), "new").await,
            0 => app.anybody().open(&link).await,
            1 => alice.get(&format!("/drive/items/{item}")).await,
            _ => alice.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "edit" })).await,
        });
        for answer in futures_util::future::join_all(requests).await {
            assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
            assert!(answer.header("retry-after").parse::<u32>().is_ok());
        }
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        alice.get("/drive").await.expect_error(503, "serviceNotAvailable");
        // A wrong key is known for one without the database.
        app.anybody().get(&wrong).await.expect(404);
        app.admin("/readyz").await.expect(503);
        assert!(app.admin("/metrics").await.expect(200).text().contains("\neverlink_ready 0\n"));
        app.admin("/healthz").await.expect(200);
    };
    for fault in [ChaosProxy::cut, ChaosProxy::go_silent] {
        fault(&proxy);
        fails_soon().await;
        proxy.heal();
        eventually("it heals", async || {
            let answers =
                futures_util::future::join_all((0..25).map(async |_| app.anybody().open(&link).await)).await;
            answers.iter().all(|answer| answer.status.as_u16() == 200)
        })
        .await;
        app.admin("/readyz").await.expect(200);
    }
}

#[tokio::test]
async fn a_killed_database_connection_costs_no_answered_link() {
    let app = TestApp::start(Kind::Postgres).await;
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let killing = async {
        for _ in 0..30 {
            app.database
                .run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'everlink' AND random() < 0.5",
                )
                .await;
        }
    };
    let creating = futures_util::future::join_all((0..6).map(async |thread| {
        let mut answered = Vec::new();
        for number in 0..25 {
            let user = app.user_with(|token| token.application = format!("{thread}-{number}"));
            let answer =
                user.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" })).await;
            match answer.status.as_u16() {
                200 | 201 => answered.push(answer.json()),
                status => assert_eq!(status, 503, "{}", answer.text()),
            }
        }
        answered
    }));
    let (answered, ()) = tokio::join!(creating, killing);
    eventually("the pool heals", async || app.user("alice").get("/drive").await.status.as_u16() == 200).await;
    for permission in answered.iter().flatten() {
        eventually("an answered link opens", async || {
            app.anybody().open(permission).await.status.as_u16() == 200
        })
        .await;
    }
    assert!(answered.iter().flatten().count() > 0);
    assert_eq!(
        app.database.number("SELECT count(*) FROM links").await,
        app.database.number("SELECT count(*) FROM link_events").await
    );
}
