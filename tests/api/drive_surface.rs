//! What clients of Microsoft's drives also use: lists in any order, copies, search, changes.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User, on_each_database};

on_each_database!(
    the_callers_drives_are_listed_with_what_they_hold,
    an_answer_has_the_members_that_were_selected,
    a_folder_is_shown_with_its_children,
    children_come_in_the_order_that_was_asked_for,
    a_folder_of_ten_thousand_is_listed_page_by_page,
    a_child_is_addressed_by_its_name_in_the_folder,
    a_copy_has_the_content_and_none_of_the_links,
    a_content_that_copies_share_goes_with_the_last_of_them,
    items_are_found_by_a_part_of_their_name,
    what_is_expanded_is_there_whatever_is_selected,
    what_no_client_could_read_again_is_refused,
    changes_are_told_once_each,
    what_is_deleted_for_good_is_gone_with_its_links_and_contents,
    an_old_version_can_be_taken_away,
    a_file_may_come_with_its_metadata_in_one_body,
    special_folders_are_refused,
    a_trusted_proxy_says_under_which_url_the_service_is,
);

fn names(list: &Value) -> Vec<&str> {
    list["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect()
}

async fn the_callers_drives_are_listed_with_what_they_hold(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a.txt", "12345").await;
    let gone = alice.upload("/b.txt", "123").await;
    alice.delete(&format!("/drive/items/{gone}")).await.expect(204);
    let drive = alice.get("/drive").await.expect(200).json();
    let total = 1_i64 << 40;
    let quota = json!({ "used": 5, "deleted": 3, "total": total, "remaining": total - 5, "state": "normal" });
    assert_eq!(drive["quota"], quota);
    for path in ["/drives", "/v1.0/me/drives"] {
        let list = alice.get(path).await.expect(200).json();
        assert_eq!(list["value"].as_array().expect("a list").len(), 1);
        assert_eq!(list["value"][0]["id"], drive["id"]);
    }
}

async fn an_answer_has_the_members_that_were_selected(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    for query in ["$select=id,size", "select=id,size", "%24select=id%2C%20size"] {
        let shown = alice.get(&format!("/drive/items/{item}?{query}")).await.expect(200).json();
        let members: BTreeSet<&str> =
            shown.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, BTreeSet::from(["@odata.context", "id", "size"]));
    }
    let list =
        alice.get("/drive/root:/a:/children?$select=name,parentReference/path").await.expect(200).json();
    let members: Vec<&String> = list["value"][0].as_object().expect("an object").keys().collect();
    assert_eq!(members, ["id", "name", "parentReference"]);
    assert!(list["@odata.context"].is_string());
}

async fn a_folder_is_shown_with_its_children(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.txt", "one").await;
    alice.upload("/a/c.txt", "two").await;
    for query in ["$expand=children", "expand=children", "$expand=thumbnails,children"] {
        let shown = alice.get(&format!("/drive/root:/a?{query}")).await.expect(200).json();
        assert_eq!(shown["children"].as_array().expect("a list").len(), 2);
        assert_eq!(shown["children"][0]["name"], "b.txt");
    }
    let file = alice.get("/drive/root:/a/b.txt?$expand=children").await.expect(200).json();
    assert!(file.get("children").is_none());
    alice.get("/drive/root:/a?$expand=permissions").await.expect_error(400, "notSupported");
    alice.get("/drive/root:/a?$expand=children($select=id)").await.expect_error(400, "invalidRequest");
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&folder, "view").await;
    let share = format!("/shares/{}/driveItem?$expand=children", link["shareId"].as_str().expect("an id"));
    assert_eq!(app.anybody().get(&share).await.expect(200).json()["children"][1]["name"], "c.txt");
}

