//! `everlink links`, and the role that reads the views.

use sqlx::{Connection, PgConnection};

use crate::support::{Kind, Process, TestApp, on_each_database, web_url};

on_each_database!(
    an_applications_links_are_revoked_at_once_everywhere,
    links_are_listed_by_what_they_have_in_common,
    a_link_is_shown_and_revoked_by_whatever_names_it,
    more_links_than_are_taken_at_once_are_listed_and_revoked,
    many_links_are_made_at_once_and_the_next_time_they_are_the_same,
    links_are_made_for_what_a_list_names_and_what_has_none_is_told,
    a_folder_of_many_pages_is_walked_to_its_end,
);

/// Standard output and standard error of a command that succeeds.
fn run(app: &TestApp, arguments: &[&str]) -> (String, String) {
    let output = Process::ask(app, arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{error}");
    (out, error)
}

async fn an_applications_links_are_revoked_at_once_everywhere(app: TestApp) {
    let second = app.second().await;
    let alice = app.user("alice");
    let other = app.user_with(|token| token.application = "5678".to_owned());
    let item = alice.upload("/a/b.pdf", "one").await;
    let beside = alice.upload("/c.txt", "two").await;
    let going =
        [alice.link(&item, "view").await, alice.link(&item, "edit").await, alice.link(&beside, "view").await];
    let staying = other.link(&item, "view").await;
    let (listed, said) = run(&app, &["links", "revoke", "--app", "1234", "--dry-run"]);
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(said.contains("3 links would be revoked"), "{said}");
    for link in &going {
        second.anybody().open(link).await.expect(200);
    }
    let (_, said) = run(&app, &["links", "revoke", "--app", "1234", "--as", "carol"]);
    assert!(said.contains("3 links revoked"), "{said}");
    for server in [&app, &second] {
        for link in &going {
            server.anybody().open(link).await.expect(404);
        }
        server.anybody().open(&staying).await.expect(200);
    }
    let revoked = "SELECT count(*) FROM link_events WHERE action = 'revoked' AND actor = 'cli:carol'";
    assert_eq!(app.database.number(revoked).await, 3);
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 1);
}

async fn many_links_are_made_at_once_and_the_next_time_they_are_the_same(app: TestApp) {
    let alice = app.user("alice");
    for path in ["/docs/a.txt", "/docs/c, d.txt", "/docs/deep/b.txt", "/other.txt"] {
        alice.upload(path, path).await;
    }
    app.user("bob").upload("/docs/bobs.txt", "bob's").await;
    let wanted = [
        "links",
        "create",
        "--tenant",
        "contoso",
        "--user",
        "alice",
        "--app-id",
        "1234",
        "--public-url",
        &app.url,
    ];
    let (made, _) = run(&app, &[&wanted[..], &["--below", "docs"]].concat());
    let mut read = csv::Reader::from_reader(made.as_bytes());
    assert_eq!(read.headers().expect("a head"), &["path", "url"][..]);
    let rows: Vec<(String, String)> = read.deserialize().map(|row| row.expect("a row")).collect();
    let paths: Vec<&str> = rows.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/docs/a.txt", "/docs/c, d.txt", "/docs/deep/b.txt"]);
    for (path, url) in &rows {
        let opened =
            url.strip_prefix(&app.url).expect("an URL of the service").replace("/redir?", "/download?");
        assert_eq!(app.anybody().get(&opened).await.expect(200).text(), *path);
    }
    let (again, _) = run(&app, &[&wanted[..], &["--below", "/docs/"]].concat());
    assert_eq!(again, made);
    // They are those that the application itself gets.
    let item = alice.get("/me/drive/root:/docs/deep/b.txt").await.json();
    let link = alice.link(item["id"].as_str().expect("an id"), "view").await;
    assert_eq!(web_url(&link), rows[2].1);
    let events = "SELECT count(*) FROM link_events WHERE action = 'created'";
    assert_eq!(app.database.number(events).await, 3);
}

async fn links_are_made_for_what_a_list_names_and_what_has_none_is_told(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/a.txt", "a").await;
    alice.upload("/docs/b.txt", "b").await;
    let list = app.data_dir().join("list.txt");
    std::fs::write(&list, "/a.txt\nnothing.txt\n/docs\n/b|d.txt\n").expect("it is written");
    let list = list.to_str().expect("UTF-8");
    let output = Process::ask(
        &app,
        &[
            "links", "create", "--tenant", "contoso", "--user", "alice", "--type", "edit", "--output",
            "json", "--from", list,
        ],
    );
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, ["/a.txt", "/docs"], "{said}");
    assert!(!output.status.success() && said.contains("2 have no link"), "{said}");
    assert!(said.contains("nothing.txt: ") && said.contains("/b|d.txt: "), "{said}");
    assert_eq!(app.database.number("SELECT count(*) FROM links WHERE type = 'edit'").await, 2);
}

