//! `createLink`: one link an item, application and type.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Kind, TestApp, on_each_database};

on_each_database!(
    the_first_call_makes_the_link_and_later_ones_return_it,
    links_are_found_where_most_calls_make_one_and_made_where_most_find_one,
    links_that_are_there_are_found_where_none_can_be_made,
    each_application_and_each_type_has_a_link_of_its_own,
    every_spelling_of_an_items_address_names_the_same_link,
    the_answer_is_a_permission_as_microsofts_page_shows_it,
    an_existing_link_keeps_its_scope,
    an_application_is_called_as_its_tokens_call_it_or_else_as_they_called_it_last,
    a_link_of_a_folder_does_not_count_for_what_is_in_it,
    embed_is_for_files_and_comes_with_html,
    a_body_that_asks_for_something_else_is_refused_and_makes_nothing,
    members_that_ask_for_nothing_are_accepted,
    another_users_item_is_not_found,
    a_token_without_the_scope_is_refused_before_the_body_is_read,
    without_a_token_the_caller_is_told_to_sign_in,
    an_application_on_its_own_may_share_what_its_tenants_users_have,
    the_root_can_not_be_shared,
    a_thousand_callers_at_once_make_one_link,
    racing_with_deletions_no_call_fails_and_every_link_is_accounted_for,
    a_call_whose_way_others_are_in_again_and_again_still_gets_its_link,
    a_call_that_others_never_let_pass_is_told_to_come_again,
);

async fn the_first_call_makes_the_link_and_later_ones_return_it(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.pdf", "one").await;
    let path = "/drive/root:/a/b.pdf:/microsoft.graph.createLink";
    let body = json!({ "type": "view", "scope": "anonymous" });
    let first = alice.post(path, body.clone()).await.expect(201).json();
    for _ in 0..3 {
        let again = alice.post(path, body.clone()).await.expect(200).json();
        assert_eq!(again, first);
    }
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM link_events WHERE action = 'created'").await, 1);
}

async fn links_are_found_where_most_calls_make_one_and_made_where_most_find_one(app: TestApp) {
    let alice = app.user("alice");
    let first = alice.upload("/0.txt", "one").await;
    let link = alice.link(&first, "view").await;
    // Many that make one: what is there already is found still, and nothing is written for it.
    for number in 1..20 {
        let item = alice.upload(&format!("/{number}.txt"), "one").await;
        let made = alice.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" })).await;
        made.expect(201);
        assert_eq!(alice.link(&first, "view").await, link);
    }
    // Many that find one: a new one is made still.
    for number in 20..40 {
        for _ in 0..4 {
            assert_eq!(alice.link(&first, "view").await, link);
        }
        let item = alice.upload(&format!("/{number}.txt"), "one").await;
        let made = alice.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" })).await;
        made.expect(201);
    }
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 40);
    assert_eq!(app.database.number("SELECT count(*) FROM link_events WHERE action = 'created'").await, 40);
}

async fn links_that_are_there_are_found_where_none_can_be_made(app: TestApp) {
    let alice = app.user("alice");
    let mut links = Vec::new();
    // So that a link is made without a look beforehand.
    for number in 0..20 {
        let item = alice.upload(&format!("/{number}.txt"), "one").await;
        links.push((alice.link(&item, "view").await, item));
    }
    let refuse = match app.database.kind {
        Kind::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'no'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON links FOR EACH ROW EXECUTE FUNCTION refuse()"
        }
        Kind::Sqlite => "CREATE TRIGGER refuse BEFORE INSERT ON links BEGIN SELECT raise(ABORT, 'no'); END",
    };
    app.database.run(refuse).await;
    for (link, item) in &links {
        let path = format!("/drive/items/{item}/createLink");
        assert_eq!(alice.post(&path, json!({ "type": "view" })).await.expect(200).json(), *link);
    }
}

async fn each_application_and_each_type_has_a_link_of_its_own(app: TestApp) {
    let alice = app.user("alice");
    let other = app.user_with(|token| token.application = "5678".to_owned());
    let item = alice.upload("/b.pdf", "one").await;
    let mut urls = HashSet::new();
    for user in [&alice, &other] {
        for (link_type, role) in
            [("view", "read"), ("edit", "write"), ("embed", "read"), ("blocksDownload", "read")]
        {
            let path = format!("/drive/items/{item}/createLink");
            let answer = user.post(&path, json!({ "type": link_type })).await.expect(201).json();
            assert_eq!(answer["roles"], json!([role]));
            assert_eq!(answer["link"]["type"], link_type);
            assert!(urls.insert(answer["link"]["webUrl"].to_string()));
        }
    }
}

