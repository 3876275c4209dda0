//! What real clients ran into: each is told by a client that lost data, or could not work.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User, download_path, on_each_database, page_path, web_url};

on_each_database!(
    a_session_without_a_word_on_conflicts_replaces_what_is_there,
    the_query_says_what_to_do_with_a_taken_name_too,
    changes_tell_where_items_are,
    a_token_that_can_not_be_served_leads_to_where_to_start_anew,
    a_folder_that_is_to_replace_one_is_that_one,
    a_folder_is_made_by_an_edit_link,
    json_may_be_gzipped_and_no_more_than_is_allowed,
    a_file_is_never_kept_coded,
    json_may_begin_with_a_mark,
    options_that_are_not_served_are_refused_by_name,
    every_answer_has_the_members_that_were_selected,
    what_a_client_has_seen_is_not_sent_again,
    a_download_goes_on_by_date,
    head_is_wherever_get_is,
    scripts_of_other_sites_may_use_the_api,
    a_link_opens_as_others_write_it,
    a_share_is_shown_with_what_is_expanded,
    what_there_is_nothing_of_is_an_empty_list,
    a_version_is_read_by_its_id,
    people_get_a_page_where_nothing_is,
    a_drive_holds_no_more_than_its_quota,
    a_description_is_kept_and_shown,
);

async fn range(app: &TestApp, session: &Value, content: &'static str) -> crate::support::Answer {
    let url = session["uploadUrl"].as_str().expect("a URL");
    let put = app.anybody().request(Method::PUT, url);
    let last = content.len() - 1;
    let put = put.header("content-range", format!("bytes 0-{last}/{}", content.len())).body(content);
    app.anybody().send(put).await
}

async fn a_session_without_a_word_on_conflicts_replaces_what_is_there(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "old").await;
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "edit").await;
    let share = format!("/shares/{}", link["shareId"].as_str().expect("an id"));
    for (number, path) in [
        "/drive/root:/a/b.txt:/createUploadSession".to_owned(),
        format!("/drive/items/{item}/createUploadSession"),
        format!("/drive/items/{folder}:/b.txt:/createUploadSession"),
        format!("{share}/driveItem:/b.txt:/createUploadSession"),
    ]
    .iter()
    .enumerate()
    {
        let times = json!({ "item": { "fileSystemInfo": { "createdDateTime": "2020-01-01T00:00:00Z" } } });
        for body in [json!({}), times] {
            let session = alice.post(path, body).await.expect(200).json();
            range(&app, &session, ["one", "two", "three", "four"][number]).await.expect(200);
        }
        let shown = alice.get("/drive/root:/a/b.txt").await.json();
        assert_eq!((&shown["id"], &shown["size"]), (&json!(item), &json!([3, 3, 5, 4][number])), "{path}");
    }
}

async fn the_query_says_what_to_do_with_a_taken_name_too(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    alice.upload("/to/a.txt", "y").await;
    let rename = "@microsoft.graph.conflictBehavior=rename";
    let path = format!("/drive/root:/a.txt:/createUploadSession?{rename}");
    let session = alice.post(&path, json!({})).await.expect(200).json();
    assert_eq!(range(&app, &session, "new").await.expect(201).json()["name"], "a 1.txt");
    let fail = "/drive/root:/a.txt:/createUploadSession?@name.conflictBehavior=fail";
    alice.post(fail, json!({})).await.expect_error(409, "nameAlreadyExists");
    let there = json!({ "parentReference": { "path": "/drive/root:/to" } });
    let moved = alice.request(Method::PATCH, &format!("/drive/items/{item}?{rename}")).json(&there);
    assert_eq!(alice.send(moved).await.expect(200).json()["name"], "a 1.txt");
    let folder = json!({ "name": "to", "folder": {} });
    let made = alice.post(&format!("/drive/root/children?{rename}"), folder).await.expect(201).json();
    assert_eq!(made["name"], "to 1");
}

