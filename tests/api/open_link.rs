//! Opening a link: its page, its bytes, and what `/shares` shows of it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User, download_path, on_each_database, web_url};

on_each_database!(
    a_link_opens_to_anybody_as_a_page_as_json_and_as_bytes,
    a_download_serves_ranges_and_conditions,
    a_share_is_found_by_its_id_and_by_its_url,
    a_file_is_served_as_what_the_server_takes_it_for_and_never_run,
    an_organizations_link_opens_to_its_members_alone,
    a_folders_link_opens_what_is_in_it_and_nothing_else,
    an_edit_link_writes_and_a_view_link_does_not,
    an_edit_link_of_a_folder_writes_into_it_and_not_beside_it,
    an_embed_link_has_a_page_that_may_be_framed,
    a_page_that_was_left_open_still_leads_to_what_the_link_shares,
    a_parameter_that_is_given_twice_opens_nothing,
    a_visitor_learns_nothing_of_where_the_item_is,
    a_download_url_ends_with_its_time_and_with_its_link,
    an_items_own_url_opens_to_its_owner,
);

fn path_of(permission: &Value) -> String {
    let url = web_url(permission);
    url[url.find("/redir").expect("a redir URL")..].to_owned()
}

fn share_of(permission: &Value) -> String {
    format!("/v1.0/shares/{}", permission["shareId"].as_str().expect("an id"))
}

async fn get_json(user: &User, path: &str) -> crate::support::Answer {
    user.send(user.request(Method::GET, path).header("accept", "application/json")).await
}

async fn a_link_opens_to_anybody_as_a_page_as_json_and_as_bytes(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/<b> & c.txt".replace(['<', '>'], "'").as_str(), "hello").await;
    let link = alice.link(&item, "view").await;
    let anybody = app.anybody();
    let page = anybody.get(&path_of(&link)).await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("&#39;b&#39; &#38; c.txt"), "{}", page.text());
    let shown = get_json(&anybody, &path_of(&link)).await.expect(200).json();
    assert_eq!((&shown["id"], &shown["size"]), (&json!(item), &json!(5)));
    assert_eq!(shown["webUrl"], web_url(&link));
    let bytes = anybody.open(&link).await.expect(200);
    assert_eq!(bytes.text(), "hello");
    for answer in [&page, &bytes] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-robots-tag"), "noindex");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    }
    // The page's own link works too, and a token that is no good does no harm.
    let text = page.text();
    let (_, rest) = text.split_once("href=\"/download?").expect("a download link");
    let query = rest.split('"').next().expect("its end").replace("&#38;", "&");
    assert_eq!(anybody.get(&format!("/download?{query}")).await.expect(200).text(), "hello");
    assert_eq!(app.bearer("nonsense").open(&link).await.expect(200).text(), "hello");
}

async fn a_download_serves_ranges_and_conditions(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/digits.txt", "0123456789").await;
    let path = download_path(&alice.link(&item, "view").await);
    let anybody = app.anybody();
    let whole = anybody.get(&path).await.expect(200);
    let etag = whole.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), "10");
    let with = async |name: &str, value: &str| {
        anybody.send(anybody.request(Method::GET, &path).header(name, value)).await
    };
    let part = with("range", "bytes=2-4").await.expect(206);
    assert_eq!((part.text().as_str(), part.header("content-range")), ("234", "bytes 2-4/10"));
    assert_eq!(part.header("content-length"), "3");
    assert_eq!(with("range", "bytes=-3").await.expect(206).text(), "789");
    assert_eq!(with("range", "bytes=7-").await.expect(206).text(), "789");
    assert_eq!(with("range", "bytes=0-1,3-4").await.expect(200).text(), "0123456789");
    let beyond = with("range", "bytes=10-").await.expect(416);
    assert_eq!(beyond.header("content-range"), "bytes */10");
    with("if-none-match", &etag).await.expect(304);
    with("if-none-match", "\"other\"").await.expect(200);
    with("if-match", "\"other\"").await.expect(412);
    let changed =
        anybody.request(Method::GET, &path).header("range", "bytes=2-4").header("if-range", "\"other\"");
    assert_eq!(anybody.send(changed).await.expect(200).text(), "0123456789");
    let head = anybody.send(anybody.request(Method::HEAD, &path)).await.expect(200);
    assert_eq!((head.header("content-length"), head.header("etag")), ("10", etag.as_str()));
    assert!(head.body.is_empty());
    alice.upload("/empty.txt", "").await;
    let empty = alice.get("/drive/root:/empty.txt").await.json();
    let link = alice.link(empty["id"].as_str().expect("an id"), "view").await;
    assert_eq!(anybody.open(&link).await.expect(200).text(), "");
}

