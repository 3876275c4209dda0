//! Folders with many items: what concerns all of them is one piece of work, and holds nobody up for long.

use crate::support::{Kind, TestApp, eventually, on_each_database};

on_each_database!(
    a_large_folder_is_deleted_restored_and_purged_whole,
    what_is_below_a_folder_is_found_without_reading_the_whole_table,
    what_is_restored_while_the_rest_is_purged_stays,
);

/// Rows that came of reading the table of items whole. SQLite has no such counts, and no such plans.
async fn read_of(app: &TestApp) -> i64 {
    let reads = "SELECT CAST(coalesce(sum(seq_tup_read), 0) AS bigint) FROM pg_stat_user_tables
                 WHERE relname = 'items'";
    match app.database.kind {
        Kind::Postgres => app.database.number(reads).await,
        Kind::Sqlite => 0,
    }
}

/// Folders with nothing in them are each looked into: read anew for every thousand of them, the table would be read
/// as often as it has thousands.
async fn what_is_below_a_folder_is_found_without_reading_the_whole_table(mut app: TestApp) {
    let alice = app.user("alice");
    let folder = alice.post("/drive/root/children", serde_json::json!({ "name": "big", "folder": {} })).await;
    let folder = folder.expect(201).json()["id"].as_str().expect("an id").to_owned();
    app.database.fill(&folder, 10_000, "f").await;
    if app.database.kind == Kind::Postgres {
        app.database.run("ANALYZE items").await;
    }
    let before = read_of(&app).await;
    alice.delete(&format!("/drive/items/{folder}")).await.expect(204);
    alice.post(&format!("/drive/items/{folder}/permanentDelete"), serde_json::json!({})).await.expect(204);
    eventually("all of it is cleared away", async || {
        app.database.number("SELECT count(*) FROM subtree_changes").await == 0
    })
    .await;
    // What a connection has counted is known once it has ended.
    app.stop().await;
    let read = read_of(&app).await - before;
    assert!(read < 30_000, "{read} rows were read in tables that were read whole");
}

async fn a_large_folder_is_deleted_restored_and_purged_whole(app: TestApp) {
    let alice = app.user("alice");
    let first = alice.upload("/big/first.txt", "one").await;
    let link = alice.link(&first, "view").await;
    let folder =
        alice.get("/drive/root:/big").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let (_, number) = folder.split_once('!').expect("an id");
    // Six folders of a thousand.
    let series = match app.database.kind {
        Kind::Postgres => "generate_series(1000, 6999) AS s (n)",
        Kind::Sqlite => {
            "(WITH RECURSIVE s (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM s WHERE n < 6999) SELECT n FROM s) s"
        }
    };
    app.database
        .run(&format!(
            "INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at, change_no)
             SELECT i.drive_id, s.n, CASE WHEN s.n % 1000 = 0 THEN {number} ELSE s.n - s.n % 1000 END,
                    'f' || s.n, 'f' || s.n, 'folder', 0, i.created_at, i.created_at, 1
             FROM items i, {series} WHERE i.item_no = {number}
             ORDER BY s.n"
        ))
        .await;
    let live = "SELECT count(*) FROM items WHERE deleted_at IS NULL";
    let all = app.database.number(live).await;
    assert!(all > 6_000);
    alice.delete(&format!("/drive/items/{folder}")).await.expect(204);
    assert!(app.database.number(live).await < 10);
    app.anybody().open(&link).await.expect(404);
    alice.post(&format!("/drive/items/{folder}/restore"), serde_json::json!({})).await.expect(200);
    assert_eq!(app.database.number(live).await, all);
    app.anybody().open(&link).await.expect(200);
    alice.post(&format!("/drive/items/{folder}/permanentDelete"), serde_json::json!({})).await.expect(204);
    assert!(app.database.number(live).await < 10);
    app.anybody().open(&link).await.expect(404);
    eventually("all of it is cleared away", async || {
        app.database.number("SELECT count(*) FROM subtree_changes").await == 0
    })
    .await;
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM items WHERE deleted_with > 0").await, 0);
    alice.upload("/next.txt", "two").await;
}

async fn what_is_restored_while_the_rest_is_purged_stays(app: TestApp) {
    let alice = app.user("alice");
    let folder = alice.post("/drive/root/children", serde_json::json!({ "name": "big", "folder": {} })).await;
    let folder = folder.expect(201).json()["id"].as_str().expect("an id").to_owned();
    app.database.fill(&folder, 8_000, "f").await;
    // The last of them, so that the purge comes to it late.
    let kept = alice.upload("/big/kept.txt", "kept").await;
    let link = alice.link(&kept, "view").await;
    alice.delete(&format!("/drive/items/{kept}")).await.expect(204);
    alice.post(&format!("/drive/items/{folder}/permanentDelete"), serde_json::json!({})).await.expect(204);
    // It is cleared slice by slice, after the answer: the folder itself with it.
    eventually("the first slice is cleared", async || {
        app.database.number("SELECT count(*) FROM items WHERE deleted_with = 0").await > 1
    })
    .await;
    let elsewhere = serde_json::json!({ "parentReference": { "id": "root" } });
    alice.post(&format!("/drive/items/{kept}/restore"), elsewhere).await.expect(200);
    eventually("the rest is cleared away", async || {
        app.database.number("SELECT count(*) FROM subtree_changes").await == 0
    })
    .await;
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "kept");
    assert_eq!(app.database.number("SELECT count(*) FROM items WHERE deleted_with = 0").await, 8_001);
}
