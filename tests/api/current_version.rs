//! A link opens the item's current version, wherever the item goes, until the owner ends it.

use serde_json::{Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database!(
    after_an_overwrite_the_next_answer_is_the_new_content,
    a_link_follows_its_item_through_renames_and_moves,
    a_link_stops_while_its_item_is_in_the_recycle_bin,
    a_deleted_folder_takes_the_links_below_it_along_and_brings_them_back,
    a_new_file_at_the_old_path_is_not_what_the_old_link_opens,
    a_revoked_link_is_dead_at_once_on_every_server,
    a_link_that_is_made_again_has_another_url_and_the_old_one_stays_dead,
    a_link_does_not_expire,
    readers_never_see_less_than_the_last_overwrite_that_was_answered,
);

async fn revoke(user: &crate::support::User, item: &str, link: &Value) {
    let id = link["id"].as_str().expect("an id");
    user.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
}

async fn after_an_overwrite_the_next_answer_is_the_new_content(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    for content in ["two", "three", ""] {
        assert_eq!(alice.upload("/b.txt", content).await, item);
        assert_eq!(app.anybody().open(&link).await.expect(200).text(), content);
    }
    let body = alice.put(&format!("/drive/items/{item}/content"), "by id").await.expect(200).json();
    assert_eq!(body["id"], item.as_str());
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "by id");
}

async fn a_link_follows_its_item_through_renames_and_moves(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    alice.upload("/other/x.txt", "x").await;
    let link = alice.link(&item, "view").await;
    let path = format!("/drive/items/{item}");
    alice.patch(&path, json!({ "name": "renamed.pdf" })).await.expect(200);
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    let moved =
        alice.patch(&path, json!({ "parentReference": { "path": "/drive/root:/other" } })).await.expect(200);
    assert!(moved.json()["parentReference"]["path"].as_str().expect("a path").ends_with("root:/other"));
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    alice.get("/drive/root:/other/renamed.pdf").await.expect(200);
    alice.get("/drive/root:/a/b.txt").await.expect_error(404, "itemNotFound");
}

async fn a_link_stops_while_its_item_is_in_the_recycle_bin(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    alice.delete(&format!("/drive/items/{item}")).await.expect(204);
    app.anybody().open(&link).await.expect(404);
    alice.delete(&format!("/drive/items/{item}")).await.expect_error(404, "itemNotFound");
    alice.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" })).await.expect(404);
    let restored = alice.post(&format!("/drive/items/{item}/restore"), json!({})).await.expect(200).json();
    assert_eq!((&restored["id"], &restored["name"]), (&json!(item), &json!("b.txt")));
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    alice.post(&format!("/drive/items/{item}/restore"), json!({})).await.expect_error(404, "itemNotFound");
}

async fn a_deleted_folder_takes_the_links_below_it_along_and_brings_them_back(app: TestApp) {
    let alice = app.user("alice");
    let kept = alice.upload("/a/b/kept.txt", "kept").await;
    let gone = alice.upload("/a/b/gone.txt", "gone").await;
    let (kept_link, gone_link) = (alice.link(&kept, "view").await, alice.link(&gone, "view").await);
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    alice.delete(&format!("/drive/items/{gone}")).await.expect(204);
    alice.delete(&format!("/drive/items/{folder}")).await.expect(204);
    app.anybody().open(&kept_link).await.expect(404);
    // What went with the folder can't come back without it.
    alice.post(&format!("/drive/items/{kept}/restore"), json!({})).await.expect_error(404, "itemNotFound");
    alice.post(&format!("/drive/items/{gone}/restore"), json!({})).await.expect_error(400, "invalidRequest");
    alice.post(&format!("/drive/items/{folder}/restore"), json!({})).await.expect(200);
    assert_eq!(app.anybody().open(&kept_link).await.expect(200).text(), "kept");
    // What was deleted before stays so, until it is restored itself.
    app.anybody().open(&gone_link).await.expect(404);
    alice.post(&format!("/drive/items/{gone}/restore"), json!({ "name": "back.txt" })).await.expect(200);
    assert_eq!(app.anybody().open(&gone_link).await.expect(200).text(), "gone");
}

async fn a_new_file_at_the_old_path_is_not_what_the_old_link_opens(app: TestApp) {
    let alice = app.user("alice");
    let old = alice.upload("/b.txt", "old").await;
    let link = alice.link(&old, "view").await;
    alice.delete(&format!("/drive/items/{old}")).await.expect(204);
    let new = alice.upload("/b.txt", "new").await;
    assert_ne!(new, old);
    app.anybody().open(&link).await.expect(404);
    // The old name is taken now, so it comes back only under another.
    alice
        .post(&format!("/drive/items/{old}/restore"), json!({}))
        .await
        .expect_error(409, "nameAlreadyExists");
    alice.post(&format!("/drive/items/{old}/restore"), json!({ "name": "b 1.txt" })).await.expect(200);
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "old");
    let other = alice.link(&new, "view").await;
    assert_eq!(app.anybody().open(&other).await.expect(200).text(), "new");
}

async fn a_revoked_link_is_dead_at_once_on_every_server(app: TestApp) {
    let second = app.second().await;
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    for _ in 0..20 {
        let link = alice.link(&item, "view").await;
        assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
        assert_eq!(second.anybody().open(&link).await.expect(200).text(), "one");
        revoke(&alice, &item, &link).await;
        second.anybody().open(&link).await.expect(404);
        app.anybody().open(&link).await.expect(404);
    }
}

async fn a_link_that_is_made_again_has_another_url_and_the_old_one_stays_dead(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let old = alice.link(&item, "view").await;
    revoke(&alice, &item, &old).await;
    let answer = alice.post(&format!("/drive/items/{item}/createLink"), json!({ "type": "view" })).await;
    let new = answer.expect(201).json();
    assert_ne!(new["link"]["webUrl"], old["link"]["webUrl"]);
    assert_ne!(new["id"], old["id"]);
    assert_ne!(new["shareId"], old["shareId"]);
    assert_eq!(app.anybody().open(&new).await.expect(200).text(), "one");
    app.anybody().open(&old).await.expect(404);
}

async fn a_link_does_not_expire(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    app.pass(chrono::TimeDelta::days(36_500));
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    let later = app.user("alice");
    assert_eq!(later.link(&item, "view").await["link"]["webUrl"], link["link"]["webUrl"]);
}

async fn readers_never_see_less_than_the_last_overwrite_that_was_answered(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "0").await;
    let link = alice.link(&item, "view").await;
    let answered = std::sync::atomic::AtomicU64::new(0);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let writing = async {
        for version in 1..=60_u64 {
            alice.upload("/b.txt", &version.to_string()).await;
            answered.store(version, std::sync::atomic::Ordering::SeqCst);
        }
        is_over.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let reading = async || {
        let mut reads = 0;
        while !is_over.load(std::sync::atomic::Ordering::SeqCst) {
            let at_least = answered.load(std::sync::atomic::Ordering::SeqCst);
            let answer = app.anybody().open(&link).await.expect(200);
            let read: u64 = answer.text().parse().expect("a number");
            assert!(read >= at_least, "read {read} after {at_least} was answered");
            // The tag is that of the bytes.
            assert!(
                answer.header("etag").ends_with(&format!(",{}\"", read + 1)),
                "{}",
                answer.header("etag")
            );
            reads += 1;
        }
        assert!(reads > 0);
    };
    tokio::join!(writing, reading(), reading(), reading());
}