async fn a_share_is_found_by_its_id_and_by_its_url(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "hello").await;
    let link = alice.link(&item, "view").await;
    let url = web_url(&link);
    let standard = STANDARD.encode(url).replace('+', "-").replace('/', "_");
    let moved = url
        .replace(&app.url, "https://files.example")
        .replace("resid", "ResID")
        .replace("authkey", "authKey");
    let anybody = app.anybody();
    for share in [
        link["shareId"].as_str().expect("an id").to_owned(),
        format!("u!{}", URL_SAFE_NO_PAD.encode(url)),
        format!("u!{}", URL_SAFE.encode(url)),
        format!("u%21{}", standard.trim_end_matches('=')),
        format!("u!{}", URL_SAFE_NO_PAD.encode(url.replace("/redir", "/download"))),
        format!("u!{}", URL_SAFE_NO_PAD.encode(moved)),
    ] {
        let share = format!("/v1.0/shares/{share}");
        let shown = anybody.get(&share).await.expect(200).json();
        assert_eq!(shown["id"], link["shareId"]);
        assert_eq!(shown["name"], "b.txt");
        assert_eq!(shown["owner"]["user"]["id"], "alice");
        for tail in ["/driveItem", "/root", &format!("/items/{item}")] {
            let shown = anybody.get(&format!("{share}{tail}")).await.expect(200).json();
            assert_eq!(shown["id"], item.as_str(), "{share}{tail}");
            let content = anybody.get(&format!("{share}{tail}/content")).await.expect(302);
            assert_eq!(anybody.get(content.header("location")).await.expect(200).text(), "hello");
            let url = shown["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
            assert_eq!(anybody.get(url).await.expect(200).text(), "hello");
        }
        let permission = anybody.get(&format!("{share}/permission")).await.expect(200).json();
        assert_eq!(permission, link);
    }
}

async fn a_file_is_served_as_what_the_server_takes_it_for_and_never_run(app: TestApp) {
    let alice = app.user("alice");
    let put = alice
        .request(Method::PUT, "/drive/root:/x.html:/content")
        .header("content-type", "image/png")
        .body("<script>alert(1)</script>");
    let item = alice.send(put).await.expect(201).json();
    assert_eq!(item["file"]["mimeType"], "text/html");
    let link = alice.link(item["id"].as_str().expect("an id"), "view").await;
    let answer = app.anybody().open(&link).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/html");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"x.html\"; filename*=UTF-8''x%2Ehtml"
    );
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
}

async fn an_organizations_link_opens_to_its_members_alone(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "hello").await;
    let body = json!({ "type": "view", "scope": "organization" });
    let link = alice.post(&format!("/drive/items/{item}/createLink"), body).await.expect(201).json();
    let share = share_of(&link);
    let bob = app.user_with(|token| {
        token.user = Some("bob".to_owned());
        token.scope = "openid".to_owned();
    });
    let stranger = app.user_with(|token| token.tenant = "fabrikam".to_owned());
    for user in [app.anybody(), app.bearer("nonsense"), stranger] {
        for path in [share.clone(), format!("{share}/driveItem/content"), download_path(&link)] {
            let answer = get_json(&user, &path).await.expect_error(401, "InvalidAuthenticationToken");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        user.get(&path_of(&link)).await.expect(401);
    }
    assert_eq!(bob.open(&link).await.expect(200).text(), "hello");
    assert_eq!(bob.get(&format!("{share}/driveItem")).await.expect(200).json()["id"], item.as_str());
}

async fn a_folders_link_opens_what_is_in_it_and_nothing_else(app: TestApp) {
    let alice = app.user("alice");
    let inner = alice.upload("/open/deep/in.txt", "in").await;
    let outer = alice.upload("/closed/out.txt", "out").await;
    let folder = alice.get("/drive/root:/open").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "view").await;
    let share = share_of(&link);
    let anybody = app.anybody();
    let children = anybody.get(&format!("{share}/driveItem/children")).await.expect(200).json();
    assert_eq!(children["value"][0]["name"], "deep");
    for path in [format!("{share}/items/{inner}"), format!("{share}/driveItem:/deep/in.txt:")] {
        assert_eq!(anybody.get(&path).await.expect(200).json()["id"], inner.as_str());
        let content = anybody.get(&format!("{path}/content")).await.expect(302);
        assert_eq!(anybody.get(content.header("location")).await.expect(200).text(), "in");
    }
    let root = format!("{}!1", outer.split('!').next().expect("a drive"));
    for path in [
        format!("{share}/items/{outer}"),
        format!("{share}/items/{outer}/content"),
        format!("{share}/items/{root}/children"),
        format!("{share}/driveItem:/../closed/out.txt:"),
        format!("{share}/driveItem:/closed/out.txt:"),
        format!("{share}/items/{}!4", "0".repeat(16)),
    ] {
        anybody.get(&path).await.expect_error(404, "itemNotFound");
    }
    let page = anybody.get(&path_of(&link)).await.expect(200);
    assert!(page.text().contains("<bdi>deep</bdi>"));
    // A file that leaves the folder leaves the link, and its download URLs do too.
    let url = anybody
        .get(&format!("{share}/items/{inner}/content"))
        .await
        .expect(302)
        .header("location")
        .to_owned();
    alice
        .patch(
            &format!("/drive/items/{inner}"),
            json!({ "parentReference": { "path": "/drive/root:/closed" } }),
        )
        .await
        .expect(200);
    anybody.get(&format!("{share}/items/{inner}")).await.expect_error(404, "itemNotFound");
    anybody.get(&url).await.expect(404);
}

