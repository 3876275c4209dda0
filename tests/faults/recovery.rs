//! A database is restored from a backup that is older than what was given out since.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{Kind, Process, TestApp, TestDatabase, User, download_path, eventually, page_path};

fn ran(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// PostgreSQL's own programs.
fn postgres(program: &str) -> Command {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join("bin").join(program)).find(|path| path.exists());
    Command::new(found.unwrap_or_else(|| Path::new(program).to_owned()))
}

/// Copies the database while servers write to it, and gives what puts it back.
async fn back_up(app: &TestApp, folder: &Path) -> Box<dyn Fn() -> TestDatabase + Send> {
    let database = app.database.clone();
    match database.kind {
        Kind::Sqlite => {
            let to = folder.join("backup");
            let keys = folder.join("keys-apart.json");
            ran(&Process::ask(
                app,
                &["backup", to.to_str().expect("UTF-8"), "--keys-to", keys.to_str().expect("UTF-8")],
            ));
            assert!(
                std::fs::read(&keys).expect("keys")
                    == std::fs::read(app.data_dir().join("keys.json")).expect("keys")
            );
            Box::new(move || {
                let path = database.url.strip_prefix("sqlite://").expect("a file").to_owned();
                for end in ["-wal", "-shm"] {
                    // There may be none.
                    let _ = std::fs::remove_file(format!("{path}{end}"));
                }
                std::fs::copy(to.join("everlink.db"), &path).expect("a copy");
                database.clone()
            })
        }
        Kind::Postgres => {
            let dump = folder.join("dump");
            ran(&postgres("pg_dump")
                .arg("-Fc")
                .arg("-f")
                .arg(&dump)
                .arg(&database.url)
                .output()
                .expect("pg_dump runs"));
            Box::new(move || {
                let mut restore = postgres("pg_restore");
                restore.args(["--clean", "--if-exists", "-d", &database.url]);
                ran(&restore.arg(&dump).output().expect("pg_restore runs"));
                database.clone()
            })
        }
    }
}

async fn a_drill(kind: Kind) {
    let mut app = TestApp::start(kind).await;
    let alice = app.user("alice");
    let kept = alice.link(&alice.upload("/kept.txt", "kept").await, "view").await;
    let revoked = alice.upload("/revoked.txt", "revoked").await;
    let revoked_link = alice.link(&revoked, "view").await;
    let purged = alice.upload("/purged.txt", "purged").await;
    let purged_link = alice.link(&purged, "view").await;
    let is_over = AtomicBool::new(false);
    let load = (0..4).map(async |number| {
        let user = app.user("alice");
        let mut links = Vec::new();
        for round in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let item = user.upload(&format!("/load/{number}-{round}.txt"), "x").await;
            links.push((user.link(&item, "view").await, item));
            if let Some((link, item)) = links.get(round / 2).filter(|_| round % 2 == 1) {
                revoke(&user, item, link).await;
            }
        }
        links
    });
    let folder = tempfile::tempdir().expect("a folder");
    let drill = async {
        eventually("there is some load", async || {
            app.database.number("SELECT count(*) FROM links").await > 20
        })
        .await;
        let restore = back_up(&app, folder.path()).await;
        let before = app.database.number("SELECT count(*) FROM link_events").await;
        eventually("there is more", async || {
            app.database.number("SELECT count(*) FROM link_events").await > before + 40
        })
        .await;
        is_over.store(true, Ordering::Relaxed);
        restore
    };
    let (links, restore) = tokio::join!(futures_util::future::join_all(load), drill);
    // What the backup does not know.
    revoke(&alice, &revoked, &revoked_link).await;
    alice.post(&format!("/drive/items/{purged}/permanentDelete"), json!({})).await.expect(204);
    let late = alice.upload("/late.txt", "late").await;
    let late_url = alice.get(&format!("/drive/items/{late}")).await.expect(200).json();
    let late_url = late_url["@microsoft.graph.downloadUrl"].as_str().expect("a URL").to_owned();
    let delta = alice.get("/drive/root/delta?token=latest").await.expect(200).json();
    let delta = delta["@odata.deltaLink"].as_str().expect("a link").to_owned();
    let dead: Vec<String> = {
        let mut dead = Vec::new();
        for (link, _) in links.iter().flatten() {
            if app.anybody().get(&page_path(link)).await.status.as_u16() == 404 {
                dead.push(page_path(link));
            }
        }
        dead
    };
    assert!(dead.len() > 20);
    app.stop().await;
    restore();
    let told = ran(&Process::ask(&app, &["recover"]));
    assert!(told.contains("incarnation 1"), "{told}");
    let again = app.second().await;
    let alice = again.user("alice");
    // What was revoked is dead, what was not opens, and what came later is gone.
    again.anybody().get(&page_path(&kept)).await.expect(200);
    for path in dead.iter().chain([&page_path(&revoked_link), &page_path(&purged_link)]) {
        again.anybody().get(path).await.expect(404);
    }
    let path = |url: &str| url.replace(&app.url, "");
    again.anybody().get(&path(&late_url)).await.expect(404);
    alice.get(&path(&delta)).await.expect_error(410, "resyncRequired");
    // No number that was given to something is given to something else.
    let new = alice.upload("/new.txt", "never shared").await;
    let number = |item: &str| {
        item.split_once('!').and_then(|(_, number)| number.parse::<i64>().ok()).expect("a number")
    };
    assert!(number(&new) > number(&late) + 1_000_000);
    again.anybody().get(&path(&late_url)).await.expect(404);
    let told = alice.get(&format!("/drive/items/{new}")).await.expect(200).json();
    let url = told["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    assert_eq!(again.anybody().get(&path(url)).await.expect(200).text(), "never shared");
    let link: Value = alice.link(&new, "view").await;
    assert_eq!(again.anybody().get(&download_path(&link)).await.expect(200).text(), "never shared");
    let delta = alice.get("/drive/root/delta?token=latest").await.expect(200).json();
    alice.get(&path(delta["@odata.deltaLink"].as_str().expect("a link"))).await.expect(200);
}

#[tokio::test]
async fn what_a_server_makes_is_its_owners_alone_whatever_the_shell_is_set_to() {
    use std::os::unix::fs::PermissionsExt;
    let app = TestApp::start(Kind::Sqlite).await;
    let folder = app.data_dir().join("new");
    let output = Command::new("sh")
        .args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_everlink"), "share", "--once"])
        .args(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "Cargo.toml"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("EVERLINK_DATA_DIR", &folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    ran(&output);
    let mut folders = vec![folder];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{folder:?} {output:?}");
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{path:?}");
                files += 1;
            }
        }
    }
    assert!(files > 3);
}

async fn revoke(user: &User, item: &str, link: &Value) {
    let id = link["id"].as_str().expect("an id");
    user.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
}

#[tokio::test]
async fn what_was_revoked_since_a_backup_of_sqlite_stays_dead() {
    a_drill(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_was_revoked_since_a_backup_of_postgresql_stays_dead() {
    a_drill(Kind::Postgres).await;
}
