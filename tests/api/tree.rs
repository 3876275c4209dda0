//! What folders carry of what is below them, how deep a tree gets, and what is done with all of it at once.

use std::process::Stdio;
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Kind, Process, TestApp, TestDatabase, User, eventually, on_each_database, seed};

on_each_database!(
    folders_carry_what_a_count_would_find_after_any_changes,
    uploads_that_meet_end_each_for_itself,
    a_folders_size_is_that_of_all_below_it,
    a_path_has_400_characters_at_most_however_it_is_reached,
    a_path_that_has_become_shorter_makes_room_for_others,
    the_deepest_folder_there_is_can_be_copied,
    a_copy_is_what_was_there_when_it_began,
    what_a_killed_server_has_begun_with_a_large_folder_is_finished,
    nothing_else_changes_a_drive_while_a_large_folder_is_under_way,
    the_first_free_name_is_found_among_many,
    a_page_ends_early_where_its_entries_are_large,
);

/// Folders that carry something else than what is below them; drives whose recycle bins hold something else.
const WRONG_SUMS: &str = "
    WITH RECURSIVE below (drive_id, top, item_no, path) AS (
        SELECT drive_id, item_no, item_no, -1 FROM items WHERE kind = 'folder' AND deleted_at IS NULL
        UNION ALL
        SELECT c.drive_id, b.top, c.item_no, b.path + 1 + length(c.name)
        FROM below b JOIN items c ON c.drive_id = b.drive_id AND c.parent_no = b.item_no WHERE c.deleted_at IS NULL
    ), counted AS (
        SELECT b.drive_id, b.top, sum(CASE i.kind WHEN 'file' THEN i.size ELSE 0 END) AS bytes, max(b.path) AS longest
        FROM below b JOIN items i ON i.drive_id = b.drive_id AND i.item_no = b.item_no GROUP BY b.drive_id, b.top
    )
    SELECT (SELECT count(*) FROM counted c JOIN items f ON f.drive_id = c.drive_id AND f.item_no = c.top
            WHERE f.size <> c.bytes OR f.longest_path < CASE WHEN c.longest < 0 THEN 0 ELSE c.longest END
               OR f.child_count <> (SELECT count(*) FROM items d WHERE d.drive_id = f.drive_id
                                      AND d.parent_no = f.item_no AND d.deleted_at IS NULL))
         + (SELECT count(*) FROM counters n WHERE n.bytes_in_bin <>
               (SELECT coalesce(sum(i.size), 0) FROM items i
                 WHERE i.drive_id = n.drive_id AND i.kind = 'file' AND i.deleted_at IS NOT NULL))";

/// Picks by a seed that a failure can be repeated with.
struct Dice(TestRng);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        (self.0.next_u64() % sides as u64) as usize
    }
}

