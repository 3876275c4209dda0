//! Several requests in one.

use serde_json::{Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database!(
    each_request_of_a_batch_is_answered_as_if_alone,
    a_request_waits_for_those_it_depends_on,
    a_batch_that_makes_no_sense_is_refused,
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
          "headers": { "Content-Type": "text/plain" }, "body": "aGVsbG8=" },
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
    let content = answer(&batch, "content");
    assert_eq!(content["status"], 302);
    assert_eq!(alice.get(content["headers"]["location"].as_str().expect("a URL")).await.text(), "one");
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