async fn a_folder_of_many_pages_is_walked_to_its_end(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/docs/zz.txt", "the last").await;
    alice.upload("/docs/a/first.txt", "below").await;
    let folder = alice.get("/me/drive/root:/docs").await.json();
    app.database.fill(folder["id"].as_str().expect("an id"), 1_200, "empty").await;
    let (made, _) = run(&app, &["links", "create", "--tenant", "contoso", "--user", "alice", "--below", "/"]);
    let paths: Vec<&str> = made.lines().skip(1).map(|line| line.split(',').next().expect("a path")).collect();
    assert_eq!(paths, ["/docs/zz.txt", "/docs/a/first.txt"]);
}

async fn links_are_listed_by_what_they_have_in_common(app: TestApp) {
    let alice = app.user("alice");
    let bob = app.user("bob");
    let item = alice.upload("/a/b.pdf", "one").await;
    let theirs = bob.upload("/b.txt", "two").await;
    alice.link(&item, "view").await;
    alice.link(&item, "edit").await;
    bob.link(&theirs, "view").await;
    let count = |arguments: &[&str]| {
        let all: Vec<&str> = ["links", "list", "--output", "json"].iter().chain(arguments).copied().collect();
        run(&app, &all).0.lines().count()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--user", "alice"]), 2);
    assert_eq!(count(&["--item", &item]), 2);
    assert_eq!(count(&["--type", "edit"]), 1);
    assert_eq!(count(&["--scope", "organization"]), 0);
    assert_eq!(count(&["--epoch", "1"]), 3);
    assert_eq!(count(&["--app", "none"]), 0);
    assert_eq!(count(&["--user", "alice", "--tenant", "contoso"]), 2);
    assert_eq!(count(&["--user", "alice", "--tenant", "fabrikam"]), 0);
    let (listed, _) = run(&app, &["links", "list", "--user", "bob", "--output", "json"]);
    let link: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&link["path"], &link["item"]), (&"/b.txt".into(), &theirs.as_str().into()));
    assert!(!listed.contains("authkey"));
    // Everything is revoked only where that is said.
    let output = Process::command(&app.data_dir())
        .args(["links", "revoke", "--database-url", &app.database.url])
        .output()
        .expect("the program runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("say which links"));
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 3);
    let unasked = Process::ask(&app, &["links", "revoke", "--all"]);
    assert!(!unasked.status.success());
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("say --yes"));
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 3);
    let (_, said) = run(&app, &["links", "revoke", "--all", "--yes"]);
    assert!(said.contains("3 links revoked"), "{said}");
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
}

async fn a_link_is_shown_and_revoked_by_whatever_names_it(app: TestApp) {
    let alice = app.user("=alice");
    let item = alice.upload("/=a/b.pdf", "one").await;
    let link = alice.link(&item, "view").await;
    let other = alice.link(&item, "edit").await;
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let url = text(&link["link"]["webUrl"]);
    let (listed, _) = run(&app, &["links", "list", "--type", "view", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &url);
    let names = [
        url.clone(),
        url.replace('!', "%21").replace('&', "&amp;"),
        url.replace("/redir?", "/download?"),
        text(&link["shareId"]),
        format!("u!{encoded}"),
        text(&shown["linkId"]),
        text(&shown["linkId"]).to_uppercase(),
    ];
    for name in &names {
        let (found, _) = run(&app, &["links", "show", name, "--output", "json"]);
        assert_eq!(found, listed, "{name}");
    }
    let mut by_id = Process::command(&app.data_dir());
    by_id.args(["links", "show", "--output=json", "--database-url", &app.database.url, "--"]);
    let found = by_id.arg(text(&link["id"])).output().expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&found.stdout), listed);
    let (sheet, _) = run(&app, &["links", "show", &url, "--output", "csv"]);
    let row = sheet.lines().nth(1).expect("a row");
    assert!(row.starts_with("contoso,'=alice,/=a/b.pdf,view,anonymous,1234,"), "{row}");
    for nothing in ["nonsense", "s!AAAA", "00000000000000000000000000000000"] {
        assert!(!Process::ask(&app, &["links", "revoke", nothing]).status.success(), "{nothing}");
    }
    let mixed = Process::ask(&app, &["links", "revoke", &url, "--all", "--yes"]);
    assert!(String::from_utf8_lossy(&mixed.stderr).contains("in one way"));
    let (_, said) = run(&app, &["links", "revoke", &url]);
    assert!(said.contains("1 link revoked"), "{said}");
    app.anybody().open(&link).await.expect(404);
    app.anybody().open(&other).await.expect(200);
}