async fn children_come_in_the_order_that_was_asked_for(app: TestApp) {
    let alice = app.user("alice");
    for (name, content) in [("c", "1"), ("a", "333"), ("d", "22"), ("b", "1")] {
        alice.upload(&format!("/x/{name}"), content).await;
        app.pass(chrono::TimeDelta::seconds(1));
    }
    for (order, expected) in [
        ("name", "abcd"),
        ("name%20desc", "dcba"),
        ("size", "bcda"),
        ("size%20desc", "adcb"),
        ("lastModifiedDateTime", "cadb"),
        ("lastModifiedDateTime desc", "bdac"),
    ] {
        let mut next =
            Some(format!("/drive/root:/x:/children?$top=1&$orderby={}", order.replace(' ', "%20")));
        let mut found = String::new();
        while let Some(url) = next {
            let page = alice.get(&url).await.expect(200).json();
            found.push_str(&names(&page).concat());
            next = page.get("@odata.nextLink").map(|url| url.as_str().expect("a URL").to_owned());
        }
        assert_eq!(found, expected, "{order}");
    }
    alice.get("/drive/root/children?$orderby=nonsense").await.expect_error(400, "invalidRequest");
    alice.get("/drive/root/children?$orderby=name%20sideways").await.expect_error(400, "invalidRequest");
    let page = alice.get("/drive/root:/x:/children?$top=1").await.json();
    let token = page["@odata.nextLink"].as_str().expect("a URL").split("skipToken=").nth(1).expect("a token");
    let other = alice.get(&format!("/drive/root:/x:/children?$orderby=size&$skipToken={token}")).await;
    other.expect_error(400, "invalidRequest");
}

async fn a_folder_of_ten_thousand_is_listed_page_by_page(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/x/n00000", "x").await;
    // Made in the database, where ten thousand uploads would take their time.
    app.database
        .run(
            "INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at, change_no)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999)
             SELECT i.drive_id, 100000 + n, i.parent_no, 'n' || substr('0000' || n, length('0000' || n) - 4),
                    'n' || substr('0000' || n, length('0000' || n) - 4), 'folder', 0, i.created_at, i.modified_at, 1
             FROM numbers CROSS JOIN items i WHERE i.name = 'n00000'",
        )
        .await;
    let mut next = Some("/drive/root:/x:/children?$top=200".to_owned());
    let (mut last, mut seen, mut pages) = (String::new(), 0, 0);
    while let Some(url) = next {
        let page = alice.get(&url).await.expect(200).json();
        pages += 1;
        for name in names(&page) {
            assert!(name > last.as_str(), "{name} after {last}");
            last = name.to_owned();
            seen += 1;
        }
        next = page.get("@odata.nextLink").map(|url| url.as_str().expect("a URL").to_owned());
    }
    assert_eq!((seen, pages), (10_000, 50));
}

async fn a_child_is_addressed_by_its_name_in_the_folder(app: TestApp) {
    let alice = app.user("alice");
    let folder =
        alice.post("/drive/root/children", json!({ "name": "a", "folder": {} })).await.expect(201).json();
    let id = folder["id"].as_str().expect("an id");
    let by_slash =
        alice.put(&format!("/drive/items/{id}/children/it's.txt/content"), "one").await.expect(201).json();
    let by_quotes =
        alice.put("/drive/root:/a:/children('it''s.txt')/content", "two").await.expect(200).json();
    assert_eq!(by_quotes["id"], by_slash["id"]);
    let in_root = alice.put("/drive/root/children/b.txt/content", "three").await.expect(201).json();
    assert_eq!(alice.get("/drive/root:/b.txt").await.expect(200).json()["id"], in_root["id"]);
}

/// Where a copy is, as its monitor says.
async fn copied(user: &User, answer: crate::support::Answer) -> Value {
    let monitor = answer.expect(202).header("location").to_owned();
    let status = user.get(&monitor).await.expect(200).json();
    assert_eq!((&status["status"], &status["percentageComplete"]), (&json!("completed"), &json!(100.0)));
    user.get(&format!("/drive/items/{}", status["resourceId"].as_str().expect("an id")))
        .await
        .expect(200)
        .json()
}