async fn an_edit_link_writes_and_a_view_link_does_not(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let (view, edit) = (alice.link(&item, "view").await, alice.link(&item, "edit").await);
    let anybody = app.anybody();
    let refused = anybody.put(&format!("{}/driveItem/content", share_of(&view)), "two").await;
    refused.expect_error(404, "itemNotFound");
    let written =
        anybody.put(&format!("{}/driveItem/content", share_of(&edit)), "two").await.expect(200).json();
    assert_eq!(written["id"], item.as_str());
    assert_eq!(anybody.open(&view).await.expect(200).text(), "two");
    // Who only has a link neither renames, deletes nor shares.
    let shared = format!("{}/driveItem", share_of(&edit));
    anybody.patch(&shared, json!({ "name": "c.txt" })).await.expect(405);
    anybody.delete(&shared).await.expect(405);
    anybody.post(&format!("{shared}/createLink"), json!({ "type": "view" })).await.expect(401);
    anybody.get(&format!("{shared}/permissions")).await.expect(401);
    let bob = app.user("bob");
    bob.post(&format!("{shared}/createLink"), json!({ "type": "view" }))
        .await
        .expect_error(404, "itemNotFound");
    bob.get(&format!("{shared}/permissions")).await.expect_error(404, "itemNotFound");
    // The one who wrote by a link is nobody's name.
    let versions = alice.get(&format!("/drive/items/{item}/versions")).await.expect(200).json();
    assert!(versions["value"][0].get("lastModifiedBy").is_none());
    assert_eq!(versions["value"][1]["lastModifiedBy"]["user"]["id"], "alice");
}

async fn an_edit_link_of_a_folder_writes_into_it_and_not_beside_it(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/open/a.txt", "one").await;
    let outer = alice.upload("/out.txt", "out").await;
    let folder = alice.get("/drive/root:/open").await.json()["id"].as_str().expect("an id").to_owned();
    let share = share_of(&alice.link(&folder, "edit").await);
    let anybody = app.anybody();
    anybody.put(&format!("{share}/driveItem:/new/b.txt:/content"), "new").await.expect(201);
    anybody.put(&format!("{share}/driveItem:/a.txt:/content"), "two").await.expect(200);
    let read = alice.get("/drive/root:/open/new/b.txt:/content").await.expect(302);
    assert_eq!(alice.get(read.header("location")).await.text(), "new");
    anybody.put(&format!("{share}/items/{outer}/content"), "bad").await.expect_error(404, "itemNotFound");
    let beside = anybody.put(&format!("{share}/driveItem:/..%2Fout.txt:/content"), "bad").await;
    beside.expect_error(400, "invalidRequest");
    let read = alice.get("/drive/root:/out.txt:/content").await.expect(302);
    assert_eq!(alice.get(read.header("location")).await.text(), "out");
}

async fn an_embed_link_has_a_page_that_may_be_framed(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.png", "not really").await;
    let (embed, view) = (alice.link(&item, "embed").await, alice.link(&item, "view").await);
    let anybody = app.anybody();
    let page = anybody.get(&path_of(&embed).replace("/redir", "/embed")).await.expect(200);
    assert!(page.text().contains("<img src=\"/preview?"));
    assert!(page.header("content-security-policy").contains("frame-ancestors *"));
    let page = anybody.get(&path_of(&embed)).await.expect(200);
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    anybody.get(&path_of(&view).replace("/redir", "/embed")).await.expect(404);
}