async fn changes_tell_where_items_are(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b c/d.txt", "x").await;
    let gone = alice.upload("/a/gone.txt", "x").await;
    let since = alice.get("/drive/root/delta").await.expect(200).json();
    let path_of = |page: &Value, name: &str| {
        let items = page["value"].as_array().expect("a list");
        let item = items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        item["parentReference"]["path"].clone()
    };
    assert_eq!(path_of(&since, "a"), "/drive/root:");
    assert_eq!(path_of(&since, "d.txt"), "/drive/root:/a/b%20c");
    assert_eq!(path_of(&since, "root"), Value::Null);
    alice.delete(&format!("/drive/items/{gone}")).await.expect(204);
    let link = since["@odata.deltaLink"].as_str().expect("a URL");
    let next = alice.get(link).await.expect(200).json();
    assert_eq!(path_of(&next, "gone.txt"), "/drive/root:/a");
    let (drive, _) = gone.split_once('!').expect("an id");
    let by_id = alice.get(&format!("/drives/{drive}/root/delta")).await.expect(200).json();
    assert_eq!(path_of(&by_id, "d.txt"), format!("/drives/{drive}/root:/a/b%20c"));
}

async fn a_token_that_can_not_be_served_leads_to_where_to_start_anew(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a.txt", "x").await;
    for token in ["nonsense", "999999.1"] {
        let answer = alice.get(&format!("/drive/root/delta?token={token}")).await;
        let answer = answer.expect_error(410, "resyncRequired");
        assert_eq!(alice.get(answer.header("location")).await.expect(200).json()["value"][0]["name"], "root");
    }
}

async fn a_folder_that_is_to_replace_one_is_that_one(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/here/kept.txt", "x").await;
    alice.upload("/file", "x").await;
    let there = alice.get("/drive/root:/here").await.json()["id"].clone();
    let replace =
        |name: &str| json!({ "name": name, "folder": {}, "@microsoft.graph.conflictBehavior": "replace" });
    let given = alice.post("/drive/root/children", replace("here")).await.expect(200).json();
    assert_eq!(given["id"], there);
    alice.get("/drive/root:/here/kept.txt").await.expect(200);
    alice.post("/drive/root/children", replace("file")).await.expect_error(409, "nameAlreadyExists");
    alice.post("/drive/root/children", replace("new")).await.expect(201);
}

