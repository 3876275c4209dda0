//! What is kept in memory of links and of their owners' drives: after whatever write, by whichever way, the next open,
//! the next createLink and the owner's next look at the drive, at items, folders and permissions are on every server
//! what a server answers that keeps nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ChaosProxy, Kind, Process, TestApp, User, on_each_database, page_path};

on_each_database!(
    after_every_write_every_server_answers_as_one_that_keeps_nothing,
    what_has_not_changed_is_not_read_again,
    what_an_owner_looks_at_again_is_not_read_again,
    without_room_nothing_is_kept,
);

/// Two servers that keep what they read, and one that doesn't.
struct Servers {
    app: TestApp,
    other: TestApp,
    forgetful: TestApp,
    alice: User,
    /// Links that are opened on each, by their share ids; with `:/path` for what is inside.
    opened: Vec<String>,
    /// Of the owner's own items, after `/me/drive/`.
    addresses: Vec<String>,
    /// What createLink is asked of on each: items, with types that they have links of.
    asked: Vec<(String, &'static str)>,
}

/// Without what differs between servers, and from one moment to the next.
fn normal(answer: &crate::support::Answer, url: &str) -> Value {
    let text = answer.text().replace(url, "");
    let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    strip(&mut body);
    json!([answer.status.as_u16(), body])
}

fn strip(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(strip),
        Value::Object(members) => {
            members.retain(|name, _| !name.ends_with("downloadUrl") && name != "innerError");
            members.values_mut().for_each(strip);
        }
        _ => {}
    }
}

impl Servers {
    async fn start(app: TestApp) -> Self {
        let (other, forgetful) = (app.second().await, app.second_with(&["--cache-mib=0"]).await);
        let alice = app.user("alice");
        Self { app, other, forgetful, alice, opened: Vec::new(), addresses: Vec::new(), asked: Vec::new() }
    }

    async fn answers(&self, server: &TestApp) -> Vec<Value> {
        let (anybody, alice) = (server.anybody(), server.bearer(self.alice.token.as_ref().expect("a token")));
        let mut answers = Vec::new();
        for share in &self.opened {
            answers.push(normal(&anybody.get(&format!("/shares/{share}/driveItem")).await, &server.url));
            answers.push(normal(&anybody.get(&format!("/shares/{share}/permission")).await, &server.url));
        }
        for address in &self.addresses {
            answers.push(normal(&alice.get(&format!("/me/drive/{address}")).await, &server.url));
            let item = alice.get(&format!("/users/alice/drive/{address}")).await;
            answers.push(normal(&item, &server.url));
            // A path is closed by a colon where something follows.
            let end = if address.contains(':') { ":" } else { "" };
            for part in ["permissions", "children", "children?$top=1&$orderby=name desc"] {
                let answer = alice.get(&format!("/me/drive/{address}{end}/{part}")).await;
                answers.push(normal(&answer, &server.url));
            }
            let found = alice.get(&format!("/me/drive/{address}{end}/search(q='.')")).await;
            answers.push(normal(&found, &server.url));
        }
        for drive in ["/me/drive", "/users/alice/drive"] {
            answers.push(normal(&alice.get(drive).await, &server.url));
        }
        for (item, link_type) in &self.asked {
            let listed = alice.get(&format!("/me/drive/items/{item}/permissions")).await;
            let is_own = |one: &Value| one["link"]["type"] == *link_type && one["inheritedFrom"].is_null();
            let own = listed.json()["value"].as_array().is_some_and(|list| list.iter().any(is_own));
            // One that is not there would be made.
            if own {
                let body = json!({ "type": link_type });
                let answer = alice.post(&format!("/me/drive/items/{item}/createLink"), body).await;
                answers.push(normal(&answer, &server.url));
            } else {
                answers.push(normal(&listed, &server.url));
            }
        }
        answers
    }

    /// They answer alike, and have it in memory from now on.
    async fn agree(&self, after: &str) {
        let right = self.answers(&self.forgetful).await;
        for server in [&self.app, &self.other] {
            assert_eq!(self.answers(server).await, right, "after {after}");
            // Links are looked for in memory only where most are found there.
            for share in self.opened.iter().cycle().take(3 * self.opened.len()) {
                server.anybody().get(&format!("/shares/{share}/driveItem")).await;
            }
        }
    }

    async fn put(&self, path: &str, content: &str) -> String {
        self.alice.upload(path, content).await
    }

    /// Makes a link, and keeps it among those that are opened.
    async fn link(&mut self, item: &str, link_type: &'static str) -> Value {
        let link = self.alice.link(item, link_type).await;
        self.opened.push(link["shareId"].as_str().expect("an id").to_owned());
        self.asked.push((item.to_owned(), link_type));
        link
    }
}