async fn every_spelling_of_an_items_address_names_the_same_link(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b 1.pdf", "one").await;
    let (drive, number) = item.split_once('!').expect("an id");
    let first = alice.link(&item, "view").await;
    let actions = [
        "createLink",
        "microsoft.graph.createLink",
        "action.createLink",
        "oneDrive.createLink",
        "CREATELINK",
    ];
    let items = [
        format!("/drive/items/{item}"),
        format!("/v1.0/me/drive/items/{drive}%21{number}"),
        format!("/v2.0/drives/{}/items/{}", drive.to_lowercase(), item.to_lowercase()),
        "/beta/drive/root:/a/b%201.pdf:".to_owned(),
        "/_api/v2.0/drive/root:/A/B%201.PDF:".to_owned(),
        "/drive/items/root:/a/b%201.pdf:".to_owned(),
        "/drive/items/root%3A%2Fa%2Fb%201.pdf%3A".to_owned(),
        "/users/alice/drive/root:/a%2Fb%201.pdf:".to_owned(),
        format!("/shares/{}/driveItem", first["shareId"].as_str().expect("an id")),
    ];
    for address in &items {
        for action in actions {
            let answer = alice.post(&format!("{address}/{action}"), json!({ "type": "view" })).await;
            assert_eq!(answer.expect(200).json(), first, "{address}/{action}");
        }
    }
}

async fn the_answer_is_a_permission_as_microsofts_page_shows_it(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.PDF", "one").await;
    let body = json!({ "type": "view", "scope": "anonymous", "somethingUnknown": 1 });
    let answer = alice.post(&format!("/drive/items/{item}/createLink"), body).await.expect(201);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let permission = answer.json();
    let web_url = permission["link"]["webUrl"].as_str().expect("a URL");
    let rest = web_url.strip_prefix(&format!("{}/redir?resid={item}&authkey=!", app.url)).expect("its start");
    let key = rest.strip_suffix("&ithint=file%2cpdf").expect("its end");
    assert_eq!(key.len(), 44);
    assert!(permission["shareId"].as_str().expect("an id").starts_with("s!"));
    let mut shown = permission.clone();
    for secret in ["/id", "/shareId", "/link/webUrl"] {
        *shown.pointer_mut(secret).expect(secret) = json!("…");
    }
    let expected = json!({
        "@odata.context": format!("{}/v1.0/$metadata#permission", app.url),
        "id": "…",
        "roles": ["read"],
        "link": {
            "type": "view",
            "scope": "anonymous",
            "webUrl": "…",
            "preventsDownload": false,
            "application": { "id": "1234", "displayName": "Sample Application" },
        },
        "shareId": "…",
        "hasPassword": false,
    });
    assert_eq!(shown, expected);
}

async fn an_application_is_called_as_its_tokens_call_it_or_else_as_they_called_it_last(app: TestApp) {
    let called = |name: Option<&str>| {
        let name = name.map(str::to_owned);
        app.user_with(|token| (token.application, token.application_name) = ("5678".to_owned(), name))
    };
    let item = called(None).upload("/b.pdf", "one").await;
    for (token, expected) in [
        (None, Value::Null),
        (Some("Old"), json!("Old")),
        (None, json!("Old")),
        (Some("New"), json!("New")),
        (None, json!("New")),
    ] {
        let link = called(token).link(&item, "view").await;
        assert_eq!(link["link"]["application"]["displayName"], expected, "with a token of {token:?}");
        let url = link["link"]["webUrl"].as_str().expect("a URL");
        let opened = app.anybody();
        let opened = opened.send(opened.request(Method::GET, url).header("accept", "application/json")).await;
        let shown = opened.expect(200).json()["createdBy"]["application"].clone();
        assert_eq!((&shown["id"], &shown["displayName"]), (&json!("5678"), &expected));
    }
}

