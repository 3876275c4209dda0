//! Every query of `docs/admin-sql.md` runs and answers its question, those with a key by indexes.

use crate::support::{Kind, Process, TestApp, TestDatabase, on_each_database};

on_each_database!(the_documents_queries_answer_their_questions, the_views_tell_what_there_is);

struct Query {
    title: String,
    has_key: bool,
    sql: String,
}

/// The document's queries for a database.
fn queries(kind: Kind) -> Vec<Query> {
    let document = include_str!("../../docs/admin-sql.md");
    let other = match kind {
        Kind::Postgres => "sqlite",
        Kind::Sqlite => "postgres",
    };
    let mut found = Vec::new();
    let mut title = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            title = heading.to_owned();
        } else if let Some(which) = line.strip_prefix("```sql") {
            let sql: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let marks: Vec<&str> = which.split_whitespace().collect();
            if !marks.contains(&other) {
                let has_key = marks.contains(&"key");
                found.push(Query { title: title.clone(), has_key, sql: sql.join("\n") });
            }
        }
    }
    found
}

/// The database for a role that may read the views and nothing else. SQLite has no such thing.
fn as_seen_by(role: &str, app: &TestApp) -> TestDatabase {
    let mut database = app.database.clone();
    if database.kind == Kind::Postgres {
        assert!(Process::ask(app, &["migrate", "--admin-role", role]).status.success());
        database.url += &format!("&options=-c%20role%3D{role}");
    }
    database
}

async fn the_documents_queries_answer_their_questions(app: TestApp) {
    let alice = app.user("alice");
    let other = app.user_with(|token| token.application = "5678".to_owned());
    let item = alice.upload("/a/b.pdf", "one").await;
    alice.upload("/a/b.pdfx", "two").await;
    let beside = alice.upload("/a/c.txt", "three").await;
    let folder = alice.get("/drive/root:/a").await.expect(200).json()["id"].clone();
    let binned = alice.upload("/d.txt", "four").await;
    alice.link(&item, "view").await;
    alice.link(&item, "edit").await;
    other.link(&item, "view").await;
    alice.link(folder.as_str().expect("an id"), "view").await;
    alice.link(&binned, "view").await;
    alice.delete(&format!("/drive/items/{binned}")).await.expect(204);
    let gone = alice.link(&beside, "edit").await;
    let id = gone["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{beside}/permissions/{id}")).await.expect(204);
    let long_ago = match app.database.kind {
        Kind::Postgres => "now() - interval '2 years'",
        Kind::Sqlite => "'2001-02-03T04:05:06.789+00:00'",
    };
    app.database
        .run(&format!(
            "UPDATE links SET created_at = {long_ago}
             WHERE app_no = (SELECT app_no FROM applications WHERE app_id = '5678')"
        ))
        .await;
    let opened = match app.database.kind {
        Kind::Postgres => "current_date, 2, 1, now() + interval '1 hour'",
        Kind::Sqlite => "date('now'), 2, 1, strftime('%Y-%m-%dT%H:%M:%f', 'now', '+1 hour')",
    };
    app.database
        .run(&format!(
            "INSERT INTO link_opens (drive_id, link_id, day, views, downloads, last_opened_at)
             SELECT drive_id, link_id, {opened} FROM links WHERE type = 'edit'"
        ))
        .await;
    // Rows of each answer, in the document's order.
    let expected = [3, 3, 5, 1, 4, 4, 1, 1, 1, 1, 3, 4, 7, 3, 2, 1, 1, 1, 1, 1, 4, 1, 1, 1, 1];
    let queries = queries(app.database.kind);
    assert_eq!(queries.len(), expected.len());
    let role = format!("questions_{}", std::process::id());
    let database = as_seen_by(&role, &app);
    let (drive, number) = item.split_once('!').expect("an id");
    for (place, (query, rows)) in queries.iter().zip(expected).enumerate() {
        assert!(query.title.starts_with(&format!("{}. ", place + 1)), "{}", query.title);
        let sql = query
            .sql
            .replace("5D33DD65C6932946", drive)
            .replace("item_no = 3", &format!("item_no = {number}"));
        let found = database.rows(&sql).await;
        assert_eq!(found.len(), rows, "{}: {found:?}", query.title);
        if query.title.contains("revoked") {
            assert!(found[0].iter().any(|value| value == "alice"), "{found:?}");
        }
        if query.title.contains("older than") {
            assert!(found[0].iter().any(|value| value == "/a/b.pdf"), "{found:?}");
        }
        if query.has_key {
            let plan = database.plan(&sql).await;
            // SQLite names tables as the query does; the rest of what it scans are the query's own.
            let whole: &[&str] = match app.database.kind {
                Kind::Postgres => &[
                    "Seq Scan on items",
                    "Seq Scan on links",
                    "Seq Scan on link_events",
                    "Seq Scan on versions",
                    "Seq Scan on drives",
                ],
                // A Bloom filter is made of a whole table.
                Kind::Sqlite => {
                    &["SCAN i", "SCAN l", "SCAN v", "SCAN e", "SCAN d", "SCAN p", "SCAN c", "BLOOM FILTER"]
                }
            };
            for step in &plan {
                let step = step.trim_start_matches([' ', '-', '>']);
                let is_whole = |scan: &&str| **scan == *step || step.starts_with(&format!("{scan} "));
                assert!(!whole.iter().any(is_whole), "{} reads a whole table: {plan:#?}", query.title);
            }
        }
    }
    if app.database.kind == Kind::Postgres {
        app.database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

async fn the_views_tell_what_there_is(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b c.pdf", "one").await;
    alice.upload("/a/b c.pdf", "three").await;
    alice.link(&item, "view").await;
    for (column, expected) in
        [("item", item.as_str()), ("path", "/a/b c.pdf"), ("owner", "alice"), ("app_id", "1234")]
    {
        assert_eq!(app.database.rows(&format!("SELECT {column} FROM admin_links")).await, [[expected]]);
    }
    let items = app.database.rows("SELECT path FROM admin_items ORDER BY path").await;
    assert_eq!(items, [["/"], ["/a"], ["/a/b c.pdf"]]);
    for (column, expected) in [("files", 1), ("bytes", 5), ("bytes_with_versions", 8), ("links", 1)] {
        assert_eq!(
            app.database.number(&format!("SELECT {column} FROM admin_usage")).await,
            expected,
            "{column}"
        );
    }
    assert_eq!(app.database.number("SELECT links FROM admin_applications").await, 1);
}