async fn a_folder_is_made_by_an_edit_link(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.txt", "x").await;
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let children =
        |link: &Value| format!("/shares/{}/driveItem/children", link["shareId"].as_str().expect("an id"));
    let body = json!({ "name": "new", "folder": {} });
    let link = alice.link(&folder, "view").await;
    app.anybody().post(&children(&link), body.clone()).await.expect_error(404, "itemNotFound");
    let link = alice.link(&folder, "edit").await;
    let made = app.anybody().post(&children(&link), body.clone()).await.expect(201).json();
    assert!(made["parentReference"].get("path").is_none(), "where it is outside is nobody's business");
    alice.get("/drive/root:/a/new").await.expect(200);
    app.anybody().post(&children(&link), body).await.expect_error(409, "nameAlreadyExists");
    let listed = app.anybody().get(&children(&link)).await.expect(200).json();
    assert_eq!(listed["value"].as_array().map(Vec::len), Some(2));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn coded(user: &User, method: Method, path: &str, coding: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
    user.request(method, path).header("content-encoding", coding).body(body)
}

async fn json_may_be_gzipped_and_no_more_than_is_allowed(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    let path = format!("/drive/items/{item}/createLink");
    let body = br#"{"type":"view"}"#;
    for coding in ["gzip", "GZIP", "x-gzip"] {
        let answer = alice.send(coded(&alice, Method::POST, &path, coding, gzip(body))).await;
        assert!(matches!(answer.status.as_u16(), 200 | 201), "{}", answer.text());
    }
    let batch = json!({ "requests": [{ "id": "1", "method": "GET", "url": "/me/drive" }] });
    let coded_batch = coded(&alice, Method::POST, "/$batch", "gzip", gzip(batch.to_string().as_bytes()));
    assert_eq!(alice.send(coded_batch).await.expect(200).json()["responses"][0]["status"], 200);
    let large = gzip(format!("{{\"type\":\"view\",\"x\":\"{}\"}}", "a".repeat(1_000_000)).as_bytes());
    assert!(large.len() < 16 * 1024);
    let answer = alice.send(coded(&alice, Method::POST, &path, "gzip", large)).await;
    answer.expect_error(413, "invalidRequest");
    let answer = alice.send(coded(&alice, Method::POST, &path, "gzip", body.to_vec())).await;
    answer.expect_error(400, "invalidRequest");
    let answer = alice.send(coded(&alice, Method::POST, &path, "br", body.to_vec())).await;
    assert_eq!(answer.expect_error(415, "invalidRequest").header("accept-encoding"), "gzip, identity");
}

async fn a_file_is_never_kept_coded(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.txt", "x").await;
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "edit").await;
    let share = link["shareId"].as_str().expect("an id");
    let session = alice.post("/drive/root:/s.txt:/createUploadSession", json!({})).await.expect(200).json();
    for (method, path) in [
        (Method::PUT, "/drive/root:/new.txt:/content"),
        (Method::PUT, session["uploadUrl"].as_str().expect("a URL")),
        (Method::PUT, &format!("/shares/{share}/driveItem:/new.txt:/content")),
        (Method::POST, "/drive/root/children"),
    ] {
        let request = coded(&alice, method.clone(), path, "gzip", gzip(b"plain"));
        let request = request.header("content-range", "bytes 0-24/25");
        let request = match method {
            Method::POST => request.header("content-type", "multipart/related; boundary=x"),
            _ => request,
        };
        let answer = alice.send(request).await.expect_error(415, "invalidRequest");
        assert_eq!(answer.header("accept-encoding"), "identity", "{path}");
    }
    alice.get("/drive/root:/new.txt").await.expect(404);
    alice.get("/drive/root:/a/new.txt").await.expect(404);
    let plain = coded(&alice, Method::PUT, "/drive/root:/plain.txt:/content", "identity", b"plain".to_vec());
    assert_eq!(alice.send(plain).await.expect(201).json()["size"], 5);
}

async fn json_may_begin_with_a_mark(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    let request = alice.request(Method::POST, &format!("/drive/items/{item}/createLink"));
    alice.send(request.body("\u{feff}{\"type\":\"view\"}")).await.expect(201);
}

async fn options_that_are_not_served_are_refused_by_name(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "x").await;
    let link = alice.link(&item, "view").await;
    let share = format!("/shares/{}", link["shareId"].as_str().expect("an id"));
    for path in [
        "/drive".to_owned(),
        "/drives".to_owned(),
        "/me".to_owned(),
        "/drive/root/children".to_owned(),
        "/drive/root/delta".to_owned(),
        "/drive/root/search(q='b')".to_owned(),
        format!("/drive/items/{item}"),
        format!("/drive/items/{item}/content"),
        format!("/drive/items/{item}/versions"),
        format!("/drive/items/{item}/permissions"),
        format!("/drive/items/{item}/thumbnails"),
        share.clone(),
        format!("{share}/driveItem"),
        format!("{share}/driveItem/content"),
        format!("{share}/permission"),
    ] {
        for option in
            ["$filter=x", "filter=x", "$skip=2", "$search=x", "$count=true", "$apply=x", "format=pdf"]
        {
            let answer = alice.get(&format!("{path}?{option}")).await.expect_error(400, "invalidRequest");
            let error = &answer.json()["error"];
            let name = option.split('=').next().expect("a name").trim_start_matches('$');
            assert_eq!(error["innerError"]["code"], "notSupported", "{path}?{option}");
            assert!(error["message"].as_str().expect("text").contains(name), "{path}?{option}");
        }
        let answer = alice.get(&format!("{path}?utm_source=mail&other=1")).await;
        assert!(matches!(answer.status.as_u16(), 200 | 302), "{path}: {}", answer.text());
    }
}

