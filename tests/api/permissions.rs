//! The owner sees an item's links among its permissions, and can remove them.

use everlink::limits::Who;
use futures_util::future::{join, try_join_all};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestApp, eventually, on_each_database, page_path};

on_each_database!(
    an_item_lists_its_owner_and_its_links,
    links_of_folders_above_are_listed_as_inherited,
    one_permission_is_read_by_its_id,
    a_deleted_permission_is_gone_and_in_the_audit_trail,
    a_list_that_waits_for_its_turn_shows_nothing_once_its_link_is_deleted,
    an_inherited_permission_is_deleted_where_it_comes_from,
    a_deletion_may_ask_for_an_item_that_has_not_changed,
    a_links_role_can_not_be_changed,
    nobody_else_gets_the_list,
);

fn links(list: &Value) -> Vec<&Value> {
    list["value"].as_array().expect("a list").iter().filter(|one| one.get("link").is_some()).collect()
}

async fn an_item_lists_its_owner_and_its_links(app: TestApp) {
    let alice = app.user("alice");
    let other = app.user_with(|token| token.application = "5678".to_owned());
    let item = alice.upload("/b.txt", "one").await;
    let path = format!("/drive/items/{item}/permissions");
    let bare = alice.get(&path).await.expect(200).json();
    assert_eq!(bare["value"].as_array().expect("a list").len(), 1);
    assert_eq!(bare["value"][0]["roles"], json!(["owner"]));
    assert_eq!(bare["value"][0]["grantedTo"]["user"]["id"], "alice");
    let made =
        [alice.link(&item, "view").await, alice.link(&item, "edit").await, other.link(&item, "view").await];
    let list = alice.get(&path).await.expect(200).json();
    let listed = links(&list);
    assert_eq!(listed.len(), 3);
    for link in made {
        let shown = listed.iter().find(|shown| shown["id"] == link["id"]).expect("it is listed");
        assert_eq!((&shown["link"], &shown["shareId"]), (&link["link"], &link["shareId"]));
        assert!(shown.get("inheritedFrom").is_none());
    }
    assert!(!list.to_string().contains("null"));
}

/// How many requests links let in.
async fn opened(app: &TestApp) -> String {
    let metrics = app.admin("/metrics").await.text();
    let line =
        metrics.lines().find(|line| line.contains("links_opened_total{type=\"view\",scope=\"anonymous\"}"));
    line.expect("a metric").to_owned()
}

/// The link is looked at before the list has its turn, and what is in the folder after it.
async fn a_list_that_waits_for_its_turn_shows_nothing_once_its_link_is_deleted(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/docs/a.txt", "one").await;
    let folder = alice.get("/drive/root:/docs").await.json()["id"].as_str().expect("an id").to_owned();
    for way in 0..4 {
        let link = alice.link(&folder, "view").await;
        let share = link["shareId"].as_str().expect("an id");
        let path = match way {
            0 => format!("/shares/{share}/driveItem/children"),
            1 => format!("/shares/{share}/driveItem?$expand=children"),
            2 => format!("/shares/{share}?$expand=children"),
            _ => page_path(&link),
        };
        let before = opened(&app).await;
        let others = (0..16).map(|other| app.turns.lists.take(Who::Upload(Uuid::from_u128(other / 4))));
        let turns = try_join_all(others).await.expect("all there are");
        let anybody = app.anybody();
        let revoke = async {
            eventually("the link lets it in", async || opened(&app).await != before).await;
            let id = link["id"].as_str().expect("an id");
            alice.delete(&format!("/drive/items/{folder}/permissions/{id}")).await.expect(204);
            alice.upload(&format!("/docs/{way}.txt"), "for the owner alone").await;
            drop(turns);
        };
        let (answer, ()) = join(anybody.get(&path), revoke).await;
        assert!(!answer.text().contains(&format!("{way}.txt")), "{path}: {}", answer.text());
        answer.expect(404);
    }
}

async fn links_of_folders_above_are_listed_as_inherited(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b c/d.txt", "one").await;
    let top = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let middle = alice.get("/drive/root:/a/b c").await.json()["id"].as_str().expect("an id").to_owned();
    let (of_top, of_middle, own) =
        (alice.link(&top, "view").await, alice.link(&middle, "edit").await, alice.link(&item, "view").await);
    let list = alice.get(&format!("/drive/items/{item}/permissions")).await.expect(200).json();
    let listed = links(&list);
    let ids: Vec<&Value> = listed.iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&own["id"], &of_middle["id"], &of_top["id"]]);
    let (drive, _) = item.split_once('!').expect("an id");
    assert_eq!(
        listed[1]["inheritedFrom"],
        json!({ "driveId": drive, "driveType": "personal", "id": middle, "path": format!("/drives/{drive}/root:/a/b%20c") })
    );
    assert_eq!(listed[2]["inheritedFrom"]["id"], top.as_str());
    assert_eq!(listed[2]["link"], of_top["link"]);
}