async fn more_links_than_are_taken_at_once_are_listed_and_revoked(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let number = item.split_once('!').expect("an id").1;
    app.database.copy_links(number, 1_200).await;
    let count = |arguments: &[&str]| {
        run(&app, &[&["links", "list", "--output", "json"], arguments].concat()).0.lines().count()
    };
    assert_eq!(count(&[]), 1_201);
    assert_eq!(count(&["--since", "2000-01-01", "--until", "2000-01-02"]), 0);
    assert_eq!(count(&["--since", "2000-01-01T00:00:00+02:00"]), 1_201);
    assert_eq!(count(&["--until", "2999-01-01"]), 1_201);
    let (listed, said) = run(&app, &["links", "revoke", "--until", "2999-01-01"]);
    assert!(said.contains("1201 links revoked"), "{said}");
    assert_eq!(listed.lines().count(), 1_202);
    app.anybody().open(&link).await.expect(404);
}

#[tokio::test]
async fn a_command_about_links_makes_no_database_and_changes_no_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Process::command(folder.path()).args(["links", "list"]).output().expect("the program runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no database at"));
    assert!(!folder.path().join("everlink.db").exists());
    let app = TestApp::start(Kind::Sqlite).await;
    let applied = "SELECT count(*) FROM _sqlx_migrations";
    let all = app.database.number(applied).await;
    let newest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    app.database.run(newest).await;
    let output = Process::ask(&app, &["links", "list"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("run `everlink migrate`"));
    assert_eq!(app.database.number(applied).await, all - 1);
}

#[tokio::test]
async fn the_admin_role_reads_the_views_and_nothing_else() {
    let app = TestApp::start(Kind::Postgres).await;
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    alice.link(&item, "view").await;
    let role = format!("admin_{}", std::process::id());
    // Twice: the second time the role is there.
    for _ in 0..2 {
        run(&app, &["migrate", "--admin-role", &role]);
    }
    let mut admin = PgConnection::connect(&app.database.url).await.expect("the database");
    let become_admin = format!("SET SESSION AUTHORIZATION \"{role}\"");
    sqlx::raw_sql(sqlx::AssertSqlSafe(become_admin)).execute(&mut admin).await.expect("a role");
    for view in ["admin_links", "admin_link_events", "admin_items", "admin_applications", "admin_usage"] {
        let count = format!("SELECT count(*) FROM {view}");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut admin).await.expect("a view");
        assert!(rows > 0, "{view}");
    }
    for statement in [
        "SELECT * FROM links",
        "SELECT * FROM items",
        "SELECT * FROM key_epochs",
        "SELECT * FROM uploads",
        "SELECT * FROM link_events",
        "DELETE FROM links",
        "UPDATE admin_links SET scope = 'organization'",
        "DELETE FROM admin_usage",
        "INSERT INTO applications (app_id, first_seen_at) VALUES ('x', now())",
        "CREATE TABLE mine (x int)",
        "DROP VIEW admin_links",
        "TRUNCATE link_events",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&mut admin).await.expect_err(statement);
        let code =
            refused.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
        // No privilege, a view that can't be written, or a transaction that only reads.
        assert!(matches!(code.as_str(), "42501" | "55000" | "25006"), "{statement}: {code}");
    }
    drop(admin);
    // The service's own role would write no more.
    let mut own = app.database.postgres().await;
    let own: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut own).await.expect("a role");
    let output = Process::ask(&app, &["migrate", "--admin-role", &own]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the service's own role"));
    app.database.run(&format!("ALTER ROLE \"{role}\" SUPERUSER")).await;
    let output = Process::ask(&app, &["migrate", "--admin-role", &role]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("a superuser"));
    app.database.run(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"")).await;
}

/// Whoever mistypes a name makes no drive by that.
#[tokio::test]
async fn links_for_who_has_no_drive_make_none() {
    let app = TestApp::start(Kind::Sqlite).await;
    app.user("alice").upload("/a.txt", "a").await;
    let output =
        Process::ask(&app, &["links", "create", "--tenant", "contoso", "--user", "alcie", "--below", "/"]);
    assert!(!output.status.success());
    assert_eq!(app.database.number("SELECT count(*) FROM drives").await, 1);
}