async fn every_answer_has_the_members_that_were_selected(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "x").await;
    let link = alice.link(&item, "view").await;
    let share = link["shareId"].as_str().expect("an id");
    let patch = alice.request(Method::PATCH, &format!("/drive/items/{item}?$select=name"));
    let answers = [
        alice.get(&format!("/drive/items/{item}/permissions?$select=id")).await,
        alice.get(&format!("/drive/items/{item}/versions?$select=id")).await,
        alice.get(&format!("/shares/{share}?$select=id")).await,
        alice.send(patch.json(&json!({ "name": "c.txt" }))).await,
        alice.put("/drive/root:/a/c.txt:/content?$select=id", "y").await,
        alice.post("/drive/root:/a:/children?$select=id", json!({ "name": "f", "folder": {} })).await,
        alice.post(&format!("/drive/items/{item}/createLink?$select=id"), json!({ "type": "view" })).await,
    ];
    for answer in answers {
        assert!(answer.status.is_success(), "{}", answer.text());
        let answer = answer.json();
        let shown = answer["value"].get(0).unwrap_or(&answer).as_object().expect("an object").clone();
        assert!(shown["id"].is_string(), "the id stays: {shown:?}");
        let others =
            shown.keys().filter(|name| !name.starts_with('@') && !["id", "name"].contains(&name.as_str()));
        assert_eq!(others.count(), 0, "{shown:?}");
    }
}

async fn what_a_client_has_seen_is_not_sent_again(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "x").await;
    let link = alice.link(&item, "view").await;
    let share = link["shareId"].as_str().expect("an id");
    let shown = alice.get(&format!("/drive/items/{item}")).await.json();
    let folder = alice.get("/drive/root:/a").await.json();
    let (etag, ctag) = (shown["eTag"].as_str().expect("a tag"), shown["cTag"].as_str().expect("a tag"));
    let folder_tag = folder["eTag"].as_str().expect("a tag");
    for (path, tags) in [
        (format!("/drive/items/{item}"), vec![etag, ctag]),
        (format!("/drive/items/{item}/content"), vec![etag, ctag]),
        (format!("/drive/items/{item}/permissions"), vec![etag, ctag, etag.trim_matches('"')]),
        (format!("/shares/{share}"), vec![etag]),
        (format!("/shares/{share}/permission"), vec![etag]),
        (format!("/shares/{share}/driveItem"), vec![etag, ctag]),
        (format!("/shares/{share}/driveItem/content"), vec![etag, ctag]),
        ("/drive/root:/a:/children".to_owned(), vec![folder_tag]),
    ] {
        for tag in tags {
            let request = alice.request(Method::GET, &path).header("if-none-match", tag);
            alice.send(request).await.expect(304);
        }
        let other = alice.send(alice.request(Method::GET, &path).header("if-none-match", "\"x\"")).await;
        assert!(matches!(other.status.as_u16(), 200 | 302), "{path}");
    }
}