async fn after_every_write_every_server_answers_as_one_that_keeps_nothing(app: TestApp) {
    let mut servers = Servers::start(app).await;
    let alice = servers.alice.clone();
    let file = servers.put("/docs/a.txt", "first").await;
    let inner = servers.put("/docs/deep/b.txt", "inner").await;
    let away = servers.put("/away/x.txt", "x").await;
    let folder = alice.get("/me/drive/root:/docs").await.json()["id"].as_str().expect("an id").to_owned();
    let deep = alice.get("/me/drive/root:/docs/deep").await.json()["id"].as_str().expect("an id").to_owned();
    let view = servers.link(&file, "view").await;
    servers.link(&file, "edit").await;
    servers.link(&inner, "view").await;
    let of_folder = servers.link(&folder, "view").await;
    servers.link(&deep, "edit").await;
    let inside = of_folder["shareId"].as_str().expect("an id").to_owned();
    servers.opened.push(format!("{inside}/driveItem:/a.txt:"));
    for item in [&file, &inner, &away, &folder, &deep] {
        servers.addresses.push(format!("items/{item}"));
    }
    servers.addresses.push(format!("items/{folder}:/deep/b.txt"));
    for path in ["", ":/docs/A.TXT", ":/docs/deep/b.txt", ":/Papers/renamed.md", ":/docs", ":/away/b.txt"] {
        servers.addresses.push(format!("root{path}"));
    }
    servers.agree("nothing").await;
    servers.agree("nothing, from memory").await;

    let patch = async |item: &str, body: Value| {
        let answer = alice.patch(&format!("/me/drive/items/{item}"), body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    };
    alice.put(&format!("/me/drive/items/{file}/content"), "second, longer").await.expect(200);
    servers.agree("an overwrite").await;
    patch(&file, json!({ "name": "renamed.md" })).await;
    servers.agree("a new name").await;
    patch(&folder, json!({ "name": "Papers" })).await;
    servers.agree("a new name of the folder").await;
    patch(&file, json!({ "description": "what it is" })).await;
    servers.agree("a description").await;
    let times = json!({ "fileSystemInfo": { "lastModifiedDateTime": "2020-01-02T03:04:05Z" } });
    patch(&file, times).await;
    servers.agree("a client's own times").await;
    patch(&inner, json!({ "parentReference": { "path": "/drive/root:/away" } })).await;
    servers.agree("a move out of what is shared").await;
    patch(&inner, json!({ "parentReference": { "id": deep } })).await;
    servers.agree("a move into what is shared").await;
    servers.put("/Papers/new.txt", "new").await;
    servers.agree("a new file in a shared folder").await;
    let restored = format!("/me/drive/items/{file}/versions/1.0/restoreVersion");
    alice.post(&restored, json!({})).await.expect(204);
    servers.agree("an old version that is current again").await;
    let session = json!({ "item": { "@microsoft.graph.conflictBehavior": "replace" } });
    let session =
        alice.post(&format!("/me/drive/items/{file}/createUploadSession"), session).await.expect(200);
    let url = session.json()["uploadUrl"].as_str().expect("a URL").to_owned();
    let range = alice.request(Method::PUT, &url).header("content-range", "bytes 0-3/4").body("four");
    alice.send(range).await.expect(200);
    servers.agree("an upload in ranges").await;
    let by_link = servers.app.anybody();
    let edit = alice.link(&file, "edit").await["shareId"].as_str().expect("an id").to_owned();
    by_link.put(&format!("/shares/{edit}/driveItem/content"), "by a link").await.expect(200);
    servers.agree("an upload by a link").await;
    let copy = json!({ "parentReference": { "id": deep }, "name": "copy" });
    alice.post(&format!("/me/drive/items/{file}/copy"), copy).await.expect(202);
    servers.agree("a copy into a shared folder").await;
    alice.delete(&format!("/me/drive/items/{folder}")).await.expect(204);
    servers.agree("the folder in the bin").await;
    alice.post(&format!("/me/drive/items/{folder}/restore"), json!({})).await.expect(200);
    servers.agree("the folder out of the bin").await;
    alice.delete(&format!("/me/drive/items/{file}")).await.expect(204);
    servers.agree("the file in the bin").await;
    alice.post(&format!("/me/drive/items/{file}/restore"), json!({})).await.expect(200);
    servers.agree("the file out of the bin").await;
    let renamed = servers.app.user_with(|token| token.user_name = Some("Alice Adams".to_owned()));
    renamed.get("/me/drive").await.expect(200);
    servers.agree("another name of the owner").await;

    let id = view["id"].as_str().expect("an id");
    alice.delete(&format!("/me/drive/items/{file}/permissions/{id}")).await.expect(204);
    servers.agree("a revoke").await;
    servers.link(&file, "view").await;
    servers.agree("a link that was made anew").await;
    // No change of the drive, and yet the item is shown otherwise.
    alice.link(&away, "edit").await;
    servers.agree("a link that is the item's first").await;
    let ended = Process::ask(&servers.app, &["links", "revoke", "--type", "view", "--item", &inner]);
    assert!(ended.status.success(), "{ended:?}");
    servers.agree("a revoke by command").await;
    alice.post(&format!("/me/drive/items/{inner}/permanentDelete"), json!({})).await.expect(204);
    servers.agree("a file that is gone for good").await;
    alice.delete(&format!("/me/drive/items/{deep}")).await.expect(204);
    alice.post(&format!("/me/drive/items/{deep}/permanentDelete"), json!({})).await.expect(204);
    servers.agree("a folder that is gone for good").await;

    // What an admin may type. The drive is one of several.
    servers.app.user("bob").upload("/b.txt", "b").await;
    let drive = "(SELECT drive_id FROM drives WHERE owner = 'alice')".to_owned();
    let number = file.split('!').nth(1).expect("a number");
    let other = away.split('!').nth(1).expect("a number");
    servers.link(&away, "view").await;
    servers.agree("a link on another file").await;
    for sql in [
        format!("UPDATE links SET scope = 'organization' WHERE drive_id = {drive} AND item_no = {other}"),
        "UPDATE links SET scope = 'anonymous'".to_owned(),
        format!("UPDATE items SET name_key = 'typed' WHERE drive_id = {drive} AND item_no = {number}"),
        format!(
            "UPDATE items SET name = 'typed.txt', name_key = 'typed.txt' WHERE drive_id = {drive} AND item_no = {number}"
        ),
        format!("UPDATE items SET mime_type = 'text/typed' WHERE drive_id = {drive} AND item_no = {number}"),
        format!("UPDATE items SET description = 'typed' WHERE drive_id = {drive} AND item_no = {number}"),
        format!("UPDATE items SET size = size + 1 WHERE drive_id = {drive} AND item_no = {number}"),
        "UPDATE drives SET owner_name = 'Typed' WHERE owner = 'alice'".to_owned(),
        format!(
            "UPDATE items SET deleted_at = created_at, deleted_with = item_no
             WHERE drive_id = {drive} AND item_no = {number}"
        ),
        format!(
            "UPDATE items SET deleted_at = NULL, deleted_with = NULL WHERE drive_id = {drive} AND item_no = {number}"
        ),
        format!("DELETE FROM links WHERE drive_id = {drive} AND item_no = {other}"),
        match servers.app.database.kind {
            Kind::Postgres => "TRUNCATE links".to_owned(),
            Kind::Sqlite => "DELETE FROM links".to_owned(),
        },
        format!("DELETE FROM versions WHERE drive_id = {drive} AND item_no = {other}"),
        format!("DELETE FROM items WHERE drive_id = {drive} AND item_no = {other}"),
        // From here on she has another drive.
        "UPDATE drives SET tenant = 'elsewhere' WHERE owner = 'alice'".to_owned(),
    ] {
        servers.app.database.run(&sql).await;
        servers.agree(&sql).await;
    }
    // It was memory that had to be right.
    assert!(number_of(&servers.app, "everlink_known_hits_total").await > 0.0);
    assert!(number_of(&servers.app, "everlink_known_changed_total").await > 0.0);
}

/// A metric's number.
async fn number_of(app: &TestApp, name: &str) -> f64 {
    let text = app.admin("/metrics").await.text();
    let line =
        text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{text}"));
    line.rsplit(' ').next().expect("a number").parse().expect("a number")
}

async fn what_has_not_changed_is_not_read_again(app: TestApp) {
    let alice = app.user("alice");
    let file = alice.upload("/a.txt", "a").await;
    let link = alice.link(&file, "view").await;
    let page = page_path(&link);
    app.anybody().get(&page).await.expect(200);
    alice.link(&file, "view").await;
    let read = number_of(&app, "everlink_known_misses_total").await;
    let hits = number_of(&app, "everlink_known_hits_total").await;
    for _ in 0..10 {
        app.anybody().get(&page).await.expect(200);
        alice.link(&file, "view").await;
    }
    assert_eq!(number_of(&app, "everlink_known_misses_total").await, read);
    assert!(number_of(&app, "everlink_known_hits_total").await >= hits + 20.0);
    assert!(number_of(&app, "everlink_known_bytes").await > 0.0);
    // What is made elsewhere in the drive is a change; it is read once more.
    alice.upload("/b.txt", "b").await;
    for _ in 0..3 {
        app.anybody().get(&page).await.expect(200);
    }
    assert_eq!(number_of(&app, "everlink_known_changed_total").await, 1.0);
}

async fn what_an_owner_looks_at_again_is_not_read_again(app: TestApp) {
    let alice = app.user("alice");
    let file = alice.upload("/a.txt", "a").await;
    alice.link(&file, "view").await;
    for part in [format!("items/{file}"), format!("items/{file}/permissions"), "root/children".to_owned()] {
        let address = format!("/me/drive/{part}");
        alice.get(&address).await.expect(200);
        let hits = number_of(&app, "everlink_known_hits_total").await;
        alice.get(&address).await.expect(200);
        // A page is proven beside its folder.
        let proven = if part.ends_with("children") { 2.0 } else { 1.0 };
        assert_eq!(number_of(&app, "everlink_known_hits_total").await, hits + proven, "{part}");
    }
}

async fn without_room_nothing_is_kept(app: TestApp) {
    let app = app.second_with(&["--cache-mib=0"]).await;
    let alice = app.user("alice");
    let file = alice.upload("/a.txt", "a").await;
    let link = alice.link(&file, "view").await;
    for _ in 0..3 {
        app.anybody().get(&page_path(&link)).await.expect(200);
    }
    assert_eq!(number_of(&app, "everlink_known_hits_total").await, 0.0);
    assert_eq!(number_of(&app, "everlink_known_bytes").await, 0.0);
}

/// An application's name is no drive's: it is asked for again now and then.
#[tokio::test]
async fn an_applications_new_name_is_seen_in_what_is_kept() {
    for kind in [Kind::Postgres, Kind::Sqlite] {
        let app = TestApp::start(kind).await;
        let alice = app.user("alice");
        // By the application itself: what is imported names none.
        let file = alice.put("/drive/root:/a.txt:/content", "a").await.expect(201).json();
        let file = file["id"].as_str().expect("an id").to_owned();
        let link = alice.link(&file, "view").await;
        let share = link["shareId"].as_str().expect("an id").to_owned();
        let shown = async || {
            let permission =
                app.anybody().get(&format!("/shares/{share}/permission")).await.expect(200).json();
            permission["link"]["application"]["displayName"].as_str().map(str::to_owned)
        };
        assert_eq!(shown().await.as_deref(), Some("Sample Application"));
        let other = app.second().await;
        let renamed = other.user_with(|token| token.application_name = Some("Renamed".to_owned()));
        renamed.link(&file, "edit").await;
        crate::support::eventually("the name is seen", async || shown().await.as_deref() == Some("Renamed"))
            .await;
        // So it is in what the owner reads again and again.
        let parts = [format!("items/{file}"), "root/children".to_owned(), "root/search(q='a.')".to_owned()];
        let items = async || {
            let mut texts = String::new();
            for part in &parts {
                texts += &alice.get(&format!("/me/drive/{part}")).await.expect(200).text();
            }
            texts
        };
        assert_eq!(items().await.matches("\"Renamed\"").count(), 2 * parts.len());
        let renamed = other.user_with(|token| token.application_name = Some("Again".to_owned()));
        renamed.link(&file, "embed").await;
        crate::support::eventually("the name is seen", async || {
            let texts = items().await;
            texts.matches("\"Again\"").count() == 2 * parts.len() && !texts.contains("Renamed")
        })
        .await;
    }
}

/// A server that came up anew with a backup counts changes again that it lacks: the numbers may be the same.
#[tokio::test]
async fn what_was_read_of_another_database_proves_nothing() {
    let mut direct = TestApp::start(Kind::Postgres).await;
    let proxy = ChaosProxy::start(&direct.database).await;
    let mut app = direct.by_way_of(proxy.database.clone()).await;
    let alice = direct.user("alice");
    let file = alice.upload("/a.txt", "a").await;
    let link = alice.link(&file, "view").await;
    let database = direct.database.clone();
    let share = format!("/shares/{}/driveItem", link["shareId"].as_str().expect("an id"));
    let name = async |app: &TestApp| {
        let answer = app.anybody().get(&share).await;
        (answer.status == 200).then(|| answer.json()["name"].as_str().unwrap_or_default().to_owned())
    };
    for _ in 0..3 {
        assert_eq!(name(&app).await.as_deref(), Some("a.txt"));
    }
    assert!(number_of(&app, "everlink_known_hits_total").await > 0.0);
    direct.stop().await;
    proxy.cut();
    database
        .replace_by_copy(
            "UPDATE items SET name = 'restored.txt', name_key = 'restored.txt' WHERE item_no = 2",
        )
        .await;
    proxy.heal();
    crate::support::eventually("the server is connected again", async || name(&app).await.is_some()).await;
    for _ in 0..3 {
        assert_eq!(name(&app).await.as_deref(), Some("restored.txt"));
    }
    app.stop().await;
}