async fn a_copy_has_the_content_and_none_of_the_links(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let to = |name: &str| json!({ "parentReference": { "path": "/drive/root:" }, "name": name });
    let copy = copied(&alice, alice.post(&format!("/drive/items/{item}/copy"), to("c.txt")).await).await;
    assert_eq!((&copy["name"], &copy["size"]), (&json!("c.txt"), &json!(3)));
    assert!(copy.get("shared").is_none());
    alice.upload("/a/b.txt", "changed").await;
    let url = copy["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    assert_eq!(alice.get(url).await.expect(200).text(), "one");
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "changed");
    let again = alice.post(&format!("/drive/items/{item}/copy"), to("c.txt")).await;
    again.expect_error(409, "nameAlreadyExists");
    let beside = alice
        .post(&format!("/drive/items/{item}/action.copy?@name.conflictBehavior=rename"), json!({}))
        .await;
    assert_eq!(copied(&alice, beside).await["name"], "b 1.txt");
    let folder = alice.post("/drive/root:/a:/copy", to("whole")).await;
    assert_eq!(copied(&alice, folder).await["folder"]["childCount"], 2);
    let inner = alice.get("/drive/root:/whole/b.txt").await.expect(200).json();
    let url = inner["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    assert_eq!(alice.get(url).await.expect(200).text(), "changed");
    alice.post("/drive/root/copy", to("x")).await.expect_error(403, "notAllowed");
    let into_itself = json!({ "parentReference": { "path": "/drive/root:/a" } });
    alice.post("/drive/root:/a:/copy", into_itself).await.expect_error(400, "invalidRequest");
    app.user("bob")
        .post(&format!("/drive/items/{item}/copy"), to("x"))
        .await
        .expect_error(404, "itemNotFound");
}

async fn a_content_that_copies_share_goes_with_the_last_of_them(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    let copy = async |path: &str, name: &str| {
        let answer = alice.post(&format!("/drive/root:{path}:/copy"), json!({ "name": name })).await;
        copied(&alice, answer).await["id"].as_str().expect("an id").to_owned()
    };
    let is_read = async |path: &str| {
        let read = alice.get(&format!("/drive/root:{path}:/content")).await;
        alice.get(read.expect(302).header("location")).await.expect(200).text()
    };
    let loose = async || app.database.number("SELECT count(*) FROM loose_content").await;
    let purge = async |path: &str| {
        alice.post(&format!("/drive/root:{path}:/permanentDelete"), json!({})).await.expect(204);
    };
    let contents = app.database.number("SELECT count(DISTINCT content_key) FROM versions").await;
    copy("/a", "c").await;
    copy("/a", "d").await;
    copy("/a/b.txt", "e.txt").await;
    // A copy of copies, and one over a file that has the same content already.
    copy("/d", "f").await;
    let over = json!({ "name": "e.txt", "@microsoft.graph.conflictBehavior": "replace" });
    alice.post(&format!("/drive/items/{item}/copy"), over).await.expect(202);
    assert_eq!(app.database.number("SELECT count(DISTINCT content_key) FROM versions").await, contents);
    assert_eq!(app.database.number("SELECT CAST(sum(owners) AS bigint) FROM shared_content").await, 5);
    // The original, too, is one of them.
    purge("/a/b.txt").await;
    purge("/d").await;
    purge("/c").await;
    assert_eq!(loose().await, 0);
    assert_eq!(is_read("/f/b.txt").await, "one");
    assert_eq!(is_read("/a/e.txt").await, "one");
    // As an old version.
    alice.upload("/a/e.txt", "two").await;
    purge("/f").await;
    assert_eq!(loose().await, 0);
    let e = "/drive/root:/a/e.txt:/versions";
    alice.delete(&format!("{e}/1.0")).await.expect(204);
    assert_eq!(loose().await, 0);
    alice.delete(&format!("{e}/2.0")).await.expect(204);
    assert_eq!(loose().await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM shared_content").await, 0);
    assert_eq!(is_read("/a/e.txt").await, "two");
    // Two that share, gone at once.
    copy("/a/e.txt", "g.txt").await;
    purge("/a").await;
    assert_eq!(loose().await, 2);
}

async fn items_are_found_by_a_part_of_their_name(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/Report%202024.pdf", "x").await;
    alice.upload("/a/b/report_final.txt", "x").await;
    alice.upload("/other/100%25%20it's.txt", "x").await;
    app.user("bob").upload("/report.txt", "x").await;
    let find = async |url: &str| {
        let list = alice.get(url).await.expect(200).json();
        let mut found: Vec<String> = names(&list).iter().map(|name| (*name).to_owned()).collect();
        found.sort();
        found
    };
    assert_eq!(find("/drive/root/search(q='REPORT')").await, ["Report 2024.pdf", "report_final.txt"]);
    assert_eq!(find("/drive/search(q='report')").await, ["Report 2024.pdf", "report_final.txt"]);
    assert_eq!(find("/drive/root:/a/b:/search(q='report')").await, ["report_final.txt"]);
    assert_eq!(find("/drive/root/search(q='t_f')").await, ["report_final.txt"]);
    assert_eq!(find("/drive/root/search(q='0%25')").await, ["100% it's.txt"]);
    assert_eq!(find("/drive/root/microsoft.graph.search(q='it''s')").await, ["100% it's.txt"]);
    assert_eq!(find("/drive/root/search?q=nothing").await, Vec::<String>::new());
    alice.get("/drive/root/search(q='')").await.expect_error(400, "invalidRequest");
    let page = alice.get("/drive/root/search(q='report')?$top=1").await.expect(200).json();
    let next = page["@odata.nextLink"].as_str().expect("a URL");
    assert_eq!(alice.get(next).await.expect(200).json()["value"].as_array().expect("a list").len(), 1);
    // The next page stays in the folder, and in the shape that was asked for.
    alice.upload("/a/b/report_2.txt", "x").await;
    let page = alice.get("/drive/root:/a/b:/search(q='report')?$top=1&$select=name").await.expect(200).json();
    let mut found = page["value"].as_array().expect("a list").clone();
    let mut next = page["@odata.nextLink"].clone();
    while let Some(url) = next.as_str() {
        let page = alice.get(url).await.expect(200).json();
        found.extend(page["value"].as_array().expect("a list").clone());
        next = page["@odata.nextLink"].clone();
    }
    assert_eq!(names(&json!({ "value": found })), ["report_final.txt", "report_2.txt"]);
    assert_eq!(found[0].as_object().map(serde_json::Map::len), Some(2), "id and name");
}

async fn what_is_expanded_is_there_whatever_is_selected(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a/b.txt", "x").await;
    for query in ["$select=id,name&$expand=children", "$expand=thumbnails,children"] {
        let folder = alice.get(&format!("/drive/root:/a?{query}")).await.expect(200).json();
        assert_eq!(names(&json!({ "value": folder["children"] })), ["b.txt"], "{query}");
    }
    for query in ["/drive/root:/a?$expand=permissions", "/drive/root/children?$expand=permissions"] {
        alice.get(query).await.expect_error(400, "notSupported");
    }
}

async fn what_no_client_could_read_again_is_refused(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "x").await;
    for at in
        ["-9000-01-01T00:00:00Z", "+262142-01-01T00:00:00Z", "2024-01-01T00:00:60Z", "2024-13-01T00:00:00Z"]
    {
        let times = json!({ "fileSystemInfo": { "lastModifiedDateTime": at } });
        alice.patch(&format!("/drive/items/{item}"), times).await.expect_error(400, "invalidRequest");
    }
    alice.get("/users/%00/drive").await.expect_error(404, "itemNotFound");
    alice.get("/drive/root/search(q='%00')").await.expect_error(400, "invalidRequest");
    app.anybody().get("/monitor/5D33DD65C6932946%213").await.expect_error(404, "itemNotFound");
}

async fn changes_are_told_once_each(app: TestApp) {
    let alice = app.user("alice");
    for number in 0..5 {
        alice.upload(&format!("/a/n{number}"), "x").await;
    }
    let gone = alice.upload("/gone", "x").await;
    alice.delete(&format!("/drive/items/{gone}")).await.expect(204);
    let all = async |start: &str| {
        let (mut url, mut found) = (start.to_owned(), Vec::new());
        loop {
            let page = alice.get(&url).await.expect(200).json();
            found.extend(page["value"].as_array().expect("a list").clone());
            match page.get("@odata.nextLink") {
                Some(next) => url = next.as_str().expect("a URL").to_owned(),
                None => return (found, page["@odata.deltaLink"].as_str().expect("a URL").to_owned()),
            }
        }
    };
    let (first, delta) = all("/drive/root/delta?$top=2").await;
    let mut found: Vec<&str> = first.iter().map(|item| item["name"].as_str().expect("a name")).collect();
    found.sort_unstable();
    assert_eq!(found, ["a", "n0", "n1", "n2", "n3", "n4", "root"]);
    let (nothing, delta) = all(&delta).await;
    assert!(nothing.is_empty());
    let latest = alice.get("/drive/root/delta?token=latest").await.expect(200).json();
    assert_eq!(latest["value"], json!([]));
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    alice.patch(&format!("/drive/items/{folder}"), json!({ "name": "renamed" })).await.expect(200);
    alice.upload("/new", "x").await;
    alice.upload("/new", "y").await;
    let (changed, delta) = all(&delta).await;
    let found: Vec<&str> = changed.iter().map(|item| item["name"].as_str().expect("a name")).collect();
    assert_eq!(found, ["renamed", "new"]);
    alice.delete(&format!("/drive/items/{folder}")).await.expect(204);
    let (deleted, delta) = all(&delta).await;
    assert_eq!(deleted.len(), 6);
    assert!(deleted.iter().all(|item| item["deleted"] == json!({})));
    alice.post(&format!("/drive/items/{folder}/restore"), json!({})).await.expect(200);
    assert_eq!(all(&delta).await.0.len(), 6);
    for token in ["nonsense", "999999.1", "-1.1", "1"] {
        let answer = alice.get(&format!("/drive/root/delta?token={token}")).await;
        answer.expect_error(410, "resyncRequired");
    }
    alice.get("/drive/root:/new:/delta").await.expect_error(400, "notSupported");
}

async fn what_is_deleted_for_good_is_gone_with_its_links_and_contents(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    alice.upload("/a/b.txt", "two").await;
    let link = alice.link(&item, "view").await;
    let binned = alice.upload("/a/binned.txt", "x").await;
    alice.delete(&format!("/drive/items/{binned}")).await.expect(204);
    let kept = alice.upload("/kept.txt", "kept").await;
    let folder = alice.get("/drive/root:/a").await.json()["id"].as_str().expect("an id").to_owned();
    alice.post(&format!("/drive/items/{folder}/permanentDelete"), json!({})).await.expect(204);
    app.anybody().open(&link).await.expect(404);
    for id in [&item, &folder, &binned] {
        alice.get(&format!("/drive/items/{id}")).await.expect_error(404, "itemNotFound");
        alice.post(&format!("/drive/items/{id}/restore"), json!({})).await.expect_error(404, "itemNotFound");
        alice.post(&format!("/drive/items/{id}/permanentDelete"), json!({})).await.expect(404);
    }
    let events = app.database.rows("SELECT action FROM link_events ORDER BY at, event_id").await;
    assert_eq!(events, [["created"], ["revoked"]]);
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
    let metrics = app.admin("/metrics").await.expect(200).text();
    let revoked = "everlink_links_revoked_total{type=\"view\",scope=\"anonymous\"} 1";
    assert!(metrics.lines().any(|line| line == revoked), "{metrics}");
    // They are not among the items that admins see, the recycle bin's neither.
    assert_eq!(app.database.rows("SELECT path FROM admin_items ORDER BY path").await, [["/"], ["/kept.txt"]]);
    // Two contents of the one, one of the other: they are swept like any that nothing names.
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 3);
    let changes = alice.get("/drive/root/delta?token=0.0").await.expect(200).json();
    let deleted = |item: &&Value| item.get("deleted").is_some();
    assert_eq!(changes["value"].as_array().expect("a list").iter().filter(deleted).count(), 3);
    assert_eq!(alice.upload("/a/b.txt", "new").await.split('!').next(), kept.split('!').next());
    let recycled = alice.upload("/c.txt", "x").await;
    alice.delete(&format!("/drive/items/{recycled}")).await.expect(204);
    alice.post(&format!("/drive/items/{recycled}/permanentDelete"), json!({})).await.expect(204);
    alice.post("/drive/root/permanentDelete", json!({})).await.expect_error(403, "notAllowed");
    app.user("bob").post(&format!("/drive/items/{kept}/permanentDelete"), json!({})).await.expect(404);
}