async fn a_download_goes_on_by_date(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "0123456789").await;
    let path = download_path(&alice.link(&item, "view").await);
    let first = app.anybody().get(&path).await.expect(200);
    let modified = first.header("last-modified").to_owned();
    let get = async |headers: &[(&str, &str)]| {
        let request = app.anybody().request(Method::GET, &path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        app.anybody().send(request).await
    };
    let long_ago = "Mon, 01 Jan 2001 00:00:00 GMT";
    get(&[("if-modified-since", &modified)]).await.expect(304);
    get(&[("if-modified-since", long_ago)]).await.expect(200);
    get(&[("if-modified-since", &modified), ("if-none-match", "\"other\"")]).await.expect(200);
    get(&[("if-unmodified-since", &modified)]).await.expect(200);
    get(&[("if-unmodified-since", long_ago)]).await.expect(412);
    get(&[("if-modified-since", "nonsense"), ("if-unmodified-since", "nonsense")]).await.expect(200);
    let part = get(&[("range", "bytes=4-"), ("if-range", &modified)]).await.expect(206);
    assert_eq!(part.text(), "456789");
    assert_eq!(get(&[("range", "bytes=4-"), ("if-range", long_ago)]).await.expect(200).text(), "0123456789");
    app.pass(TimeDelta::seconds(5));
    alice.upload("/a.txt", "abcdefghij").await;
    get(&[("if-modified-since", &modified)]).await.expect(200);
    assert_eq!(get(&[("range", "bytes=4-"), ("if-range", &modified)]).await.expect(200).text(), "abcdefghij");
}