async fn an_existing_link_keeps_its_scope(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.pdf", "one").await;
    let path = format!("/drive/items/{item}/createLink");
    let first =
        alice.post(&path, json!({ "type": "view", "scope": "organization" })).await.expect(201).json();
    let again = alice.post(&path, json!({ "type": "view", "scope": "anonymous" })).await.expect(200).json();
    assert_eq!(again, first);
    assert_eq!(again["link"]["scope"], "organization");
}

async fn a_link_of_a_folder_does_not_count_for_what_is_in_it(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.pdf", "one").await;
    let body = json!({ "type": "view" });
    let folder = alice.post("/drive/root:/a:/createLink", body.clone()).await.expect(201).json();
    assert!(folder["link"]["webUrl"].as_str().expect("a URL").ends_with("&ithint=folder%2c"));
    alice.post("/drive/root:/a/b.pdf:/createLink", body).await.expect(201);
}

async fn embed_is_for_files_and_comes_with_html(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.png", "one").await;
    let permission = alice.link(&item, "embed").await;
    let html = permission["link"]["webHtml"].as_str().expect("HTML");
    assert!(
        html.starts_with(&format!("<iframe src=\"{}/embed?resid={item}&amp;authkey=!", app.url)),
        "{html}"
    );
    assert!(alice.link(&item, "view").await["link"].get("webHtml").is_none());
    let answer = alice.post("/drive/root:/a:/createLink", json!({ "type": "embed" })).await;
    answer.expect_error(400, "invalidRequest");
}

async fn a_body_that_asks_for_something_else_is_refused_and_makes_nothing(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.pdf", "one").await;
    let path = format!("/drive/items/{item}/createLink");
    for (body, code) in [
        ("", "invalidRequest"),
        ("   ", "invalidRequest"),
        ("{}", "invalidRequest"),
        ("not json", "invalidRequest"),
        ("[]", "invalidRequest"),
        ("[\"view\"]", "invalidRequest"),
        ("\"view\"", "invalidRequest"),
        ("null", "invalidRequest"),
        ("{\"type\":\"view\"} trailing", "invalidRequest"),
        ("{\"type\":null}", "invalidRequest"),
        ("{\"type\":1}", "invalidRequest"),
        ("{\"type\":\"View\"}", "invalidRequest"),
        ("{\"type\":\"review\"}", "invalidRequest"),
        ("{\"type\":\"createOnly\"}", "invalidRequest"),
        ("{\"type\":\"BlocksDownload\"}", "invalidRequest"),
        ("{\"type\":\"view\",\"type\":\"edit\"}", "invalidRequest"),
        ("{\"type\":\"view\",\"scope\":\"users\"}", "invalidRequest"),
        ("{\"type\":\"view\",\"scope\":7}", "invalidRequest"),
        ("{\"type\":\"view\",\"expirationDateTime\":\"2030-01-01T00:00:00Z\"}", "notSupported"),
        ("{\"type\":\"view\",\"expirationDateTime\":\"\"}", "notSupported"),
        ("{\"type\":\"view\",\"password\":\"secret\"}", "notSupported"),
        ("{\"type\":\"view\",\"recipients\":[{\"email\":\"a@b.c\"}]}", "notSupported"),
        ("{\"type\":\"view\",\"recipients\":\"a@b.c\"}", "invalidRequest"),
        ("{\"type\":\"view\",\"sendNotification\":true}", "notSupported"),
        ("{\"type\":\"view\",\"sendNotification\":\"no\"}", "invalidRequest"),
        ("{\"type\":\"view\",\"retainInheritedPermissions\":false}", "notSupported"),
    ] {
        let request =
            alice.request(Method::POST, &path).header("content-type", "application/json").body(body);
        let answer = alice.send(request).await.expect_error(400, code);
        if body == "{}" {
            assert!(
                answer.text().contains("view, edit, embed, createOnly, blocksDownload"),
                "{}",
                answer.text()
            );
        }
    }
    let deep = format!("{{\"type\":\"view\",\"x\":{}", "[".repeat(5_000));
    alice.send(alice.request(Method::POST, &path).body(deep)).await.expect_error(400, "invalidRequest");
    let bad_utf8 = b"{\"type\":\"\xff\"}".to_vec();
    alice.send(alice.request(Method::POST, &path).body(bad_utf8)).await.expect_error(400, "invalidRequest");
    let large = json!({ "type": "view", "x": "x".repeat(17_000) });
    alice.post(&path, large).await.expect_error(413, "invalidRequest");
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM link_events").await, 0);
}