async fn one_permission_is_read_by_its_id(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let path = format!("/drive/root:/b.txt:/permissions/{}", link["id"].as_str().expect("an id"));
    assert_eq!(alice.get(&path).await.expect(200).json(), link);
    let owner = alice.get("/drive/root:/b.txt:/permissions/owner").await.expect(200).json();
    assert_eq!(owner["roles"], json!(["owner"]));
    for wrong in ["AAAAAAAAAAAAAAAAAAAAAA", "x", "%00"] {
        let path = format!("/drive/root:/b.txt:/permissions/{wrong}");
        alice.get(&path).await.expect_error(404, "itemNotFound");
    }
    alice.get("/drive/root:/b.txt:/permissions/%FF").await.expect_error(400, "invalidRequest");
}

async fn a_deleted_permission_is_gone_and_in_the_audit_trail(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let path = format!("/drive/items/{item}/permissions/{}", link["id"].as_str().expect("an id"));
    alice.delete(&path).await.expect(204);
    alice.delete(&path).await.expect_error(404, "itemNotFound");
    alice.get(&path).await.expect_error(404, "itemNotFound");
    let events = app.database.rows("SELECT action, actor FROM link_events ORDER BY at").await;
    assert_eq!(events, [["created", "alice"], ["revoked", "alice"]]);
    alice.delete(&format!("/drive/items/{item}/permissions/owner")).await.expect_error(403, "accessDenied");
}

async fn an_inherited_permission_is_deleted_where_it_comes_from(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "view").await;
    let id = link["id"].as_str().expect("an id");
    let answer = alice.delete(&format!("/drive/items/{item}/permissions/{id}")).await;
    let answer = answer.expect_error(403, "accessDenied");
    assert!(answer.text().contains(&folder), "{}", answer.text());
    alice.delete(&format!("/drive/items/{folder}/permissions/{id}")).await.expect(204);
}

async fn a_deletion_may_ask_for_an_item_that_has_not_changed(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let delete = async |header: &str, tag: &str| {
        let link = alice.link(&item, "view").await;
        let path = format!("/drive/items/{item}/permissions/{}", link["id"].as_str().expect("an id"));
        let request = alice.request(reqwest::Method::DELETE, &path).header(header, tag);
        alice.send(request).await
    };
    let shown = alice.get(&format!("/drive/items/{item}")).await.json();
    let (etag, ctag) = (shown["eTag"].as_str().expect("a tag"), shown["cTag"].as_str().expect("a tag"));
    delete("if-match", "\"other\"").await.expect_error(412, "resourceModified");
    delete("if-match", "unquoted").await.expect_error(412, "resourceModified");
    delete("if-match", "\"half").await.expect_error(400, "invalidRequest");
    // Some clients leave the quotes out.
    for tag in [etag, ctag, "*", etag.trim_matches('"')] {
        delete("if-match", tag).await.expect(204);
    }
    alice.upload("/b.txt", "two").await;
    delete("if-match", etag).await.expect_error(412, "resourceModified");
    delete("if-match", ctag).await.expect_error(412, "resourceModified");
}

async fn a_links_role_can_not_be_changed(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "edit").await;
    let path = format!("/drive/items/{item}/permissions/{}", link["id"].as_str().expect("an id"));
    alice.patch(&path, json!({ "roles": ["read"] })).await.expect_error(400, "notSupported");
    assert_eq!(alice.get(&path).await.expect(200).json(), link);
}

async fn nobody_else_gets_the_list(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let (drive, _) = item.split_once('!').expect("an id");
    let path = format!("/drives/{drive}/items/{item}/permissions");
    let one = format!("{path}/{}", link["id"].as_str().expect("an id"));
    let reader = app.user_with(|token| token.scope = "Files.Read".to_owned());
    for path in [&path, &one] {
        app.user("bob").get(path).await.expect_error(404, "itemNotFound");
        app.user("bob").delete(&one).await.expect_error(404, "itemNotFound");
        app.anybody().get(path).await.expect_error(401, "InvalidAuthenticationToken");
        reader.get(path).await.expect_error(403, "accessDenied");
    }
}
