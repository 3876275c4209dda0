//! Several requests in one.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Process, TestApp, on_each_database};

on_each_database!(
    each_request_of_a_batch_is_answered_as_if_alone,
    a_request_waits_for_those_it_depends_on,
    a_batch_that_makes_no_sense_is_refused,
    what_is_wrong_with_one_request_is_found_before_any_is_done,
    a_body_that_means_nothing_fails_alone,
    what_others_write_into_a_batch_is_read,
    a_batch_reaches_nothing_but_the_api,
    links_of_a_batch_start_with_the_url_that_the_batch_was_sent_to,
    a_proxy_to_the_world_is_not_asked_for_the_service_itself,
);

fn answer<'a>(batch: &'a Value, id: &str) -> &'a Value {
    batch["responses"].as_array().expect("a list").iter().find(|one| one["id"] == id).expect("an answer")
}

async fn each_request_of_a_batch_is_answered_as_if_alone(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let body = json!({ "requests": [
        { "id": "drive", "method": "GET", "url": "/me/drive" },
        { "id": "link", "method": "POST", "url": format!("/me/drive/items/{item}/createLink"),
          "headers": { "Content-Type": "application/json" }, "body": { "type": "view" } },
        { "id": "file", "method": "PUT", "url": "/me/drive/root:/c.txt:/content",
          "headers": { "Content-Type": "text/plain" }, "body": "hello" },
        { "id": "bytes", "method": "PUT", "url": "/me/drive/root:/d.bin:/content",
          "headers": { "Content-Type": "application/octet-stream" }, "body": "-_8" },
        { "id": "content", "method": "GET", "url": "/me/drive/root:/b.txt:/content" },
        { "id": "missing", "method": "GET", "url": "/me/drive/root:/missing" },
        { "id": "bad", "method": "POST", "url": format!("/me/drive/items/{item}/createLink"), "body": {} },
    ] });
    let batch = alice.post("/v1.0/$batch", body.clone()).await.expect(200).json();
    let alone = alice.get("/v1.0/me/drive").await.json();
    assert_eq!(answer(&batch, "drive")["body"]["id"], alone["id"]);
    assert_eq!(answer(&batch, "link")["status"], 201);
    assert_eq!(answer(&batch, "link")["body"]["id"], alice.link(&item, "view").await["id"]);
    assert_eq!(answer(&batch, "file")["body"]["size"], 5);
    assert_eq!(answer(&batch, "bytes")["body"]["size"], 2);
    let text = alice.get("/drive/root:/c.txt:/content").await.expect(302);
    assert_eq!(alice.get(text.header("location")).await.text(), "hello");
    let content = answer(&batch, "content");
    assert_eq!(content["status"], 302);
    assert_eq!(alice.get(content["headers"]["Location"].as_str().expect("a URL")).await.text(), "one");
    assert_eq!(answer(&batch, "missing")["body"]["error"]["code"], "itemNotFound");
    assert_eq!(answer(&batch, "bad")["status"], 400);
    app.anybody().post("/$batch", body).await.expect_error(401, "InvalidAuthenticationToken");
}

async fn a_request_waits_for_those_it_depends_on(app: TestApp) {
    let alice = app.user("alice");
    let upload = |id: &str, name: &str, depends: &[&str]| {
        json!({ "id": id, "method": "PUT", "url": format!("/me/drive/root:/{name}:/content"),
                "headers": { "content-type": "text/plain" }, "body": "aGVsbG8=", "dependsOn": depends })
    };
    let share = json!({ "id": "3", "method": "POST", "url": "/me/drive/root:/a.txt:/createLink",
                        "body": { "type": "view" }, "dependsOn": ["1"] });
    let body = json!({ "requests": [share, upload("1", "a.txt", &[]), upload("2", "bad*name", &[]), upload("4", "d.txt", &["2"])] });
    let batch = alice.post("/$batch", body).await.expect(200).json();
    assert_eq!(answer(&batch, "3")["status"], 201);
    assert_eq!(answer(&batch, "2")["status"], 400);
    assert_eq!(answer(&batch, "4")["status"], 424);
    alice.get("/drive/root:/d.txt").await.expect(404);
}

async fn a_batch_that_makes_no_sense_is_refused(app: TestApp) {
    let alice = app.user("alice");
    let get = |id: &str, url: &str, depends: &[&str]| json!({ "id": id, "method": "GET", "url": url, "dependsOn": depends });
    for requests in [
        json!([]),
        json!((0..21).map(|id| get(&id.to_string(), "/me/drive", &[])).collect::<Vec<_>>()),
        json!([get("1", "/me/drive", &[]), get("1", "/me/drive", &[])]),
        json!([get("1", "/me/drive", &["2"])]),
        json!([get("1", "/me/drive", &["2"]), get("2", "/me/drive", &["1"])]),
        json!([get("1", "http://elsewhere.example/", &[])]),
        json!([get("1", "/$batch", &[])]),
        json!([{ "id": "1", "method": "CONNECT", "url": "/me/drive" }]),
        json!([{ "id": "1", "method": "GET", "url": "/me/drive", "headers": { "bad header": "x" } }]),
        json!([{ "method": "GET", "url": "/me/drive" }]),
    ] {
        alice.post("/$batch", json!({ "requests": requests })).await.expect_error(400, "invalidRequest");
    }
    alice.post("/$batch", json!({})).await.expect_error(400, "invalidRequest");
}