async fn an_old_version_can_be_taken_away(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    alice.upload("/b.txt", "two").await;
    let versions = format!("/drive/items/{item}/versions");
    alice.post(&format!("{versions}/1.0/restoreVersion"), json!({})).await.expect(204);
    alice.delete(&format!("{versions}/3.0")).await.expect_error(400, "invalidRequest");
    // The restored one has the same content, which so stays.
    alice.delete(&format!("{versions}/1.0")).await.expect(204);
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
    alice.delete(&format!("{versions}/2.0")).await.expect(204);
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 1);
    alice.delete(&format!("{versions}/2.0")).await.expect_error(404, "itemNotFound");
    let link = alice.link(&item, "view").await;
    assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
    assert_eq!(alice.upload("/b.txt", "four").await, item);
    let list = alice.get(&versions).await.expect(200).json();
    let ids: Vec<&Value> = list["value"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["4.0", "3.0"]);
}

async fn a_file_may_come_with_its_metadata_in_one_body(app: TestApp) {
    let alice = app.user("alice");
    let post = async |metadata: &str, id: &str, content: &str| {
        let body = format!(
            "--A100x\r\nContent-ID: <metadata>\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n\
             --A100x\r\nContent-ID: <{id}>\r\nContent-Type: text/plain\r\n\r\n{content}\r\n--A100x--\r\n"
        );
        let request = alice
            .request(Method::POST, "/drive/root/children")
            .header("content-type", "multipart/related; boundary=\"A100x\"")
            .body(body);
        alice.send(request).await
    };
    let metadata =
        r#"{"name":"a.txt","file":{},"@content.sourceUrl":"cid:content","@name.conflictBehavior":"rename"}"#;
    let item = post(metadata, "content", "hello").await.expect(201).json();
    assert_eq!((&item["name"], &item["size"]), (&json!("a.txt"), &json!(5)));
    let url = item["@content.downloadUrl"].as_str().expect("a URL");
    assert_eq!(alice.get(url).await.expect(200).text(), "hello");
    assert_eq!(post(metadata, "content", "two").await.expect(201).json()["name"], "a 1.txt");
    post(metadata, "other", "x").await.expect_error(400, "invalidRequest");
    post("[]", "content", "x").await.expect_error(400, "invalidRequest");
    post(r#"{"name":"a/b","@content.sourceUrl":"cid:content"}"#, "content", "x")
        .await
        .expect_error(400, "invalidRequest");
    post(r#"{"name":"a.txt","@content.sourceUrl":"cid:content"}"#, "content", "x")
        .await
        .expect_error(409, "nameAlreadyExists");
    let large = format!(r#"{{"name":"b.txt","x":"{}"}}"#, "x".repeat(20_000));
    post(&large, "content", "x").await.expect_error(413, "invalidRequest");
    let broken = alice
        .request(Method::POST, "/drive/root/children")
        .header("content-type", "multipart/related; boundary=x")
        .body("--x\r\nnonsense");
    alice.send(broken).await.expect_error(400, "invalidRequest");
    let no_boundary = alice
        .request(Method::POST, "/drive/root/children")
        .header("content-type", "multipart/related")
        .body("x");
    alice.send(no_boundary).await.expect_error(400, "invalidRequest");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

async fn special_folders_are_refused(app: TestApp) {
    let alice = app.user("alice");
    for path in [
        "/me/drive/special/documents",
        "/me/drive/special/photos:/a.jpg:/content",
        "/drive/special/approot/children",
    ] {
        alice.get(path).await.expect_error(400, "notSupported");
    }
}

async fn a_trusted_proxy_says_under_which_url_the_service_is(app: TestApp) {
    let behind = TestApp::start_with(app.database.kind, &["--trusted-proxies=127.0.0.0/8,::1"]).await;
    let fixed = TestApp::start_with(
        app.database.kind,
        &["--trusted-proxies=127.0.0.1", "--public-url=https://links.example"],
    )
    .await;
    for (app, url) in
        [(&app, app.url.as_str()), (&behind, "https://files.example"), (&fixed, "https://links.example")]
    {
        let alice = app.user("alice");
        let item = alice.upload("/b.txt", "one").await;
        let request = alice
            .request(Method::POST, &format!("/drive/items/{item}/createLink"))
            .header("x-forwarded-host", "files.example")
            .header("x-forwarded-proto", "https")
            .json(&json!({ "type": "view" }));
        let permission = alice.send(request).await.expect(201).json();
        let web_url = permission["link"]["webUrl"].as_str().expect("a URL");
        assert!(web_url.starts_with(&format!("{url}/redir?")), "{web_url}");
    }
}
