//! Whatever goes wrong is told in Graph's shape.

use reqwest::Method;

use crate::support::{TestApp, on_each_database};

on_each_database!(
    what_the_framework_refuses_is_told_in_graphs_shape,
    the_clients_request_id_is_echoed,
    bad_addresses_are_the_callers_mistake,
    answers_never_hold_null,
);

async fn what_the_framework_refuses_is_told_in_graphs_shape(app: TestApp) {
    let alice = app.user("alice");
    alice.get("/v1.0/nonsense").await.expect_error(404, "itemNotFound");
    alice.get("/v1.0/me/drive/nonsense").await.expect_error(404, "itemNotFound");
    alice.get("/item/children").await.expect_error(404, "itemNotFound");
    alice.get("/drive/root/nonsense").await.expect_error(404, "itemNotFound");
    let answer = alice.delete("/drive/root/children").await.expect_error(405, "notAllowed");
    assert_eq!(answer.header("allow"), "GET, POST, HEAD");
    alice.send(alice.request(Method::OPTIONS, "/drive")).await.expect_error(405, "notAllowed");
    let long = format!("/drive/root:/{}", "x".repeat(20_000));
    alice.get(&long).await.expect_error(400, "invalidRequest");
    for count in [401, 20_000, 55_000] {
        let search = format!("/drive/root/search?q={}", "a".repeat(count));
        assert!(alice.get(&search).await.status.is_client_error(), "{count}");
    }
    // A time that no database can write.
    for year in ["-262143", "+262142", "-0001", "+10000"] {
        let token = format!(r#"["Modified false","",0,"{year}-01-01T00:00:00Z"]"#);
        let token = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, token);
        let list = format!("/drive/root/children?$orderby=lastModifiedDateTime&$skipToken={token}");
        alice.get(&list).await.expect_error(400, "invalidRequest");
    }
    // Requests that are for proxies.
    let address = app.url.strip_prefix("http://").expect("a URL").to_owned();
    for line in
        ["CONNECT example.com:80", "OPTIONS *", "GET http://evil.example/redir?resid=1", "CONNECT /", "PRI *"]
    {
        let mut connection = std::net::TcpStream::connect(&address).expect("a connection");
        let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut connection, request.as_bytes()).expect("it is sent");
        let answer = tokio::task::spawn_blocking(move || {
            let mut answer = Vec::new();
            // Some connections are just ended.
            let _ = std::io::Read::read_to_end(&mut connection, &mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        });
        let answer = answer.await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 2"), "{line}: {answer}");
    }
}

async fn the_clients_request_id_is_echoed(app: TestApp) {
    let alice = app.user("alice");
    let get = async |id: &str| {
        alice.send(alice.request(Method::GET, "/drive/root:/x").header("client-request-id", id)).await
    };
    let answer = get("8b3d1d4c-my-id").await.expect_error(404, "itemNotFound");
    assert_eq!(answer.header("client-request-id"), "8b3d1d4c-my-id");
    assert_eq!(answer.json()["error"]["innerError"]["client-request-id"], "8b3d1d4c-my-id");
    let other = get(&"x".repeat(500)).await.expect_error(404, "itemNotFound");
    assert_eq!(other.header("client-request-id"), "");
    assert_ne!(other.header("request-id"), answer.header("request-id"));
}

async fn bad_addresses_are_the_callers_mistake(app: TestApp) {
    let alice = app.user("alice");
    for path in [
        "/drive/root:/%FF",
        "/drive/root:/a%00b",
        "/drive/root:/a//b",
        "/drive/root:/a*b:/children",
        "/drive/root:/CON",
    ] {
        let answer = alice.get(path).await.expect_error(400, "invalidRequest");
        assert_eq!(answer.json()["error"]["innerError"]["code"], "invalidPath", "{path}");
        app.anybody().get(path).await.expect_error(401, "InvalidAuthenticationToken");
    }
    for path in [
        "/drive/items/x",
        "/drive/items/0!1",
        "/drives/xyz/root",
        "/drive/items/AB!99999999999999999999",
        "/shares/x",
    ] {
        alice.get(path).await.expect_error(404, "itemNotFound");
    }
}

async fn answers_never_hold_null(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let share = format!("/shares/{}", link["shareId"].as_str().expect("an id"));
    for path in [
        "/drive".to_owned(),
        "/drive/root".to_owned(),
        "/drive/root/children".to_owned(),
        "/drive/root:/a:/children".to_owned(),
        format!("/drive/items/{item}"),
        format!("/drive/items/{item}/versions"),
        format!("/drive/items/{item}/permissions"),
        share.clone(),
        format!("{share}/driveItem"),
        format!("{share}/permission"),
        "/drive/root:/missing".to_owned(),
    ] {
        let answer = alice.get(&path).await;
        assert!(!answer.text().contains("null"), "{path}: {}", answer.text());
    }
}
