//! Every query of `docs/admin-sql.md` runs and answers its question.

use crate::support::{Kind, TestApp, on_each_database};

on_each_database!(the_documents_queries_answer_their_questions);

/// Title and SQL of the document's queries for a database.
fn queries(kind: Kind) -> Vec<(String, String)> {
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
            if which.trim() != other {
                found.push((title.clone(), sql.join("\n")));
            }
        }
    }
    found
}

async fn the_documents_queries_answer_their_questions(app: TestApp) {
    let alice = app.user("alice");
    let other = app.user_with(|token| token.application = "5678".to_owned());
    let item = alice.upload("/a/b.pdf", "one").await;
    alice.upload("/a/b.pdfx", "two").await;
    let beside = alice.upload("/a/c.txt", "three").await;
    alice.link(&item, "view").await;
    alice.link(&item, "edit").await;
    other.link(&item, "view").await;
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
    let expected = [
        ("All links of an item, by its path", 3),
        ("All links of an application", 2),
        ("Everything that anybody may change without signing in", 1),
        ("Links that are older than a year", 1),
        ("Who revoked what, and when", 1),
        ("The history of one item's links", 3),
        ("How many links each application has, by type and scope", 3),
        ("Ids as the API shows them", 3),
    ];
    let queries = queries(app.database.kind);
    let titles: Vec<&str> = queries.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, expected.map(|(title, _)| title));
    for ((title, sql), (_, rows)) in queries.iter().zip(expected) {
        let found = app.database.rows(sql).await;
        assert_eq!(found.len(), rows, "{title}: {found:?}");
        if title.starts_with("Ids") {
            assert!(found.iter().all(|row| row.contains(&item)), "{found:?}");
        }
        if title.starts_with("Who") {
            assert!(found[0].iter().any(|value| value == "alice"), "{found:?}");
        }
    }
}