async fn members_that_ask_for_nothing_are_accepted(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.pdf", "one").await;
    let body = json!({
        "type": "view", "scope": "", "expirationDateTime": null, "password": null, "recipients": [],
        "sendNotification": false, "retainInheritedPermissions": true, "message": "hello",
    });
    let answer = alice.post(&format!("/drive/items/{item}/createLink"), body).await.expect(201).json();
    assert_eq!(answer["link"]["scope"], "anonymous");
    // As Microsoft's SDKs spell «nothing».
    let of_sdk = json!({ "type": "view", "sendNotification": false, "retainInheritedPermissions": false });
    alice.post(&format!("/drive/items/{item}/createLink"), of_sdk).await.expect(200);
}

async fn another_users_item_is_not_found(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let stranger = app.user_with(|token| token.tenant = "fabrikam".to_owned());
    let item = alice.upload("/b.pdf", "one").await;
    let (drive, _) = item.split_once('!').expect("an id");
    for user in [&bob, &stranger] {
        for address in [
            format!("/drive/items/{item}"),
            format!("/drives/{drive}/items/{item}"),
            format!("/drives/{drive}/root:/b.pdf:"),
        ] {
            let answer = user.post(&format!("{address}/createLink"), json!({ "type": "view" })).await;
            answer.expect_error(404, "itemNotFound");
        }
    }
    bob.post("/users/alice/drive/root:/b.pdf:/createLink", json!({ "type": "view" }))
        .await
        .expect_error(404, "itemNotFound");
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
}

async fn a_token_without_the_scope_is_refused_before_the_body_is_read(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.pdf", "one").await;
    let path = format!("/drive/items/{item}/createLink");
    for scope in
        ["Files.Read", "Files.Read.All", "", "Files.ReadWriteX", "files.readwrite", "xFiles.ReadWrite"]
    {
        let reader = app.user_with(|token| token.scope = scope.to_owned());
        reader.post(&path, json!({ "type": "view" })).await.expect_error(403, "accessDenied");
        let nonsense = reader.request(Method::POST, &path).body("x".repeat(100_000));
        reader.send(nonsense).await.expect_error(403, "accessDenied");
    }
    for scope in ["Files.ReadWrite", "openid Files.ReadWrite.All", "Sites.ReadWrite.All profile"] {
        let writer = app.user_with(|token| token.scope = scope.to_owned());
        assert!(writer.post(&path, json!({ "type": "view" })).await.status.is_success());
    }
}