async fn a_page_that_was_left_open_still_leads_to_what_the_link_shares(app: TestApp) {
    let alice = app.user("alice");
    let outside = alice.upload("/secret.txt", "secret").await;
    alice.upload("/f/g/b.txt", "0123456789").await;
    let folder = alice.get("/drive/root:/f").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "view").await;
    let anybody = app.anybody();
    let links_of = |page: &str| -> Vec<String> {
        let rows = page.split_once("<tbody>").expect("rows").1;
        let parts = rows.split("href=\"").skip(1);
        let links = parts.map(|part| part.split('"').next().expect("its end").replace("&#38;", "&"));
        links.filter(|link| link.starts_with("/redir?") || link.starts_with("/download?")).collect()
    };
    let inner = links_of(&anybody.get(&path_of(&link)).await.expect(200).text());
    assert_eq!(inner.len(), 1, "{inner:?}");
    let mut files = links_of(&anybody.get(&inner[0]).await.expect(200).text());
    files.retain(|link| link.starts_with("/download?"));
    assert_eq!(files.len(), 1, "{files:?}");
    app.pass(TimeDelta::hours(3));
    let alice = app.user("alice");
    let part = anybody.request(Method::GET, &files[0]).header("range", "bytes=2-4");
    assert_eq!(anybody.send(part).await.expect(206).text(), "234");
    // It follows the file wherever it goes within what is shared.
    alice
        .patch("/drive/root:/f/g/b.txt", json!({ "name": "c.txt", "parentReference": { "id": folder } }))
        .await
        .expect(200);
    assert_eq!(anybody.get(&files[0]).await.expect(200).text(), "0123456789");
    let number = |item: &str| item.split_once('!').expect("an id").1.to_owned();
    let beside = format!("{}&id={}", download_path(&link), number(&outside));
    anybody.get(&beside).await.expect(404);
    let id = link["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{folder}/permissions/{id}")).await.expect(204);
    for dead in [&inner[0], &files[0]] {
        anybody.get(dead).await.expect(404);
    }
}

async fn a_parameter_that_is_given_twice_opens_nothing(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let path = path_of(&alice.link(&item, "view").await);
    let anybody = app.anybody();
    let (_, authkey) = path.split_once("&authkey=").expect("a key");
    let authkey = authkey.split('&').next().expect("its end");
    anybody.get(&path.replace("resid", "RESID").replace("authkey", "AuthKey")).await.expect(200);
    anybody.get(&path.replace('!', "%21")).await.expect(200);
    for twice in
        [format!("{path}&resid={item}"), format!("{path}&authkey={authkey}"), format!("{path}&AUTHKEY=x")]
    {
        anybody.get(&twice).await.expect(404);
    }
}

async fn a_visitor_learns_nothing_of_where_the_item_is(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/very/private/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let shown = app.anybody().get(&format!("{}/driveItem", share_of(&link))).await.expect(200);
    assert!(!shown.text().contains("private"), "{}", shown.text());
    let parent = &shown.json()["parentReference"];
    assert!(parent.get("path").is_none() && parent.get("id").is_none(), "{parent}");
}

async fn a_download_url_ends_with_its_time_and_with_its_link(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let own =
        alice.get(&format!("/drive/items/{item}/content")).await.expect(302).header("location").to_owned();
    let anybody = app.anybody();
    assert_eq!(anybody.get(&own).await.expect(200).text(), "one");
    // A token that comes along is ignored, whatever it is.
    assert_eq!(app.bearer("nonsense").get(&own).await.expect(200).text(), "one");
    let link = alice.link(&item, "view").await;
    let shared = anybody.get(&format!("{}/driveItem/content", share_of(&link))).await.expect(302);
    let shared = shared.header("location").to_owned();
    assert_eq!(anybody.get(&shared).await.expect(200).text(), "one");
    let id = link["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
    anybody.get(&shared).await.expect(404);
    anybody.get(&own).await.expect(200);
    app.pass(TimeDelta::minutes(59));
    anybody.get(&own).await.expect(200);
    app.pass(TimeDelta::minutes(2));
    let expired = anybody.request(Method::GET, &own).header("accept", "application/json");
    anybody.send(expired).await.expect_error(403, "accessDenied");
    anybody.get(&shared).await.expect(404);
}

async fn an_items_own_url_opens_to_its_owner(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let shown = alice.get(&format!("/drive/items/{item}")).await.expect(200).json();
    let share =
        format!("/shares/u!{}/driveItem", URL_SAFE_NO_PAD.encode(shown["webUrl"].as_str().expect("a URL")));
    assert_eq!(alice.get(&share).await.expect(200).json()["id"], item.as_str());
    app.user("bob").get(&share).await.expect_error(404, "itemNotFound");
    app.anybody().get(&share).await.expect_error(404, "itemNotFound");
}