async fn head_is_wherever_get_is(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    let link = alice.link(&item, "view").await;
    let share = link["shareId"].as_str().expect("an id");
    for path in [
        "/".to_owned(),
        "/docs".to_owned(),
        "/favicon.ico".to_owned(),
        "/openapi.json".to_owned(),
        "/drive".to_owned(),
        "/drive/root/children".to_owned(),
        format!("/drive/items/{item}"),
        format!("/drive/items/{item}/content"),
        format!("/drive/items/{item}/permissions"),
        format!("/shares/{share}"),
        format!("/shares/{share}/driveItem"),
        format!("/shares/{share}/driveItem/content"),
        download_path(&link),
        page_path(&link),
        page_path(&link).replace("/redir", "/qr"),
        page_path(&link).replace("/redir", "/qr.svg"),
    ] {
        let head = alice.send(alice.request(Method::HEAD, &path)).await;
        let got = alice.get(&path).await;
        assert_eq!(head.status, got.status, "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let head = app.http.head(format!("{}{path}", app.admin)).send().await.expect("an answer");
        assert_eq!(head.status(), 200, "{path}");
    }
    let refused = alice.put("/drive/root/children", "x").await.expect_error(405, "notAllowed");
    assert!(refused.header("allow").contains("HEAD"));
}

async fn scripts_of_other_sites_may_use_the_api(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    let shown = alice.get(&format!("/drive/items/{item}")).await.json();
    let session = alice.post("/drive/root:/s.txt:/createUploadSession", json!({})).await.json();
    let download = shown["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    let upload = session["uploadUrl"].as_str().expect("a URL");
    for path in ["/drive/root/children", "/nonsense", download, upload] {
        let asks = app.anybody().request(Method::OPTIONS, path);
        let asks = asks
            .header("origin", "https://app.example")
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization,content-range");
        let answer = app.anybody().send(asks).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,content-range");
        assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    }
    for path in ["/drive", "/drive/items/none", download, upload] {
        let answer = alice.get(path).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(answer.header("access-control-expose-headers").contains("Location"));
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    let link = alice.link(&item, "view").await;
    for path in ["/", "/docs", web_url(&link)] {
        let answer = app.anybody().get(path).await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

async fn a_link_opens_as_others_write_it(app: TestApp) {
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/a.txt", "x").await, "view").await;
    let url = web_url(&link);
    for written in [
        url.replace("/redir?", "/redir/?"),
        url.replace('&', "&amp;"),
        url.replace('!', "%21"),
        format!("{url}&utm_source=mail"),
    ] {
        let page = app.anybody().get(&written).await.expect(200);
        assert!(page.text().contains("a.txt"), "{written}");
        let share = format!("/shares/u!{}/driveItem", URL_SAFE_NO_PAD.encode(&written));
        assert_eq!(app.anybody().get(&share).await.expect(200).json()["name"], "a.txt", "{written}");
    }
}

async fn a_share_is_shown_with_what_is_expanded(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.txt", "x").await;
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "view").await;
    let share = format!("/shares/{}", link["shareId"].as_str().expect("an id"));
    let shown =
        app.anybody().get(&format!("{share}?$expand=driveItem,children,root")).await.expect(200).json();
    assert_eq!((&shown["driveItem"]["name"], &shown["root"]["name"]), (&json!("a"), &json!("a")));
    assert_eq!(shown["children"][0]["name"], "b.txt");
    let plain = app.anybody().get(&share).await.expect(200).json();
    assert!(plain.get("driveItem").is_none() && plain.get("children").is_none());
    app.anybody().get(&format!("{share}?$expand=list")).await.expect_error(400, "notSupported");
}

async fn what_there_is_nothing_of_is_an_empty_list(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    for path in [
        "/me/drive/recent",
        "/drive/sharedWithMe",
        "/drive/sharedwithme",
        &format!("/drive/items/{item}/thumbnails"),
    ] {
        assert_eq!(alice.get(path).await.expect(200).json()["value"], json!([]), "{path}");
    }
    assert_eq!(alice.get("/v1.0/me").await.expect(200).json()["id"], "alice");
    let drive = alice.get("/drive").await.json();
    assert_eq!(drive["name"], "OneDrive");
    assert_eq!(drive["owner"]["user"]["displayName"], "alice", "who has no name is called by the id");
}

async fn a_version_is_read_by_its_id(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "one").await;
    alice.upload("/a.txt", "four").await;
    let version = async |id: &str| alice.get(&format!("/drive/items/{item}/versions/{id}")).await;
    assert_eq!(version("1.0").await.expect(200).json()["size"], 3);
    assert_eq!(version("2.0").await.expect(200).json()["size"], 4);
    for missing in ["3.0", "0.0", "x", "9223372036854775807.0"] {
        version(missing).await.expect_error(404, "itemNotFound");
    }
}

async fn people_get_a_page_where_nothing_is(app: TestApp) {
    let browser = |path: &str| app.anybody().request(Method::GET, path).header("accept", "text/html,*/*");
    let page = app.anybody().send(browser("/nonsense")).await.expect(404);
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.text());
    app.anybody().get("/nonsense").await.expect_error(404, "itemNotFound");
}

async fn a_drive_holds_no_more_than_its_quota(app: TestApp) {
    let app = app.second_with(&["--drive-quota=100"]).await;
    let alice = app.user("alice");
    let quota = async || alice.get("/drive").await.expect(200).json()["quota"].clone();
    let expected = json!({ "total": 100, "used": 0, "remaining": 100, "deleted": 0, "state": "normal" });
    assert_eq!(quota().await, expected);
    let put = async |path: &str, length: usize| {
        alice.put(&format!("/drive/root:{path}:/content"), "x".repeat(length)).await
    };
    let a = put("/a.txt", 60).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
    put("/b.txt", 41).await.expect_error(507, "quotaLimitReached");
    alice.get("/drive/root:/b.txt").await.expect(404);
    // What is replaced makes room.
    put("/a.txt", 95).await.expect(200);
    let shown = quota().await;
    assert_eq!((&shown["remaining"], &shown["state"]), (&json!(5), &json!("nearing")));
    // Where the length is not told, what has come is not kept.
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("x".repeat(6))]);
    let body = reqwest::Body::wrap_stream(chunks);
    alice.put("/drive/root:/c.txt:/content", body).await.expect_error(507, "quotaLimitReached");
    let session = alice.post("/drive/root:/s.txt:/createUploadSession", json!({})).await.expect(200).json();
    range(&app, &session, "123456").await.expect_error(507, "quotaLimitReached");
    let told = json!({ "item": { "fileSize": 6 } });
    alice.post("/drive/root:/s.txt:/createUploadSession", told).await.expect_error(507, "quotaLimitReached");
    alice
        .post("/drive/root:/a.txt:/copy", json!({ "name": "d.txt" }))
        .await
        .expect_error(507, "quotaLimitReached");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
    put("/e.txt", 5).await.expect(201);
    assert_eq!(quota().await["state"], "critical");
    alice.delete("/drive/root:/a.txt").await.expect(204);
    let expected = json!({ "total": 100, "used": 5, "remaining": 95, "deleted": 95, "state": "normal" });
    assert_eq!(quota().await, expected);
    // Nor does it by what comes back.
    put("/f.txt", 1).await.expect(201);
    let restore = async || alice.post(&format!("/drive/items/{a}/restore"), json!({})).await;
    restore().await.expect_error(507, "quotaLimitReached");
    put("/f.txt", 0).await.expect(200);
    restore().await.expect(200);
    alice.post(&format!("/drive/items/{a}/versions/1.0/restoreVersion"), json!({})).await.expect(204);
    put("/f.txt", 30).await.expect(200);
    alice
        .post(&format!("/drive/items/{a}/versions/2.0/restoreVersion"), json!({}))
        .await
        .expect_error(507, "quotaLimitReached");
}

