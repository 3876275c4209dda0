//! Files and folders: what a client needs around a link.

use std::collections::HashSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, eventually, on_each_database};

on_each_database!(
    a_user_gets_a_drive_at_the_first_call,
    racing_first_calls_make_one_drive,
    an_uploaded_file_is_shown_with_what_is_known_of_it,
    a_folder_is_made_shown_and_found_by_path,
    names_that_are_not_allowed_are_refused,
    a_taken_name_is_handled_as_the_client_wishes,
    names_that_differ_in_case_or_composition_are_one_name,
    any_lawful_name_finds_its_item_again,
    children_come_in_pages,
    an_upload_that_is_too_large_is_refused,
    an_upload_that_breaks_off_leaves_nothing,
    conditions_on_an_item_are_held,
    moves_that_make_no_sense_are_refused,
    a_clients_own_times_are_kept,
    versions_are_listed_read_and_restored,
    the_root_stays_where_it_is,
    a_large_file_comes_back_as_it_went,
    what_is_due_is_swept_out_of_the_content_store,
);

async fn a_user_gets_a_drive_at_the_first_call(app: TestApp) {
    let alice = app.user_with(|token| token.user_name = Some("Alice A.".to_owned()));
    let drive = alice.get("/drive").await.expect(200).json();
    let id = drive["id"].as_str().expect("an id");
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_lowercase()));
    assert_eq!(drive["driveType"], "personal");
    assert_eq!(drive["owner"]["user"], json!({ "id": "alice", "displayName": "Alice A." }));
    for path in ["/me/drive".to_owned(), format!("/drives/{id}"), "/users/alice/drive".to_owned()] {
        assert_eq!(alice.get(&path).await.expect(200).json(), drive, "{path}");
    }
    let root = alice.get("/drive/root").await.expect(200).json();
    assert_eq!(root["root"], json!({}));
    assert_eq!(root["folder"]["childCount"], 0);
    assert_eq!(root["parentReference"], json!({ "driveId": id, "driveType": "personal" }));
    app.user("bob").get(&format!("/drives/{id}")).await.expect_error(404, "itemNotFound");
    // The name follows the token.
    let renamed = app.user_with(|token| token.user_name = Some("Alice B.".to_owned()));
    renamed.get("/drive").await.expect(200);
    assert_eq!(app.user("alice").get("/drive").await.json()["owner"]["user"]["displayName"], "Alice B.");
}

async fn racing_first_calls_make_one_drive(app: TestApp) {
    let alice = app.user("alice");
    let answers = futures_util::future::join_all((0..40).map(|_| alice.get("/drive"))).await;
    let ids: HashSet<String> = answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(app.database.number("SELECT count(*) FROM items").await, 1);
}

