//! Whatever clients do, the service's memory has a bound.

use std::process::Stdio;
use std::time::Duration;

use everlink::limits::Limits;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Process, TestApp, User, download_path, on_each_database, web_url};

on_each_database!(
    what_is_sent_takes_no_more_memory_than_there_is,
    what_is_not_taken_takes_no_more_memory_than_there_is,
    a_client_that_sends_too_slowly_is_cut_off,
);

/// Megabytes.
const MOST: u64 = 300;

/// A connection on which something was sent, as much of it as was taken in a few seconds, and nothing is read.
async fn send(server: &Process, parts: &[&[u8]]) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("a URL");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    let sending = async {
        for part in parts {
            if connection.write_all(part).await.is_err() {
                return;
            }
        }
    };
    // What is not taken is held back; that is as good.
    let _ = tokio::time::timeout(Duration::from_secs(8), sending).await;
    connection
}

async fn batch(user: &User, body: String) -> u16 {
    let request =
        user.request(Method::POST, "/v1.0/$batch").header("content-type", "application/json").body(body);
    user.send(request).await.status.as_u16()
}

async fn what_is_sent_takes_no_more_memory_than_there_is(app: TestApp) {
    let server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let alice = server.user(&app.user("alice"));
    alice.upload("/f/a.txt", "x").await;
    let one = |body: &str| {
        format!(r#"{{"requests":[{{"id":"1","method":"POST","url":"/me/drive/root/children",{body}}}]}}"#)
    };
    let many = |text: &str, bytes: usize| text.repeat(bytes / text.len());
    let mut bodies = Vec::new();
    for element in ["1,", "[],", r#"{"":1},"#, r#""","#, "[[[[]]]],"] {
        bodies.push((one(&format!(r#""body":[{}1]"#, many(element, 4_000_000))), 200));
    }
    let members: String = (0..300_000).map(|number| format!(r#""{number}":"","#)).collect();
    bodies.push((one(&format!(r#""headers":{{{members}"a":""}}"#)), 400));
    bodies.push((one(&format!(r#""dependsOn":[{}"1"]"#, many(r#""1","#, 4_000_000))), 400));
    bodies.push((one(&format!(r#""unknown":{{{members}"a":{{}}}}"#)), 200));
    bodies.push((format!(r#"{{"requests":[{}{{}}]}}"#, many("{},", 4_000_000)), 400));
    let request = r#"{"id":"1","method":"GET","url":"/me/drive"},"#;
    bodies.push((format!(r#"{{"requests":[{}{{}}]}}"#, many(request, 4_000_000)), 400));
    bodies.push((many("[", 4_000_000), 400));
    for (body, expected) in bodies {
        let sixteen = (0..16).map(|_| batch(&alice, body.clone()));
        for status in futures_util::future::join_all(sixteen).await {
            assert!(status == expected || status == 429, "{status} for {}", &body[..90]);
        }
        assert!(server.peak_memory() < MOST, "{} MB after {}", server.peak_memory(), &body[..90]);
    }
    // Uploads that stand still, of all kinds, by an anonymous edit link and by a token.
    let folder =
        alice.get("/drive/root:/f").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "edit").await;
    let share = format!("/shares/{}/driveItem", link["shareId"].as_str().expect("an id"));
    let token = format!("Authorization: Bearer {}\r\n", alice.token.as_deref().expect("a token"));
    let block = vec![b'z'; 5 * 1024 * 1024 - 4096];
    let chunk = format!("{:x}\r\n", block.len());
    let mut held = Vec::new();
    for number in 0..240 {
        let whole = "Content-Length: 100000000\r\n\r\n";
        let (head, start) = match number % 3 {
            0 => (format!("PUT {share}:/u{number}:/content HTTP/1.1\r\nHost: x\r\n{whole}"), String::new()),
            1 => (
                format!(
                    "PUT /drive/root:/u{number}:/content HTTP/1.1\r\nHost: x\r\n{token}Transfer-Encoding: chunked\r\n\r\n"
                ),
                chunk.clone(),
            ),
            _ => (
                format!(
                    "POST /drive/root/children HTTP/1.1\r\nHost: x\r\n{token}\
                     Content-Type: multipart/related; boundary=x\r\n{whole}"
                ),
                format!(
                    "--x\r\nContent-ID: <metadata>\r\nContent-Type: application/json\r\n\r\n\
                     {{\"name\":\"m{number}\",\"file\":{{}},\"@content.sourceUrl\":\"cid:c\"}}\r\n\
                     --x\r\nContent-ID: <c>\r\n\r\n"
                ),
            ),
        };
        held.push((head, start));
    }
    let connections = futures_util::future::join_all(
        held.iter()
            .map(async |(head, start)| send(&server, &[head.as_bytes(), start.as_bytes(), &block]).await),
    )
    .await;
    assert!(server.peak_memory() < MOST, "{} MB with uploads that stand still", server.peak_memory());
    // Another link's uploads still go on.
    let bob = server.user(&app.user("bob"));
    bob.put("/drive/root:/b.bin:/content", vec![1; 3_000_000]).await.expect(201);
    drop(connections);
    // Heads that never end.
    let half = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(120_000));
    let heads =
        futures_util::future::join_all((0..900).map(async |_| send(&server, &[half.as_bytes()]).await)).await;
    assert!(server.peak_memory() < MOST, "{} MB with heads that never end", server.peak_memory());
    drop(heads);
    alice.get("/drive").await.expect(200);
}

async fn what_is_not_taken_takes_no_more_memory_than_there_is(app: TestApp) {
    // All of them come from here.
    let server = Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.env("EVERLINK_CONNECTIONS_PER_ADDRESS", "0");
    });
    let alice = server.user(&app.user("alice"));
    let large = alice.put("/drive/root:/large.bin:/content", vec![7; 8_000_000]).await.expect(201).json();
    let large = alice.link(large["id"].as_str().expect("an id"), "view").await;
    // Each entry shows a long path.
    let name = "\u{1F389}".repeat(190);
    let mut parent = "root".to_owned();
    for _ in 0..2 {
        let body = json!({ "name": name, "folder": {} });
        let made = alice.post(&format!("/drive/items/{parent}/children"), body).await.expect(201).json();
        parent = made["id"].as_str().expect("an id").to_owned();
    }
    app.database.fill(&parent, 2_000, "f").await;
    let folder = alice.link(&parent, "view").await;
    let share =
        format!("/shares/{}/driveItem/children?$top=1000", folder["shareId"].as_str().expect("an id"));
    let page = web_url(&folder).split_once("/redir").expect("a link").1;
    let token = format!("Authorization: Bearer {}\r\n", alice.token.as_deref().expect("a token"));
    let children = format!("/drive/items/{parent}/children?$top=1000");
    let search = format!("/drive/items/{parent}/search(q='f')?$top=1000");
    let delta = "/drive/root/delta?$top=1000".to_owned();
    let calls = [
        (download_path(&large), ""),
        (share, ""),
        (format!("/redir{page}"), ""),
        (children, token.as_str()),
        (search, token.as_str()),
        (delta, token.as_str()),
        ("/openapi.json".to_owned(), ""),
        ("/docs".to_owned(), ""),
    ];
    for (path, token) in &calls {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{token}\r\n");
        // Each asks several times, one request behind the other.
        let heads = head.repeat(8);
        let connections =
            futures_util::future::join_all((0..120).map(async |_| send(&server, &[heads.as_bytes()]).await))
                .await;
        let status = alice.get("/drive").await.status.as_u16();
        assert_eq!(status, 200, "while nobody takes {path}");
        assert!(server.peak_memory() < MOST, "{} MB while nobody takes {path}", server.peak_memory());
        drop(connections);
    }
}

async fn a_client_that_sends_too_slowly_is_cut_off(app: TestApp) {
    let limits = Limits { stall: Duration::from_millis(300), ..Limits::default() };
    let slow = app.with_limits(limits).await;
    let alice = slow.user("alice");
    alice.upload("/a.txt", "x").await;
    let trickle = || {
        let bytes = futures_util::stream::unfold(0, |number| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(vec![b'x']), number + 1))
        });
        reqwest::Body::wrap_stream(bytes)
    };
    alice.put("/drive/root:/slow.txt:/content", trickle()).await.expect_error(408, "invalidRequest");
    let session = alice.post("/drive/root:/s.txt:/createUploadSession", json!({})).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let range =
        alice.request(Method::PUT, url).header("content-range", "bytes 0-999999/1000000").body(trickle());
    alice.send(range).await.expect_error(408, "invalidRequest");
    let multipart = alice
        .request(Method::POST, "/drive/root/children")
        .header("content-type", "multipart/related; boundary=x")
        .body(trickle());
    alice.send(multipart).await.expect_error(408, "invalidRequest");
    let json = alice.request(Method::POST, "/drive/root:/a.txt:/createLink").body(trickle());
    alice.send(json).await.expect_error(408, "invalidRequest");
    // Who keeps up the pace may take longer.
    let steady = futures_util::stream::unfold(0, |number| async move {
        tokio::time::sleep(Duration::from_millis(60)).await;
        (number < 12).then(|| (Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024]), number + 1))
    });
    let body = reqwest::Body::wrap_stream(steady);
    assert_eq!(
        alice.put("/drive/root:/steady.txt:/content", body).await.expect(201).json()["size"],
        12 * 16 * 1024
    );
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}
