//! A disk that is full or fails: what can't be written is refused, what can be read is read, and when the disk is
//! well again, so is the service.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Kind, Process, TestApp, TestDatabase, User, postgres_on_failing_disk};

/// The disk, and how it is told to fail.
struct FailingDisk {
    library: PathBuf,
    /// While it is there, writes fail.
    told: PathBuf,
    _folder: tempfile::TempDir,
}

impl FailingDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("failing_disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/support/failing_disk.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .expect("cc runs (Debian: apt-get install gcc libc6-dev)");
        assert!(compiled.success());
        // PostgreSQL runs as a user of its own.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("permissions");
        Self { library, told: folder.path().join("fail"), _folder: folder }
    }

    fn variables(&self, part: &str) -> [(&'static str, String); 3] {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        [("LD_PRELOAD", text(&self.library)), ("FAIL_FILE", text(&self.told)), ("FAIL_PATH", part.to_owned())]
    }

    fn fail(&self, how: &str) {
        std::fs::write(&self.told, how).expect("a file");
    }

    fn heal(&self) {
        std::fs::remove_file(&self.told).expect("a file");
    }
}

async fn make_folder(user: &User, name: &str) -> u16 {
    user.post("/drive/root/children", json!({ "name": name, "folder": {} })).await.status.as_u16()
}

async fn revoke(user: &User, item: &str, link: &Value) -> u16 {
    let id = link["id"].as_str().expect("an id");
    user.delete(&format!("/drive/items/{item}/permissions/{id}")).await.status.as_u16()
}

#[tokio::test]
async fn sqlite_writes_again_as_soon_as_the_disk_does() {
    let app = TestApp::start(Kind::Sqlite).await;
    let disk = FailingDisk::new();
    let server = Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.envs(disk.variables("everlink.db"));
    });
    let alice = server.user(&app.user("alice"));
    let anybody = server.user(&app.anybody());
    let ready = async || {
        app.http.get(format!("{}/readyz", server.admin)).send().await.expect("an answer").status().as_u16()
    };
    for (how, status, code) in [("full", 507, "quotaLimitReached"), ("I/O error", 503, "serviceNotAvailable")]
    {
        let item = alice.upload(&format!("/{}.txt", how.replace('/', "")), "one").await;
        let link = alice.link(&item, "view").await;
        disk.fail(how);
        for attempt in 0..4 {
            assert_eq!(make_folder(&alice, &format!("no {attempt}")).await, status, "{how}");
            let path = format!("/drive/items/{item}/createLink");
            alice.post(&path, json!({ "type": "edit" })).await.expect_error(status, code);
            // What is there is found.
            assert_eq!(alice.post(&path, json!({ "type": "view" })).await.expect(200).json(), link, "{how}");
            alice.put(&format!("/drive/items/{item}/content"), "two").await.expect(status);
            assert_eq!(revoke(&alice, &item, &link).await, status, "{how}");
            assert_eq!(ready().await, 503, "{how}");
        }
        assert_eq!(anybody.open(&link).await.expect(200).text(), "one");
        disk.heal();
        // The very next of each.
        assert_eq!(revoke(&alice, &item, &link).await, 204, "{how}");
        anybody.open(&link).await.expect(404);
        assert_eq!(make_folder(&alice, &format!("after {}", how.replace('/', ""))).await, 201, "{how}");
        alice.link(&item, "edit").await;
        assert_eq!(ready().await, 200, "{how}");
    }
}

#[tokio::test]
async fn postgresql_writes_again_as_soon_as_the_disk_does() {
    let disk = FailingDisk::new();
    let server = postgres_on_failing_disk(&disk.variables("/base/"));
    let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
    let app = TestApp::on(folder, TestDatabase { kind: Kind::Postgres, url: server.url("postgres") }).await;
    let alice = app.user("alice");
    for (how, status) in [("full", 507), ("I/O error", 503)] {
        let name = how.replace('/', "");
        let item = alice.upload(&format!("/{name}.txt"), "one").await;
        let link = alice.link(&item, "view").await;
        disk.fail(how);
        // What fits into pages that are there is written; sooner or later a table has to grow.
        let mut made = 0;
        let mut refused = 0;
        while refused < 5 {
            match make_folder(&alice, &format!("{name} {made} {refused}")).await {
                201 => made += 1,
                other if other == status => refused += 1,
                other => panic!("{how}: {other}"),
            }
            assert!(made < 5_000, "no table had to grow");
        }
        // What is there is found, though the call before it made one.
        let path = format!("/drive/items/{item}/createLink");
        assert_eq!(alice.post(&path, json!({ "type": "view" })).await.expect(200).json(), link, "{how}");
        assert_eq!(app.anybody().open(&link).await.expect(200).text(), "one");
        disk.heal();
        assert_eq!(revoke(&alice, &item, &link).await, 204, "{how}");
        app.anybody().open(&link).await.expect(404);
        for number in 0..50 {
            assert_eq!(make_folder(&alice, &format!("{name} after {number}")).await, 201, "{how}");
        }
        app.admin("/readyz").await.expect(200);
    }
}

#[tokio::test]
async fn what_the_disk_of_contents_has_no_room_for_is_refused_and_nothing_is_left_of_it() {
    let app = TestApp::start(Kind::Sqlite).await;
    let disk = FailingDisk::new();
    let server = Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.envs(disk.variables("/content/"));
    });
    let alice = server.user(&app.user("alice"));
    let item = alice.upload("/a.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let anybody = server.user(&app.anybody());
    let session = alice.post("/drive/root:/s.txt:/createUploadSession", json!({})).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let contents = || {
        let folders = std::fs::read_dir(app.data_dir().join("content")).expect("a folder").flatten();
        folders.map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().count()).sum::<usize>()
    };
    for (how, status) in [("full", 507), ("I/O error", 503)] {
        disk.fail(how);
        alice.put(&format!("/drive/items/{item}/content"), "two").await.expect(status);
        alice.put("/drive/root:/b.txt:/content", "two").await.expect(status);
        // The disk fails while the first of many pieces is written, too.
        alice.put("/drive/root:/b.txt:/content", vec![7; 1_000_000]).await.expect(status);
        let range = alice.request(Method::PUT, url).header("content-range", "bytes 0-2/3").body("two");
        alice.send(range).await.expect(status);
        assert_eq!(contents(), 1, "{how}");
        disk.heal();
        assert_eq!(anybody.open(&link).await.expect(200).text(), "one");
        alice.get("/drive/root:/b.txt").await.expect(404);
    }
    let range = alice.request(Method::PUT, url).header("content-range", "bytes 0-2/3").body("two");
    assert_eq!(alice.send(range).await.expect(201).json()["size"], 3);
}