async fn an_uploaded_file_is_shown_with_what_is_known_of_it(app: TestApp) {
    let alice = app.user("alice");
    let made = alice
        .put("/drive/root:/a b/c#1.txt:/content".replace(' ', "%20").replace('#', "%23").as_str(), "hello")
        .await;
    let item = made.expect(201).json();
    let id = item["id"].as_str().expect("an id");
    let (drive, _) = id.split_once('!').expect("an id");
    assert_eq!((&item["name"], &item["size"]), (&json!("c#1.txt"), &json!(5)));
    assert_eq!(item["file"]["mimeType"], "text/plain");
    assert_eq!(item["file"]["hashes"]["sha1Hash"], "AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D");
    assert_eq!(
        item["file"]["hashes"]["sha256Hash"],
        "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"
    );
    assert_eq!(item["file"]["hashes"]["quickXorHash"], "aCgDG9jwBgAAAAAABQAAAAAAAAA=");
    assert_eq!(item["parentReference"]["path"], format!("/drives/{drive}/root:/a%20b"));
    assert_eq!(item["createdBy"]["user"]["id"], "alice");
    assert_eq!(
        item["createdBy"]["application"],
        json!({ "id": "1234", "displayName": "Sample Application" })
    );
    assert!(item["createdDateTime"].as_str().expect("a time").ends_with('Z'));
    assert!(item.get("folder").is_none() && item.get("shared").is_none());
    let url = item["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    assert_eq!(item["@content.downloadUrl"], url);
    assert_eq!(app.anybody().get(url).await.expect(200).text(), "hello");
    alice.link(id, "view").await;
    let shown = alice.get(&format!("/drive/items/{id}")).await.expect(200).json();
    assert_eq!(shown["shared"]["scope"], "anonymous");
    assert_eq!(shown["eTag"], item["eTag"]);
    let replaced = alice.put(&format!("/drive/items/{id}/content"), "hello!").await.expect(200).json();
    assert_ne!(replaced["eTag"], item["eTag"]);
    assert_ne!(replaced["cTag"], item["cTag"]);
}

async fn a_folder_is_made_shown_and_found_by_path(app: TestApp) {
    let alice = app.user("alice");
    let body = json!({ "name": "Docs", "folder": {}, "@microsoft.graph.conflictBehavior": "fail" });
    let folder = alice.post("/drive/root/children", body.clone()).await.expect(201).json();
    assert_eq!(folder["folder"]["childCount"], 0);
    assert!(folder.get("file").is_none() && folder.get("@microsoft.graph.downloadUrl").is_none());
    alice.post("/drive/root/children", body).await.expect_error(409, "nameAlreadyExists");
    let renamed = json!({ "name": "Docs", "folder": {}, "@name.conflictBehavior": "rename" });
    assert_eq!(alice.post("/drive/root/children", renamed).await.expect(201).json()["name"], "Docs 1");
    let inner =
        alice.post("/drive/root:/docs:/children", json!({ "name": "Inner", "folder": {} })).await.expect(201);
    assert_eq!(alice.get("/drive/root:/DOCS/inner").await.expect(200).json()["id"], inner.json()["id"]);
    let id = folder["id"].as_str().expect("an id");
    assert_eq!(
        alice.get(&format!("/drive/items/{id}:/Inner:")).await.expect(200).json()["id"],
        inner.json()["id"]
    );
    assert_eq!(alice.get(&format!("/drive/items/{id}")).await.json()["folder"]["childCount"], 1);
    alice.get(&format!("/drive/items/{id}/content")).await.expect_error(400, "invalidRequest");
    alice.put(&format!("/drive/items/{id}/content"), "x").await.expect_error(400, "invalidRequest");
    alice.post("/drive/root/children", json!({ "name": "x" })).await.expect_error(400, "invalidRequest");
    alice.post("/drive/root:/missing:/children", json!({ "name": "x", "folder": {} })).await.expect(404);
    alice.upload("/f.txt", "file").await;
    alice.post("/drive/root:/f.txt:/children", json!({ "name": "x", "folder": {} })).await.expect(400);
    alice.get("/drive/root:/f.txt:/children").await.expect_error(400, "invalidRequest");
    alice.put("/drive/root:/f.txt/x.txt:/content", "x").await.expect_error(400, "invalidRequest");
}

async fn names_that_are_not_allowed_are_refused(app: TestApp) {
    let alice = app.user("alice");
    alice.get("/drive").await.expect(200);
    for bad in [
        "", " x", "x ", "x.", "a/b", "a:b", "a*b", "a?b", "a\"b", "a<b", "a\\b", "a|b", "CON", "lpt1.txt",
        "a\u{0}b", "..", "~$x",
    ] {
        let answer = alice.post("/drive/root/children", json!({ "name": bad, "folder": {} })).await;
        let answer = answer.expect_error(400, "invalidRequest");
        assert_eq!(answer.json()["error"]["innerError"]["code"], "invalidPath", "{bad:?}");
    }
    let long = "x".repeat(256);
    alice.put(&format!("/drive/root:/{long}:/content"), "x").await.expect_error(400, "invalidRequest");
    let deep = "long name/".repeat(41);
    alice.put(&format!("/drive/root:/{deep}x:/content").replace(' ', "%20"), "x").await.expect(400);
    assert_eq!(app.database.number("SELECT count(*) FROM items").await, 1);
}

async fn a_taken_name_is_handled_as_the_client_wishes(app: TestApp) {
    let alice = app.user("alice");
    let first = alice.upload("/a.tar.gz", "one").await;
    let put =
        async |behavior: &str| alice.put(&format!("/drive/root:/a.tar.gz:/content?{behavior}"), "two").await;
    put("@microsoft.graph.conflictBehavior=fail").await.expect_error(409, "nameAlreadyExists");
    let renamed = put("@name.conflictBehavior=rename").await.expect(201).json();
    assert_eq!(renamed["name"], "a.tar 1.gz");
    put("@microsoft.graph.conflictBehavior=nonsense").await.expect_error(400, "invalidRequest");
    assert_eq!(
        put("@microsoft.graph.conflictBehavior=replace").await.expect(200).json()["id"],
        first.as_str()
    );
    // A folder is never replaced by a file.
    alice.post("/drive/root/children", json!({ "name": "folder", "folder": {} })).await.expect(201);
    alice.put("/drive/root:/folder:/content", "x").await.expect_error(409, "nameAlreadyExists");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

async fn names_that_differ_in_case_or_composition_are_one_name(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/R%C3%A9sum%C3%A9.PDF", "one").await;
    assert_eq!(alice.upload("/re%CC%81sume%CC%81.pdf", "two").await, item);
    let shown = alice.get("/drive/root:/R%C3%89SUM%C3%89.pdf").await.expect(200).json();
    assert_eq!((&shown["id"], &shown["name"]), (&json!(item), &json!("Résumé.PDF")));
    // A name may change its own case.
    let renamed =
        alice.patch(&format!("/drive/items/{item}"), json!({ "name": "RÉSUMÉ.pdf" })).await.expect(200);
    assert_eq!(renamed.json()["name"], "RÉSUMÉ.pdf");
}

async fn any_lawful_name_finds_its_item_again(app: TestApp) {
    let alice = app.user("alice");
    let names = "[a-zA-Z0-9 #%&+,;=@!$'()~\\[\\]{}^`éüß日本🎉-]{1,40}\\.[a-z0-9]{1,3}";
    let strategy = proptest::string::string_regex(names).expect("a pattern");
    let mut runner = TestRunner::deterministic();
    for _ in 0..40 {
        let name = strategy.new_tree(&mut runner).expect("a name").current();
        let name = name.trim_start().trim_start_matches('~');
        let encode = |set| percent_encoding::utf8_percent_encode(name, set).to_string();
        let all = encode(percent_encoding::NON_ALPHANUMERIC);
        let item = alice.put(&format!("/drive/root:/x/{all}:/content"), "x").await;
        assert!(item.status.is_success(), "{name:?}: {}", item.text());
        let item = item.json();
        assert_eq!(item["name"], name);
        const FEW: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
            .add(b' ')
            .add(b'#')
            .add(b'%')
            .add(b'?')
            .add(b'`')
            .add(b'{')
            .add(b'}')
            .add(b'^');
        let few = encode(FEW);
        for path in [
            format!("/drive/root:/x/{few}"),
            format!("/drive/root:/x/{few}:"),
            format!("/v1.0/me/drive/items/root:/x/{few}:"),
            format!("/drive/root%3A%2Fx%2F{all}%3A"),
            format!("/drive/root:/x%2F{all}:/"),
        ] {
            assert_eq!(alice.get(&path).await.expect(200).json()["id"], item["id"], "{path}");
        }
    }
}

async fn children_come_in_pages(app: TestApp) {
    let alice = app.user("alice");
    for number in 0..7 {
        alice.upload(&format!("/many/n{number}.txt"), "x").await;
    }
    alice.upload("/many/Sub/inner.txt", "x").await;
    let mut names = Vec::new();
    let mut next = Some("/drive/root:/many:/children?$top=3".to_owned());
    let mut pages = 0;
    while let Some(url) = next {
        let page = alice.get(&url).await.expect(200).json();
        let items = page["value"].as_array().expect("a list").clone();
        assert!(items.len() <= 3);
        names.extend(items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()));
        next = page.get("@odata.nextLink").map(|url| url.as_str().expect("a URL").to_owned());
        pages += 1;
    }
    assert_eq!(pages, 3);
    assert_eq!(names, ["n0.txt", "n1.txt", "n2.txt", "n3.txt", "n4.txt", "n5.txt", "n6.txt", "Sub"]);
    let all = alice.get("/drive/root:/many:/children").await.expect(200).json();
    assert_eq!(all["value"].as_array().expect("a list").len(), 8);
    let (drive, _) = all["value"][0]["id"].as_str().expect("an id").split_once('!').expect("an id");
    assert_eq!(all["value"][0]["parentReference"]["path"], format!("/drives/{drive}/root:/many"));
    assert_eq!(all["value"][7]["folder"]["childCount"], 1);
    for bad in ["$top=0", "$top=-1", "$top=x", "$skipToken=%25", "$skipToken=AA"] {
        alice.get(&format!("/drive/root/children?{bad}")).await.expect_error(400, "invalidRequest");
    }
}

async fn an_upload_that_is_too_large_is_refused(app: TestApp) {
    let alice = app.user("alice");
    let request = alice
        .request(Method::PUT, "/drive/root:/large.bin:/content")
        .header("content-length", (251 * 1024 * 1024).to_string())
        .header("expect", "100-continue")
        .body(reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>()));
    alice.send(request).await.expect_error(413, "invalidRequest");
    let partial = alice
        .request(Method::PUT, "/drive/root:/x:/content")
        .header("content-range", "bytes 0-1/2")
        .body("ab");
    alice.send(partial).await.expect_error(400, "invalidRequest");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

/// Files in the content folder.
fn contents(app: &TestApp) -> usize {
    let folders = std::fs::read_dir(app.data_dir().join("content")).expect("the content folder");
    // Beside the drives' folders is the store's marker.
    let folders = folders.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
    folders.map(|folder| std::fs::read_dir(folder).expect("a folder").count()).sum()
}

async fn an_upload_that_breaks_off_leaves_nothing(app: TestApp) {
    use tokio::io::AsyncWriteExt;

    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let token = alice.token.clone().expect("a token");
    let address = app.url.strip_prefix("http://").expect("a URL");
    for sent in [10, 6 * 1024 * 1024] {
        let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let head = format!(
            "PUT /drive/root:/b.txt:/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 20000000\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("it is sent");
        socket.write_all(&vec![b'x'; sent]).await.expect("it is sent");
        eventually("the upload begins", async || {
            app.database.number("SELECT count(*) FROM loose_content").await == 1
        })
        .await;
        drop(socket);
        eventually("the upload is given up", async || {
            app.database.number("SELECT count(*) FROM loose_content").await == 0 && contents(&app) == 1
        })
        .await;
    }
    let url =
        alice.get(&format!("/drive/items/{item}/content")).await.expect(302).header("location").to_owned();
    assert_eq!(alice.get(&url).await.text(), "one");
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 1);
}

async fn conditions_on_an_item_are_held(app: TestApp) {
    let alice = app.user("alice");
    let id = alice.upload("/b.txt", "one").await;
    let path = format!("/drive/items/{id}");
    let item = alice.get(&path).await.json();
    let etag = item["eTag"].as_str().expect("a tag").to_owned();
    let with = async |method: Method, path: &str, header: &str, tag: &str, body: Option<Value>| {
        let request = alice.request(method, path).header(header, tag);
        alice.send(body.map_or(request.try_clone().expect("no stream"), |body| request.json(&body))).await
    };
    with(Method::GET, &path, "if-none-match", &etag, None).await.expect(304);
    with(Method::GET, &path, "if-none-match", "\"other\"", None).await.expect(200);
    let rename = || Some(json!({ "name": "c.txt" }));
    with(Method::PATCH, &path, "if-match", "\"other\"", rename()).await.expect_error(412, "resourceModified");
    with(Method::PATCH, &path, "if-match", &etag, rename()).await.expect(200);
    with(Method::DELETE, &path, "if-match", &etag, None).await.expect_error(412, "resourceModified");
    let content = format!("{path}/content");
    with(Method::PUT, &content, "if-match", &etag, Some(json!({})))
        .await
        .expect_error(412, "resourceModified");
    let new = "/drive/root:/new.txt:/content";
    with(Method::PUT, new, "if-match", "*", Some(json!({}))).await.expect_error(412, "resourceModified");
    with(Method::PUT, new, "if-none-match", "*", Some(json!({}))).await.expect(201);
    with(Method::PUT, new, "if-none-match", "*", Some(json!({}))).await.expect_error(412, "resourceModified");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

async fn moves_that_make_no_sense_are_refused(app: TestApp) {
    let alice = app.user("alice");
    let file = alice.upload("/a/b/c.txt", "one").await;
    let id = async |path: &str| alice.get(path).await.json()["id"].as_str().expect("an id").to_owned();
    let (outer, inner) = (id("/drive/root:/a").await, id("/drive/root:/a/b").await);
    let foreign = app.user("bob").upload("/x/y.txt", "y").await;
    let (drive, _) = foreign.split_once('!').expect("an id");
    for (item, parent) in [
        (&outer, json!({ "id": inner })),
        (&outer, json!({ "id": outer })),
        (&outer, json!({ "path": "/drive/root:/a/b" })),
        (&inner, json!({ "id": file })),
        (&inner, json!({ "id": foreign })),
        (&inner, json!({ "id": "nonsense" })),
        (&inner, json!({ "path": "/drive/root:/missing" })),
        (&inner, json!({ "path": "nonsense" })),
        (&inner, json!({ "driveId": drive, "id": "root" })),
    ] {
        let answer = alice.patch(&format!("/drive/items/{item}"), json!({ "parentReference": parent })).await;
        answer.expect_error(400, "invalidRequest");
    }
    alice.upload("/c.txt", "other").await;
    let to_root = json!({ "parentReference": { "id": "root" } });
    alice
        .patch(&format!("/drive/items/{file}"), to_root.clone())
        .await
        .expect_error(409, "nameAlreadyExists");
    let (own, _) = file.split_once('!').expect("an id");
    let named = json!({ "parentReference": { "driveId": own, "id": "root" }, "name": "d.txt" });
    alice.patch(&format!("/drive/items/{file}"), named).await.expect(200);
    alice.get("/drive/root:/d.txt").await.expect(200);
    alice.patch(&format!("/drive/items/{inner}"), json!({ "parentReference": {} })).await.expect(200);
}

async fn a_clients_own_times_are_kept(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let times = json!({ "createdDateTime": "2001-02-03T04:05:06Z", "lastModifiedDateTime": "2002-03-04T05:06:07.891+01:00" });
    let shown = alice
        .patch(&format!("/drive/items/{item}"), json!({ "fileSystemInfo": times }))
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown["fileSystemInfo"],
        json!({ "createdDateTime": "2001-02-03T04:05:06.000Z", "lastModifiedDateTime": "2002-03-04T04:06:07.891Z" })
    );
    let bad = json!({ "fileSystemInfo": { "createdDateTime": "yesterday" } });
    alice.patch(&format!("/drive/items/{item}"), bad).await.expect_error(400, "invalidRequest");
}

async fn versions_are_listed_read_and_restored(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    alice.upload("/b.txt", "second").await;
    let link = alice.link(&item, "view").await;
    let path = format!("/drive/items/{item}/versions");
    let list = alice.get(&path).await.expect(200).json();
    let shown: Vec<(&Value, &Value)> =
        list["value"].as_array().expect("a list").iter().map(|one| (&one["id"], &one["size"])).collect();
    assert_eq!(shown, [(&json!("2.0"), &json!(6)), (&json!("1.0"), &json!(3))]);
    let old = alice.get(&format!("{path}/1.0/content")).await.expect(302).header("location").to_owned();
    assert_eq!(app.anybody().get(&old).await.expect(200).text(), "one");
    alice.post(&format!("{path}/1.0/restoreVersion"), json!({})).await.expect(204);
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    assert_eq!(alice.get(&path).await.json()["value"].as_array().expect("a list").len(), 3);
    for missing in ["9.0", "0.0", "x", "1.1"] {
        alice.get(&format!("{path}/{missing}/content")).await.expect_error(404, "itemNotFound");
    }
}

async fn the_root_stays_where_it_is(app: TestApp) {
    let alice = app.user("alice");
    alice.patch("/drive/root", json!({ "name": "x" })).await.expect_error(403, "notAllowed");
    alice.delete("/drive/root").await.expect_error(403, "notAllowed");
    alice.put("/drive/root/content", "x").await.expect_error(400, "invalidRequest");
}

async fn a_large_file_comes_back_as_it_went(app: TestApp) {
    let alice = app.user("alice");
    let bytes: Vec<u8> = (0..23_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let item = alice.put("/drive/root:/large.bin:/content", bytes.clone()).await.expect(201).json();
    assert_eq!(item["size"], bytes.len());
    let url = item["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    assert!(alice.get(url).await.expect(200).body == bytes);
    let request = alice.request(Method::GET, url).header("range", "bytes=9999999-10000009");
    assert_eq!(alice.send(request).await.expect(206).body, bytes[9_999_999..=10_000_009]);
    let link = alice.link(item["id"].as_str().expect("an id"), "view").await;
    assert!(app.anybody().open(&link).await.expect(200).body == bytes);
}

async fn what_is_due_is_swept_out_of_the_content_store(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let (drive, _) = item.split_once('!').expect("an id");
    let folder = app.data_dir().join("content").join(drive);
    let sql = |key: &str| match app.database.kind {
        crate::support::Kind::Postgres => format!("'{key}'"),
        crate::support::Kind::Sqlite => format!("x'{key}'"),
    };
    let keys = ["00000000000000000000000000000001", "00000000000000000000000000000002"];
    for (key, due_at) in keys.iter().zip([app.now(), app.now() + chrono::TimeDelta::minutes(5)]) {
        std::fs::write(folder.join(key), "left").expect("a file");
        // What a process leaves that is killed while it writes.
        std::fs::write(folder.join(format!("{key}#1")), "le").expect("a file");
        let due_at = due_at.to_rfc3339();
        let values = format!("SELECT drive_id, {}, '{due_at}' FROM drives", sql(key));
        let values = if app.database.kind == crate::support::Kind::Postgres {
            values
                .replace(&format!("'{due_at}'"), &format!("'{due_at}'::timestamptz"))
                .replace(&sql(key), &format!("{}::uuid", sql(key)))
        } else {
            values
        };
        app.database
            .run(&format!("INSERT INTO loose_content (drive_id, content_key, due_at) {values}"))
            .await;
    }
    let _second = app.second().await;
    // Its row goes last, when there is nothing left to delete.
    let rows = "SELECT count(*) FROM loose_content";
    eventually("the old one is swept", async || app.database.number(rows).await == 1).await;
    assert!(!folder.join(keys[0]).exists());
    assert!(!folder.join(format!("{}#1", keys[0])).exists());
    assert!(folder.join(keys[1]).exists());
}
