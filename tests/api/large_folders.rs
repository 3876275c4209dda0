//! Folders with many items: what concerns all of them is one piece of work, and holds nobody up for long.

use crate::support::{Kind, Process, TestApp, eventually, on_each_database};

on_each_database!(
    a_large_folder_is_deleted_restored_and_purged_whole,
    what_is_below_a_folder_is_found_without_reading_the_whole_table,
    what_is_restored_while_the_rest_is_purged_stays,
    a_drive_that_the_database_has_not_looked_at_is_read_by_its_keys,
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

/// Rows that were read by an index. SQLite has no such counts, and no such plans.
async fn found_by_index(app: &TestApp) -> i64 {
    let reads = "SELECT CAST(coalesce(sum(idx_tup_read), 0) AS bigint) FROM pg_stat_user_indexes";
    match app.database.kind {
        Kind::Postgres => app.database.number(reads).await,
        Kind::Sqlite => 0,
    }
}

/// Of a drive that came after PostgreSQL looked at its tables it believes that it is empty, while another is all there
/// is: then an index that names the drive alone is as good to it as one that names the item, and it reads the drive
/// as often as the drive has items.
async fn a_drive_that_the_database_has_not_looked_at_is_read_by_its_keys(mut app: TestApp) {
    const FILES: usize = 2_000;
    let first = app.user("first");
    let folder = first.post("/drive/root/children", serde_json::json!({ "name": "big", "folder": {} })).await;
    let folder = folder.expect(201).json()["id"].as_str().expect("an id").to_owned();
    app.database.fill(&folder, 20_000, "f").await;
    let file = first.upload("/big/first.txt", "one").await;
    first.link(&file, "view").await;
    app.anybody().open(&first.link(&file, "edit").await).await.expect(200);
    let (_, number) = file.split_once('!').expect("an id");
    app.database.copy_links(number, 200).await;
    let import = |source: &std::path::Path, user: &str, more: &[&str]| {
        let source = source.to_str().expect("UTF-8");
        let arguments = ["import", source, "--tenant", "contoso", "--user", user];
        let output = Process::ask(&app, &[&arguments[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let list = app.data_dir().join("list.jsonl");
    let line = |n: usize| {
        serde_json::json!({ "path": format!("/{}/{n}.txt", n / 100), "location": format!("/nowhere/{n}"),
                            "size": n, "modified": "2026-01-02T03:04:05Z" })
    };
    std::fs::write(&list, (0..6_000).map(|n| line(n).to_string() + "\n").collect::<String>())
        .expect("written");
    import(&list, "first", &[]);
    if app.database.kind == Kind::Postgres {
        for table in ["items", "versions", "links", "link_opens", "outside_content", "outside_folders"] {
            let settings = format!("ALTER TABLE {table} SET (autovacuum_enabled = false); ANALYZE {table}");
            app.database.run(&settings).await;
        }
    }
    let before = found_by_index(&app).await;

    let files = app.data_dir().join("files");
    for n in 0..FILES {
        let folder = files.join(format!("top/{}", n / 100));
        if n % 100 == 0 {
            std::fs::create_dir_all(&folder).expect("a folder");
        }
        std::fs::write(folder.join(format!("{n}.txt")), "0123456789").expect("written");
    }
    import(&files, "second", &[]);
    import(&files, "second", &[]);
    for _ in 0..2 {
        let links = ["links", "create", "--below", "/", "--tenant", "contoso", "--user", "second"];
        let output = Process::ask(&app, &links);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let second = app.user("second");
    for n in (0..FILES).step_by(100) {
        let item = format!("/drive/root:/top/{}/{n}.txt:", n / 100);
        second.get(&item).await.expect(200);
        second.get(&format!("{item}/permissions")).await.expect(200);
        second.get(&format!("{item}/analytics")).await.expect(200);
        let name = serde_json::json!({ "name": format!("{n} again.txt") });
        second.patch(&item, name).await.expect(200);
    }
    second.get("/drive/root/delta").await.expect(200);
    let copied =
        second.post("/drive/root:/top:/copy", serde_json::json!({ "name": "copy" })).await.expect(202);
    let monitor = copied.header("location").to_owned();
    eventually("it is copied", async || second.get(&monitor).await.json()["status"] == "completed").await;
    let top =
        second.get("/drive/root:/top").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    second.delete(&format!("/drive/items/{top}")).await.expect(204);
    second.post(&format!("/drive/items/{top}/restore"), serde_json::json!({})).await.expect(200);
    second.delete(&format!("/drive/items/{top}")).await.expect(204);
    second.post(&format!("/drive/items/{top}/permanentDelete"), serde_json::json!({})).await.expect(204);
    eventually("all of it is cleared away", async || {
        app.database.number("SELECT count(*) FROM subtree_changes").await == 0
    })
    .await;
    // What a connection has counted is known once it has ended.
    app.stop().await;
    let read = (found_by_index(&app).await - before) / FILES as i64;
    assert!(read < 500, "{read} rows of indexes were read for each file");
}