async fn what_is_wrong_with_one_request_is_found_before_any_is_done(app: TestApp) {
    let alice = app.user("alice");
    let folder = json!({ "id": "1", "method": "post", "url": "me/drive/root/children",
                         "headers": { "Content-Type": "application/json" }, "body": { "name": "made", "folder": {} } });
    for bad in [
        json!({ "id": "2", "method": "GET", "url": "/me/drive", "headers": { "bad name": "x" } }),
        json!({ "id": "2", "method": "GET", "url": "/me/drive", "headers": { "a": "x\ny" } }),
        json!({ "id": "2", "method": "GET", "url": "/me/drive", "dependsOn": ["2"] }),
        json!({ "id": "2", "method": "BREW", "url": "/me/drive" }),
        json!({ "id": "2", "method": "GET", "url": format!("/me/drive?x={}", "a".repeat(70_000)) }),
    ] {
        let answer = alice.post("/$batch", json!({ "requests": [folder, bad] })).await;
        answer.expect_error(400, "invalidRequest");
        alice.get("/drive/root:/made").await.expect(404);
    }
    let done = alice.post("/$batch", json!({ "requests": [folder] })).await.expect(200).json();
    assert_eq!(answer(&done, "1")["status"], 201);
}

async fn a_body_that_means_nothing_fails_alone(app: TestApp) {
    let alice = app.user("alice");
    for (number, (content_type, body)) in [
        ("application/octet-stream", json!("not base64!")),
        ("image/png", json!({ "not": "a text" })),
        ("text/plain", json!(["not a text"])),
    ]
    .into_iter()
    .enumerate()
    {
        let requests = json!([
            { "id": "bad", "method": "PUT", "url": "/me/drive/root:/bad:/content",
              "headers": { "content-type": content_type }, "body": body },
            { "id": "good", "method": "PUT", "url": format!("/me/drive/root:/good{number}:/content"),
              "headers": { "content-type": "text/plain" }, "body": "x" },
        ]);
        let batch = alice.post("/$batch", json!({ "requests": requests })).await.expect(200).json();
        assert_eq!(answer(&batch, "bad")["status"], 400, "{content_type}");
        assert_eq!(answer(&batch, "bad")["body"]["error"]["code"], "invalidRequest");
        assert_eq!(answer(&batch, "good")["status"], 201);
        alice.get("/drive/root:/bad").await.expect(404);
    }
}

async fn what_others_write_into_a_batch_is_read(app: TestApp) {
    let alice = app.user("alice");
    let requests = json!([
        { "id": 1, "method": "GET", "url": "/me/drive", "headers": null, "dependsOn": null, "body": null },
        { "id": "two", "method": "GET", "url": "/me/drive", "dependsOn": ["1"] },
    ]);
    let batch = alice.post("/$batch", json!({ "requests": requests })).await.expect(200).json();
    for id in ["1", "two"] {
        assert_eq!(answer(&batch, id)["status"], 200);
        assert!(answer(&batch, id)["headers"]["Content-Type"].as_str().expect("a type").contains("json"));
    }
}

async fn a_batch_reaches_nothing_but_the_api(app: TestApp) {
    let alice = app.user("alice");
    for url in [
        "/../docs",
        "/../download/x",
        "/%2e%2e/docs",
        "/me/../../docs",
        "/%24b%61tch",
        "/$BATCH/",
        "/v1.0/../../$batch",
        "\\\\evil.example/",
    ] {
        let body =
            json!({ "requests": [{ "id": "1", "method": "POST", "url": url, "body": { "requests": [] } }] });
        let refused = alice.post("/$batch", body).await;
        let inside = (refused.status.as_u16() == 200).then(|| answer(&refused.json(), "1")["status"].clone());
        assert!(refused.status.as_u16() == 400 || inside == Some(json!(404)), "{url}: {}", refused.text());
    }
}

async fn links_of_a_batch_start_with_the_url_that_the_batch_was_sent_to(app: TestApp) {
    let behind = TestApp::start_with(app.database.kind, &["--trusted-proxies=127.0.0.1"]).await;
    let alice = behind.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let create = json!({ "id": "1", "method": "POST", "url": format!("/me/drive/items/{item}/createLink"),
                         "body": { "type": "view" } });
    let request = alice.request(reqwest::Method::POST, "/$batch").json(&json!({ "requests": [create] }));
    let request = request.header("x-forwarded-host", "files.example").header("x-forwarded-proto", "https");
    let batch = alice.send(request).await.expect(200).json();
    let url = answer(&batch, "1")["body"]["link"]["webUrl"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("https://files.example/redir?"), "{url}");
    // Nobody else says so.
    let request = alice.request(reqwest::Method::GET, &format!("/drive/items/{item}"));
    let item =
        alice.send(request.header("x-everlink-url", "guess https://evil.example")).await.expect(200).json();
    assert!(item["webUrl"].as_str().expect("a URL").starts_with(&behind.url), "{item}");
}

async fn a_proxy_to_the_world_is_not_asked_for_the_service_itself(app: TestApp) {
    // Nothing listens there.
    let proxy = ("HTTP_PROXY", "http://127.0.0.1:1");
    let process = Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.env(proxy.0, proxy.1);
    });
    let alice = process.user(&app.user("alice"));
    let body = json!({ "requests": [{ "id": "1", "method": "GET", "url": "/me/drive" }] });
    let batch = alice.post("/$batch", body).await.expect(200).json();
    assert_eq!(answer(&batch, "1")["status"], 200);
}