async fn a_description_is_kept_and_shown(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "one").await;
    let path = format!("/drive/items/{item}");
    assert!(alice.get(&path).await.expect(200).json().get("description").is_none());
    let text = "Of «last year» 🗂\nand more";
    let told = alice.patch(&path, json!({ "description": text })).await.expect(200).json();
    assert_eq!(told["description"], text);
    // What else is said of it, and a new content, leave it as it is.
    alice.patch(&path, json!({ "name": "b.txt" })).await.expect(200);
    alice.put(&format!("{path}/content"), "two").await.expect(200);
    let link = alice.link(&item, "view").await;
    let shared = format!("/shares/{}/driveItem", link["shareId"].as_str().expect("an id"));
    for shown in
        [alice.get(&path).await, app.anybody().get(&shared).await, alice.get("/drive/root:/b.txt").await]
    {
        assert_eq!(shown.expect(200).json()["description"], text);
    }
    for list in ["/drive/root/children", "/drive/root/delta", "/drive/root/search(q='b.txt')"] {
        let list = alice.get(list).await.expect(200).json();
        let items = list["value"].as_array().expect("a list");
        assert!(items.iter().any(|item| item["description"] == text), "{list}");
    }
    for none in [json!(null), json!("")] {
        alice.patch(&path, json!({ "description": "x" })).await.expect(200);
        let cleared = alice.patch(&path, json!({ "description": none })).await.expect(200).json();
        assert!(cleared.get("description").is_none(), "{none}");
    }
    for bad in [json!("x".repeat(4097)), json!("a\u{0}b"), json!(1), json!(["x"])] {
        alice.patch(&path, json!({ "description": bad })).await.expect_error(400, "invalidRequest");
    }
    alice.patch(&path, json!({ "description": "ü".repeat(4096) })).await.expect(200);
    // What is made with one has it.
    let times = json!({ "lastModifiedDateTime": "2020-01-02T03:04:05Z" });
    let body = json!({ "name": "f", "folder": {}, "description": text, "fileSystemInfo": times });
    for folder in [
        alice.post("/drive/root/children", body).await.expect(201).json(),
        alice.get("/drive/root:/f").await.expect(200).json(),
    ] {
        assert_eq!(folder["description"], text);
        assert_eq!(folder["fileSystemInfo"]["lastModifiedDateTime"], "2020-01-02T03:04:05.000Z");
    }
    for (path, status) in [("/s.txt", 201), ("/b.txt", 200)] {
        let body = json!({ "item": { "description": text } });
        let session = alice.post(&format!("/drive/root:{path}:/createUploadSession"), body).await.expect(200);
        let done = range(&app, &session.json(), "123456").await.expect(status).json();
        assert_eq!(done["description"], text, "{path}");
    }
}