async fn folders_carry_what_a_count_would_find_after_any_changes(app: TestApp) {
    let alice = app.user("alice");
    let seed: Vec<u8> = seed().to_le_bytes().repeat(4);
    let mut dice = Dice(TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let root = alice.get("/drive/root").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let mut folders = vec![root.clone()];
    let mut files: Vec<String> = Vec::new();
    let id = |answer: &Value| answer["id"].as_str().map(str::to_owned);
    for step in 0..250 {
        let folder = folders[dice.below(folders.len())].clone();
        let any = match dice.below(2) {
            0 if !files.is_empty() => files[dice.below(files.len())].clone(),
            _ => folder.clone(),
        };
        let other = folders[dice.below(folders.len())].clone();
        // Many of these are refused: what is asked for may be in the bin, or be the root.
        match dice.below(9) {
            0 | 1 => {
                let body = json!({ "name": format!("f{step}"), "folder": {} });
                let answer = alice.post(&format!("/drive/items/{folder}/children"), body).await;
                folders.extend(id(&answer.json()));
            }
            2 | 3 => {
                let path = format!("/drive/items/{folder}:/g{step}/n.txt:/content");
                let answer = alice.put(&path, "x".repeat(dice.below(50))).await;
                files.extend(id(&answer.json()));
            }
            4 => {
                let body = "y".repeat(dice.below(90));
                alice.put(&format!("/drive/items/{any}/content"), body).await;
                alice.post(&format!("/drive/items/{any}/versions/1.0/restoreVersion"), json!({})).await;
            }
            5 => {
                let body = json!({ "name": format!("m{step}"), "parentReference": { "id": other } });
                alice.patch(&format!("/drive/items/{any}"), body).await;
            }
            6 => _ = alice.delete(&format!("/drive/items/{any}")).await,
            7 => {
                let body = match dice.below(2) {
                    0 => json!({}),
                    _ => json!({ "name": format!("r{step}"), "parentReference": { "id": other } }),
                };
                alice.post(&format!("/drive/items/{any}/restore"), body).await;
            }
            _ => match dice.below(3) {
                0 => {
                    let body = json!({ "name": format!("c{step}"), "parentReference": { "id": other } });
                    alice.post(&format!("/drive/items/{any}/copy"), body).await;
                }
                _ => _ = alice.post(&format!("/drive/items/{any}/permanentDelete"), json!({})).await,
            },
        }
        if step % 10 == 0 {
            assert_eq!(app.database.number(WRONG_SUMS).await, 0, "after step {step}");
        }
    }
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
    let shown = alice.get("/drive").await.expect(200).json();
    let live = "SELECT CAST(sum(size) AS bigint) FROM items WHERE kind = 'file' AND deleted_at IS NULL";
    assert_eq!(shown["quota"]["used"], app.database.number(live).await);
}

async fn uploads_that_meet_end_each_for_itself(app: TestApp) {
    let alice = app.user("alice");
    // Each name is wanted by four, and only one can have it: the others' failures take nothing along.
    let wanted = (0..60).map(|number| (number % 15, number));
    let uploads = wanted.map(async |(name, number)| {
        let address =
            format!("/drive/root:/{}/{name}.txt:/content?@microsoft.graph.conflictBehavior=fail", name % 3);
        (name, number, alice.put(&address, format!("by {number}")).await)
    });
    let mut made = std::collections::HashMap::new();
    for (name, number, answer) in futures_util::future::join_all(uploads).await {
        match answer.status.as_u16() {
            201 => assert!(made.insert(name, number).is_none(), "{name} was made twice"),
            409 => {}
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!(made.len(), 15);
    for (name, number) in made {
        let item = alice.get(&format!("/drive/root:/{}/{name}.txt", name % 3)).await.expect(200).json();
        let url = item["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
        assert_eq!(alice.get(url).await.expect(200).text(), format!("by {number}"));
    }
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

async fn a_folders_size_is_that_of_all_below_it(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b/one.txt", "12345").await;
    alice.upload("/a/two.txt", "123").await;
    let size = async |path: &str| {
        alice.get(&format!("/drive/root:/{path}")).await.expect(200).json()["size"].clone()
    };
    assert_eq!((size("a").await, size("a/b").await), (json!(8), json!(5)));
    assert_eq!(alice.get("/drive/root").await.expect(200).json()["size"], 8);
    alice.upload("/a/b/one.txt", "1").await;
    assert_eq!(size("a").await, 4);
    alice.delete("/drive/root:/a/b").await.expect(204);
    assert_eq!(size("a").await, 3);
    let quota = alice.get("/drive").await.expect(200).json()["quota"].clone();
    assert_eq!((&quota["used"], &quota["deleted"]), (&json!(3), &json!(1)));
    // In the order of sizes, folders stand where their contents put them.
    alice.upload("/small.txt", "1").await;
    let list = alice.get("/drive/root/children?$orderby=size&$top=1").await.expect(200).json();
    assert_eq!(list["value"][0]["name"], "small.txt");
    let next = list["@odata.nextLink"].as_str().expect("a second page");
    assert_eq!(alice.get(next).await.expect(200).json()["value"][0]["name"], "a");
}

/// Folders of ten characters within each other; the last one's id.
async fn folders(user: &User, levels: usize) -> String {
    let path = vec!["0123456789"; levels].join("/");
    let item = user.upload(&format!("/{path}/x"), "x").await;
    let parent = user.get(&format!("/drive/items/{item}")).await.expect(200).json();
    user.delete(&format!("/drive/items/{item}")).await.expect(204);
    parent["parentReference"]["id"].as_str().expect("an id").to_owned()
}

async fn a_path_has_400_characters_at_most_however_it_is_reached(app: TestApp) {
    let alice = app.user("alice");
    // Its path has 30 * 11 - 1 = 329 characters, so that names of 70 are the longest below it.
    let deep = folders(&alice, 30).await;
    let (long, longest) = ("n".repeat(71), "n".repeat(70));
    let too_long = |answer: crate::support::Answer| {
        let answer = answer.expect_error(400, "invalidRequest").json();
        assert_eq!(answer["error"]["innerError"]["code"], "pathIsTooLong", "{answer}");
    };
    let children = format!("/drive/items/{deep}/children");
    too_long(alice.post(&children, json!({ "name": long, "folder": {} })).await);
    too_long(alice.put(&format!("/drive/items/{deep}:/{long}:/content"), "x").await);
    too_long(alice.put(&format!("/drive/items/{deep}:/{}/b:/content", "n".repeat(69)), "x").await);
    too_long(alice.get(&format!("/drive/root:/{}", vec!["0123456789"; 37].join("/"))).await);
    let session = format!("/drive/items/{deep}:/{long}:/createUploadSession");
    let session = alice.post(&session, json!({})).await;
    if session.status.is_success() {
        let url = session.json()["uploadUrl"].as_str().expect("a URL").to_owned();
        let range = alice.request(Method::PUT, &url).header("content-range", "bytes 0-0/1").body("x");
        too_long(alice.send(range).await);
    } else {
        too_long(session);
    }
    alice.post(&children, json!({ "name": longest, "folder": {} })).await.expect(201);
    alice.delete(&format!("/drive/items/{deep}:/{longest}:")).await.expect(204);
    // Moves and renames take along what is below.
    let tree = alice.upload(&format!("/tree/{}", "m".repeat(66)), "x").await;
    let tree = alice.get(&format!("/drive/items/{tree}")).await.expect(200).json()["parentReference"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let moved = json!({ "parentReference": { "id": deep } });
    too_long(alice.patch(&format!("/drive/items/{tree}"), moved.clone()).await);
    too_long(alice.post(&format!("/drive/items/{tree}/copy"), moved.clone()).await);
    assert_eq!(alice.get(&children).await.expect(200).json()["value"], json!([]));
    let outer = alice.get("/drive/root:/0123456789").await.expect(200).json();
    let outer = format!("/drive/items/{}", outer["id"].as_str().expect("an id"));
    too_long(alice.patch(&outer, json!({ "name": "o".repeat(82) })).await);
    alice.patch(&format!("/drive/items/{tree}"), json!({ "name": "t" })).await.expect(200);
    too_long(
        alice
            .patch(
                &format!("/drive/items/{tree}"),
                json!({ "name": "tree", "parentReference": { "id": deep } }),
            )
            .await,
    );
    alice.patch(&format!("/drive/items/{tree}"), moved.clone()).await.expect(200);
    // What is restored may find its folder at a longer path, or be put elsewhere.
    alice.delete(&format!("/drive/items/{tree}")).await.expect(204);
    alice.patch(&outer, json!({ "name": "0123456789abc" })).await.expect(200);
    too_long(alice.post(&format!("/drive/items/{tree}/restore"), json!({})).await);
    let elsewhere = json!({ "parentReference": { "path": "/drive/root:" } });
    alice.post(&format!("/drive/items/{tree}/restore"), elsewhere).await.expect(200);
    // An edit link goes no further.
    let link = alice.link(&deep, "edit").await;
    let share = link["shareId"].as_str().expect("an id");
    too_long(app.anybody().put(&format!("/shares/{share}/driveItem:/{long}:/content"), "x").await);
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

async fn a_path_that_has_become_shorter_makes_room_for_others(app: TestApp) {
    let alice = app.user("alice");
    let deep = folders(&alice, 30).await;
    alice.upload(&format!("/tree/inner/{}", "m".repeat(200)), "x").await;
    alice.upload("/tree/inner/short", "x").await;
    let tree =
        alice.get("/drive/root:/tree").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let moved = json!({ "parentReference": { "id": deep } });
    alice.patch(&format!("/drive/items/{tree}"), moved.clone()).await.expect_error(400, "invalidRequest");
    alice.delete(&format!("/drive/root:/tree/inner/{}:", "m".repeat(200))).await.expect(204);
    alice.patch(&format!("/drive/items/{tree}"), moved).await.expect(200);
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
    // So it is for what is restored, where it was.
    alice.delete(&format!("/drive/items/{tree}")).await.expect(204);
    alice.post(&format!("/drive/items/{tree}/restore"), json!({})).await.expect(200);
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
}

async fn the_deepest_folder_there_is_can_be_copied(app: TestApp) {
    let alice = app.user("alice");
    alice.upload(&format!("/{}f", "a/".repeat(199)), "x").await;
    let top = alice.get("/drive/root:/a").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    alice.post(&format!("/drive/items/{top}/copy"), json!({ "name": "b" })).await.expect(202);
    alice.get(&format!("/drive/root:/b/{}f", "a/".repeat(198))).await.expect(200);
    alice.post(&format!("/drive/items/{top}/copy"), json!({ "name": "too long" })).await.expect(400);
    alice.get("/drive/root:/too%20long").await.expect(404);
    alice.delete(&format!("/drive/items/{top}")).await.expect(204);
    alice.post(&format!("/drive/items/{top}/restore"), json!({})).await.expect(200);
    alice.post(&format!("/drive/items/{top}/permanentDelete"), json!({})).await.expect(204);
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
}

async fn a_copy_is_what_was_there_when_it_began(app: TestApp) {
    let alice = app.user("alice");
    for number in 0..60 {
        alice.upload(&format!("/src/{number}/x.txt"), "x").await;
    }
    let src =
        alice.get("/drive/root:/src").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let copy = format!("/drive/items/{src}/copy");
    let copying = alice.post(&copy, json!({ "name": "zzz" }));
    let moving = async {
        // As soon as it is seen, it is whole.
        eventually("the copy is there", async || alice.get("/drive/root:/zzz").await.status.is_success())
            .await;
        let list = alice.get("/drive/root:/zzz:/children?$top=1000").await.expect(200).json();
        assert_eq!(list["value"].as_array().expect("a list").len(), 60);
        let moved = json!({ "parentReference": { "id": src } });
        alice.patch("/drive/root:/zzz", moved).await.expect(200);
    };
    let (copied, ()) = tokio::join!(copying, moving);
    copied.expect(202);
    let list = alice.get("/drive/root:/src/zzz:/children?$top=1000").await.expect(200).json();
    assert_eq!(list["value"].as_array().expect("a list").len(), 60);
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
    // Copied into what it is a copy of, it has all of that once.
    alice.post("/drive/root:/src:/copy", json!({ "name": "twice" })).await.expect(202);
    let all = "SELECT count(*) FROM items WHERE kind = 'file'";
    assert_eq!(app.database.number(all).await, 60 * 4);
    assert_eq!(app.database.number(WRONG_SUMS).await, 0);
}

async fn what_a_killed_server_has_begun_with_a_large_folder_is_finished(app: TestApp) {
    let alice = app.user("alice");
    let file = alice.upload("/big/inner/a.txt", "one").await;
    let link = alice.link(&file, "view").await;
    let big =
        alice.get("/drive/root:/big").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    app.database.fill(&big, 4_000, "f").await;
    let mut server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let under_way = "SELECT count(*) FROM subtree_changes";
    let live = "SELECT count(*) FROM items WHERE deleted_at IS NULL";
    let before = app.database.number(live).await;
    for (verb, path, after) in [
        (Method::DELETE, format!("/drive/items/{big}"), 1),
        (Method::POST, format!("/drive/items/{big}/restore"), before),
        (Method::POST, format!("/drive/items/{big}/permanentDelete"), 1),
    ] {
        let user = server.user(&alice);
        let asking = user.request(verb, &path).json(&json!({})).send();
        let killing = async {
            eventually("it has begun", async || app.database.number(under_way).await == 1).await;
            server.child.kill().expect("it runs");
        };
        let (_, ()) = tokio::join!(asking, killing);
        server.kill();
        // The server that stays takes it up.
        app.pass(TimeDelta::seconds(20));
        eventually("it is finished", async || app.database.number(under_way).await == 0).await;
        assert_eq!(app.database.number(live).await, after, "{path}");
        app.anybody().open(&link).await.expect(if after == 1 { 404 } else { 200 });
        assert_eq!(app.database.number(WRONG_SUMS).await, 0);
        server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
        if path.ends_with("permanentDelete") && app.database.number("SELECT count(*) FROM links").await > 0 {
            // It was killed while all still went to the bin.
            alice.post(&path, json!({})).await.expect(204);
        }
    }
    eventually("its link has ended", async || app.database.number("SELECT count(*) FROM links").await == 0)
        .await;
    alice.upload("/next.txt", "two").await;
}

async fn nothing_else_changes_a_drive_while_a_large_folder_is_under_way(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/big/a.txt", "one").await;
    let big =
        alice.get("/drive/root:/big").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let (drive, number) = big.split_once('!').expect("an id");
    let drive = u64::from_str_radix(drive, 16).expect("an id").cast_signed();
    // As it stands while another server works at it.
    let now = app.now().to_rfc3339();
    app.database
        .run(&format!(
            "UPDATE counters SET taken_by = {number} WHERE drive_id = {drive};
             INSERT INTO subtree_changes (drive_id, item_no, work, at, worked_at)
             VALUES ({drive}, {number}, 'delete', '{now}', '{now}')"
        ))
        .await;
    let refused = alice.put("/drive/root:/new.txt:/content", "x").await;
    let refused = refused.expect_error(429, "activityLimitReached");
    assert!(refused.header("retry-after").parse::<u32>().is_ok());
    alice.delete(&format!("/drive/items/{big}")).await.expect_error(429, "activityLimitReached");
    // Links need none of it, and neither do other drives.
    let link = alice
        .link(alice.get("/drive/root:/big/a.txt").await.json()["id"].as_str().expect("an id"), "view")
        .await;
    app.anybody().open(&link).await.expect(200);
    app.user("bob").upload("/b.txt", "x").await;
    app.pass(TimeDelta::seconds(20));
    eventually("it is taken up", async || {
        alice.put("/drive/root:/new.txt:/content", "x").await.status == 201
    })
    .await;
    app.anybody().open(&link).await.expect(404);
}

async fn the_first_free_name_is_found_among_many(app: TestApp) {
    let alice = app.user("alice");
    let make = async || {
        let body = json!({ "name": "Straße.d", "folder": {}, "@microsoft.graph.conflictBehavior": "rename" });
        alice.post("/drive/root/children", body).await.expect(201).json()["name"]
            .as_str()
            .expect("a name")
            .to_owned()
    };
    let mut names = Vec::new();
    for _ in 0..15 {
        names.push(make().await);
    }
    assert_eq!(
        (names[0].as_str(), names[1].as_str(), names[14].as_str()),
        ("Straße.d", "Straße 1.d", "Straße 14.d")
    );
    alice.delete("/drive/root:/STRA%C3%9FE%203.d").await.expect(204);
    assert_eq!(make().await, "Straße 3.d");
}

async fn a_page_ends_early_where_its_entries_are_large(app: TestApp) {
    let alice = app.user("alice");
    // An entry shows the path it is at: here some four thousand bytes.
    let folder = "\u{1F389}".repeat(190);
    for inner in ["a", "b"] {
        let body = json!({ "name": folder, "folder": {} });
        let parent = if inner == "a" { "root".to_owned() } else { format!("root:/{folder}:") };
        alice.post(&format!("/drive/{parent}/children"), body).await.expect(201);
    }
    let list = format!("/drive/root:/{folder}/{folder}:");
    let children = 400;
    for number in 0..children {
        alice
            .post(&format!("{list}/children"), json!({ "name": format!("{number:03}"), "folder": {} }))
            .await
            .expect(201);
    }
    for start in ["/children", "/children?$orderby=lastModifiedDateTime", "/search(q='0')", "/delta"] {
        let mut next = match start {
            "/delta" => Some("/drive/root/delta?$top=1000".to_owned()),
            "/search(q='0')" => Some(format!("{list}/search(q='0')?$top=1000")),
            start => Some(format!("{list}{start}{}$top=1000", if start.contains('?') { '&' } else { '?' })),
        };
        let mut names = std::collections::BTreeSet::new();
        let mut pages = 0;
        while let Some(url) = next {
            let answer = alice.get(&url).await.expect(200);
            assert!(answer.body.len() < 1_200_000, "{start}: {} bytes", answer.body.len());
            let page = answer.json();
            for item in page["value"].as_array().expect("a list") {
                assert!(names.insert(item["id"].as_str().expect("an id").to_owned()), "twice");
            }
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
            pages += 1;
        }
        let expected = match start {
            "/delta" => children + 3,
            "/search(q='0')" => (0..children).filter(|number| format!("{number:03}").contains('0')).count(),
            _ => children,
        };
        assert_eq!(names.len(), expected, "{start}");
        assert!(pages > 1 || start == "/delta" || start.starts_with("/search"), "{start} came in one page");
    }
}

/// A drive of the version before, with files and folders in it, live and in the bin.
const SEED: &str = "
    INSERT INTO drives (drive_id, tenant, owner, created_at) VALUES (7, 'default', 'alice', '2026-01-01T00:00:00+00:00');
    INSERT INTO counters (drive_id, next_item, next_change) VALUES (7, 5000, 5000);
    INSERT INTO items (drive_id, item_no, name, name_key, kind, size, created_at, modified_at, change_no)
    VALUES (7, 1, 'root', 'root', 'folder', 0, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 1);";

#[tokio::test]
async fn a_migration_brings_sums_to_the_folders_that_are_there() {
    for kind in [Kind::Postgres, Kind::Sqlite] {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let database = TestDatabase::create(kind, folder.path()).await;
        database.migrate_to(8).await;
        database.run(SEED).await;
        let mut rows = String::new();
        let mut dice = Dice(TestRng::from_seed(RngAlgorithm::ChaCha, &[5; 32]));
        for number in 2..900 {
            // Every third is a folder, so that items of a number that three divides may be parents.
            let parent = if number < 6 { 1 } else { 1.max(dice.below(number / 3) * 3) };
            let is_folder = number % 3 == 0;
            let name = "n".repeat(1 + dice.below(20));
            let (kind, size, facts) = match is_folder {
                true => ("folder", 0, "NULL, NULL, NULL".to_owned()),
                false => {
                    let key = match database.kind {
                        Kind::Postgres => "'00000000-0000-4000-8000-000000000000'::uuid",
                        Kind::Sqlite => "x'00000000000040008000000000000000'",
                    };
                    ("file", dice.below(1000), format!("1, 'text/plain', {key}"))
                }
            };
            rows.push_str(&format!(
                "INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, current_version, mime_type,
                                    content_key, created_at, modified_at, change_no)
                 VALUES (7, {number}, {parent}, '{name}', '{number}', '{kind}', {size}, {facts},
                         '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', {number});"
            ));
        }
        // Some went to the bin: a file alone, and folders with what is below them.
        rows.push_str(
            "UPDATE items SET deleted_at = '2026-01-02T00:00:00+00:00', deleted_with = 4 WHERE item_no = 4;",
        );
        for top in [12, 30] {
            rows.push_str(&format!(
                "WITH RECURSIVE down (item_no) AS (
                     SELECT item_no FROM items WHERE item_no = {top} AND deleted_at IS NULL UNION ALL
                     SELECT c.item_no FROM down JOIN items c ON c.parent_no = down.item_no WHERE c.deleted_at IS NULL
                 ) UPDATE items SET deleted_at = '2026-01-02T00:00:00+00:00', deleted_with = {top}
                   WHERE item_no IN (SELECT item_no FROM down);"
            ));
        }
        database.run(&rows).await;
        let app = TestApp::on(folder, database).await;
        assert_eq!(app.database.number(WRONG_SUMS).await, 0, "{kind:?}");
        assert!(app.database.number("SELECT size FROM items WHERE item_no = 1").await > 0);
        assert!(app.database.number("SELECT bytes_in_bin FROM counters").await > 0);
        // What a folder in the bin carries comes back with it.
        let alice = app.user_with(|token| token.tenant = "default".to_owned());
        alice.post("/drives/7/items/7!12/restore", json!({})).await.expect(200);
        assert_eq!(app.database.number(WRONG_SUMS).await, 0, "{kind:?}");
    }
}