async fn without_a_token_the_caller_is_told_to_sign_in(app: TestApp) {
    let item = app.user("alice").upload("/b.pdf", "one").await;
    let path = format!("/drive/items/{item}/createLink");
    let answer = app.anybody().post(&path, json!({ "type": "view" })).await;
    let answer = answer.expect_error(401, "InvalidAuthenticationToken");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

async fn an_application_on_its_own_may_share_what_its_tenants_users_have(app: TestApp) {
    let item = app.user("alice").upload("/b.pdf", "one").await;
    let (drive, _) = item.split_once('!').expect("an id");
    let body = json!({ "type": "view" });
    let daemon = |scope: &str, tenant: &str| {
        let (scope, tenant) = (scope.to_owned(), tenant.to_owned());
        app.user_with(|token| {
            token.user = None;
            token.application = "daemon".to_owned();
            token.scope = scope;
            token.tenant = tenant;
        })
    };
    let path = format!("/drives/{drive}/items/{item}/createLink");
    daemon("Files.ReadWrite", "contoso").post(&path, body.clone()).await.expect_error(403, "accessDenied");
    daemon("Files.ReadWrite.All", "fabrikam")
        .post(&path, body.clone())
        .await
        .expect_error(404, "itemNotFound");
    let ours = daemon("Files.ReadWrite.All", "contoso");
    ours.post(&path, body.clone()).await.expect(201);
    ours.post("/users/alice/drive/root:/b.pdf:/createLink", body.clone()).await.expect(200);
    ours.post("/me/drive/root:/b.pdf:/createLink", body).await.expect_error(400, "invalidRequest");
}

async fn the_root_can_not_be_shared(app: TestApp) {
    let alice = app.user("alice");
    for address in ["/drive/root", "/drive/items/root"] {
        let answer = alice.post(&format!("{address}/createLink"), json!({ "type": "view" })).await;
        answer.expect_error(403, "notAllowed");
    }
}

async fn a_thousand_callers_at_once_make_one_link(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.pdf", "one").await;
    let path = format!("/drive/items/{item}/createLink");
    let answers: Vec<(u16, Value)> = stream::iter(0..1_000)
        .map(async |_| {
            let answer = alice.post(&path, json!({ "type": "view" })).await;
            (answer.status.as_u16(), answer.json()["id"].clone())
        })
        .buffer_unordered(100)
        .collect()
        .await;
    let of = |status| answers.iter().filter(|(answered, _)| *answered == status).count();
    assert_eq!((of(201), of(200)), (1, 999));
    let ids: HashSet<String> = answers.iter().map(|(_, id)| id.to_string()).collect();
    assert_eq!(ids.len(), 1);
}

async fn racing_with_deletions_no_call_fails_and_every_link_is_accounted_for(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.pdf", "one").await;
    let path = format!("/drive/items/{item}/createLink");
    let permissions = format!("/drive/items/{item}/permissions");
    let creating = async {
        let statuses: Vec<u16> = stream::iter(0..1_000)
            .map(async |_| alice.post(&path, json!({ "type": "view" })).await.status.as_u16())
            .buffer_unordered(50)
            .collect()
            .await;
        statuses
    };
    let deleting = async {
        let mut revoked = 0;
        for _ in 0..150 {
            for permission in
                alice.get(&permissions).await.expect(200).json()["value"].as_array().expect("a list")
            {
                if permission.get("link").is_some() {
                    let id = permission["id"].as_str().expect("an id");
                    let status = alice.delete(&format!("{permissions}/{id}")).await.status.as_u16();
                    assert!(status == 204 || status == 404, "{status}");
                    revoked += i64::from(status == 204);
                }
            }
        }
        revoked
    };
    let (statuses, revoked) = tokio::join!(creating, deleting);
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    let created = statuses.iter().filter(|status| **status == 201).count() as i64;
    let left = app.database.number("SELECT count(*) FROM links").await;
    assert_eq!(created, revoked + left);
    let events = async |action| {
        app.database.number(&format!("SELECT count(*) FROM link_events WHERE action = '{action}'")).await
    };
    assert_eq!((events("created").await, events("revoked").await), (created, revoked));
    assert!(revoked > 0, "nothing was raced with");
}

/// Lets so many insertions of links come to nothing, as where another request's link is in the way that has ended when
/// it is looked for.
async fn be_in_the_way(app: &TestApp, times: u32) {
    app.database
        .run(&format!("CREATE TABLE in_the_way (times bigint); INSERT INTO in_the_way VALUES ({times})"))
        .await;
    let trigger = match app.database.kind {
        Kind::Postgres => {
            "CREATE FUNCTION be_in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE in_the_way SET times = times - 1 WHERE times > 0;
                 IF FOUND THEN RETURN NULL; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER be_in_the_way BEFORE INSERT ON links FOR EACH ROW EXECUTE FUNCTION be_in_the_way()"
        }
        // What the trigger changes lasts: the insertion alone is left out.
        Kind::Sqlite => {
            "CREATE TRIGGER be_in_the_way BEFORE INSERT ON links WHEN (SELECT times > 0 FROM in_the_way) BEGIN
                 UPDATE in_the_way SET times = times - 1;
                 SELECT raise(IGNORE);
             END"
        }
    };
    app.database.run(trigger).await;
}

async fn a_call_whose_way_others_are_in_again_and_again_still_gets_its_link(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    be_in_the_way(&app, 5).await;
    let path = format!("/drive/items/{item}/createLink");
    let link = alice.post(&path, json!({ "type": "view" })).await.expect(201).json();
    assert_eq!(app.database.number("SELECT times FROM in_the_way").await, 0);
    assert_eq!(alice.post(&path, json!({ "type": "view" })).await.expect(200).json(), link);
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM link_events").await, 1);
}

async fn a_call_that_others_never_let_pass_is_told_to_come_again(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    be_in_the_way(&app, 1_000_000).await;
    let answer = alice.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" })).await;
    assert!(answer.expect_error(429, "activityLimitReached").header("retry-after").parse::<u32>().is_ok());
    assert_eq!(app.database.number("SELECT count(*) FROM link_events").await, 0);
}
