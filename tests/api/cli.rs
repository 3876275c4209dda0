//! The command line.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::{Kind, Process, TestApp, on_each_database};

on_each_database!(
    a_wrong_or_missing_key_file_keeps_a_server_from_starting,
    migrations_are_applied_at_start_unless_that_is_forbidden,
    doctor_says_what_is_wrong,
);

fn run(folder: &Path, arguments: &[&str]) -> Output {
    // A proxy to the world, which is down: it is not to be asked for what is on this machine.
    let mut command = Process::command(folder);
    command.env("HTTP_PROXY", "http://127.0.0.1:1").args(arguments).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

const ANYWHERE: [&str; 2] = ["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"];

#[test]
fn share_prints_the_link_alone_and_sharing_again_gives_the_same_one() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("README.md"), "hello").expect("a file");
    let share = || run(folder.path(), &["share", "README.md", "--once", ANYWHERE[0], ANYWHERE[1]]);
    let first = share();
    assert!(first.status.success(), "{}", err(&first));
    assert!(err(&first).contains("on this machine only"), "{}", err(&first));
    let url = out(&first);
    let (start, rest) = url.trim_end().split_once("/redir?resid=").expect("a redir URL");
    assert!(start.starts_with("http://127.0.0.1:"));
    let (resid, rest) = rest.split_once("&authkey=!").expect("a key");
    let (drive, number) = resid.split_once('!').expect("an id");
    assert!(drive.len() == 16 && drive.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(number.parse::<u64>().is_ok());
    assert!(rest.ends_with("&ithint=file%2cmd"));
    assert_eq!(url.lines().count(), 1);
    std::fs::write(folder.path().join("README.md"), "hello again").expect("a file");
    let again = out(&share());
    let tail = |url: &str| url[url.find("/redir").expect("a redir URL")..].to_owned();
    assert_eq!(tail(&again), tail(&url));
    let key_file = folder.path().join("everlink-data/keys.json");
    assert_eq!(std::fs::metadata(key_file).expect("a key file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn share_takes_files_that_are_too_large_for_one_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("large.bin")).expect("a file");
    file.set_len(105_000_000).expect("space");
    let shared = run(folder.path(), &["share", "large.bin", "--once", ANYWHERE[0], ANYWHERE[1]]);
    assert!(shared.status.success(), "{}", err(&shared));
    assert!(out(&shared).ends_with("&ithint=file%2cbin\n"));
}

#[tokio::test]
async fn share_uses_a_service_that_is_there_and_serves_until_it_is_stopped_where_none_is() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "hello").expect("a file");
    let mut command = Process::command(folder.path());
    command.args(["share", "a.txt", "--type=edit", "--scope=anonymous", ANYWHERE[0], ANYWHERE[1]]);
    let mut serving = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program runs");
    let mut url = String::new();
    let mut output = std::io::BufReader::new(serving.stdout.take().expect("it is piped"));
    std::io::BufRead::read_line(&mut output, &mut url).expect("text");
    let url = url.trim_end().to_owned();
    let get = async |url: &str| {
        let answer = reqwest::get(url).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    assert_eq!(get(&url.replace("/redir", "/download")).await, (200, "hello".to_owned()));
    // Another share of the same disk joins in.
    std::fs::write(folder.path().join("a.txt"), "changed").expect("a file");
    let server = url.split("/redir").next().expect("a URL");
    let again = run(folder.path(), &["share", "a.txt", "--type=edit", "--server", server]);
    assert!(again.status.success(), "{}", err(&again));
    assert_eq!(out(&again).trim_end(), url);
    assert_eq!(get(&url.replace("/redir", "/download")).await, (200, "changed".to_owned()));
    // Another program that listens there gets no token.
    let trap = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let trapped = format!("http://{}", trap.local_addr().expect("an address"));
    let caught = std::thread::spawn(move || {
        let (mut stream, _) = trap.accept().expect("a connection");
        let mut request = [0; 4096];
        let count = std::io::Read::read(&mut stream, &mut request).expect("a request");
        let answer = "HTTP/1.1 200 OK\r\nrequest-id: x\r\ncontent-length: 13\r\n\r\n{\"proof\":\"x\"}";
        std::io::Write::write_all(&mut stream, answer.as_bytes()).expect("it is sent");
        String::from_utf8_lossy(&request[..count]).to_ascii_lowercase()
    });
    let other = run(folder.path(), &["share", "a.txt", "--server", &trapped]);
    assert_eq!(other.status.code(), Some(1));
    let request = caught.join().expect("no panic");
    assert!(request.contains("/.well-known/everlink") && !request.contains("authorization"), "{request}");
    // One with other keys is not believed, and says so.
    let other = run(folder.path(), &["share", "a.txt", "--server", server, "--key-file=other.json"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(err(&other).contains("does not take the token"), "{}", err(&other));
    let sent = std::process::Command::new("kill").args(["-s", "INT", &serving.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    assert!(serving.wait().expect("it ends").success());
}

#[test]
fn share_fails_with_a_reason_and_prints_no_link() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "hello").expect("a file");
    std::fs::write(folder.path().join("a:b.txt"), "hello").expect("a file");
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    std::fs::write(folder.path().join("folder/CON"), "hello").expect("a file");
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    for (arguments, reason) in [
        (&["share", "missing.txt"][..], "missing.txt"),
        (&["share", "pipe"], "not a file"),
        (&["share", "a:b.txt"], "\"a:b.txt\" can't be shared under this name"),
        (&["share", "folder"], "\"CON\" can't be shared under this name"),
        (&["share", "-"], "say --name"),
        (&["share", "a.txt", "--name=b.txt"], "--name is for standard input"),
        (&["share", "a.txt", "--type=nonsense"], "nonsense"),
        (&["share", "a.txt", "--server=http://everlink.invalid"], "no service answers"),
        // Nor is one started there, or another one asked.
        (&["share", "a.txt", "--once", "--server=http://127.0.0.1:1"], "no service answers"),
        (&["share", "a.txt", "--database-url=mysql://x", ANYWHERE[0], ANYWHERE[1]], "neither postgres"),
    ] {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success());
        assert_eq!(out(&output), "");
        assert!(err(&output).contains(reason), "{}", err(&output));
    }
}

#[test]
fn a_file_is_the_same_link_from_whatever_folder_it_is_shared() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    std::fs::write(inner.join("a.txt"), "hello").expect("a file");
    let share = |from: &Path, file: &str| {
        let mut command = Process::command(from);
        command.env("XDG_DATA_HOME", folder.path().join("data"));
        let output = command.args(["share", file, "--once", ANYWHERE[0], ANYWHERE[1]]).output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{}", err(&output));
        let url = out(&output);
        url[url.find("/redir").expect("a redir URL")..].to_owned()
    };
    let url = share(&inner, "a.txt");
    assert_eq!(share(folder.path(), "inner/a.txt"), url);
    assert!(folder.path().join("data/everlink/everlink.db").exists());
    assert!(!inner.join("everlink-data").exists());
    // A folder that is there from earlier stays in use.
    std::fs::create_dir(inner.join("everlink-data")).expect("a folder");
    assert_ne!(share(&inner, "a.txt"), url);
}

/// A service, and what `share` says to it from a folder with some files.
struct Sharing {
    app: TestApp,
    token: String,
    folder: tempfile::TempDir,
}

impl Sharing {
    async fn begin() -> Self {
        let app = TestApp::start(Kind::Sqlite).await;
        let token = app.user("alice").token.expect("a token");
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in [("a.txt", "hello"), ("f/b.txt", "one"), ("f/g/c.png", "two")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        std::fs::create_dir(folder.path().join("f/empty")).expect("a folder");
        Self { app, token, folder }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = Process::command(self.folder.path());
        command.arg("share").args(arguments);
        command.env("EVERLINK_SERVER", &self.app.url).env("EVERLINK_TOKEN", &self.token);
        command
    }

    async fn share(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        output.expect("the program runs")
    }

    /// Where a file of the folder is in the drive.
    fn address(&self, file: &str) -> String {
        let folder = std::fs::canonicalize(self.folder.path()).expect("a folder");
        format!("/drive/root:{}/{file}", folder.to_str().expect("UTF-8"))
    }
}

#[tokio::test]
async fn share_takes_files_folders_and_standard_input() {
    let sharing = Sharing::begin().await;
    let alice = sharing.app.user("alice");
    let shared = sharing.share(&["a.txt", "f", "--json"]).await;
    assert!(shared.status.success(), "{}", err(&shared));
    let links: Vec<serde_json::Value> =
        out(&shared).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        links.iter().map(|link| link["path"].as_str()).collect::<Vec<_>>(),
        [Some("a.txt"), Some("f")]
    );
    assert!(links.iter().all(|link| link["created"] == true && link["type"] == "view"));
    let url = links[1]["webUrl"].as_str().expect("a URL");
    let share = format!("/shares/{}", links[1]["shareId"].as_str().expect("an id"));
    let anybody = sharing.app.anybody();
    for path in ["b.txt", "g/c.png", "empty"] {
        anybody.get(&format!("{share}/driveItem:/{path}")).await.expect(200);
    }
    // What has not changed is not sent again: it would be another version.
    std::fs::write(sharing.folder.path().join("f/b.txt"), "changed").expect("a file");
    let again = sharing.share(&["f"]).await;
    assert_eq!(out(&again).trim_end(), url);
    let versions = async |file: &str| {
        let list = alice.get(&format!("{}:/versions", sharing.address(file))).await.expect(200).json();
        list["value"].as_array().map(Vec::len)
    };
    assert_eq!((versions("f/b.txt").await, versions("f/g/c.png").await), (Some(2), Some(1)));
    let mut command = sharing.command(&["-", "--name=from stdin.txt", "--qr", "--copy"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), b"piped").expect("it reads");
    let piped = child.wait_with_output().expect("it ends");
    assert!(piped.status.success(), "{}", err(&piped));
    assert!(err(&piped).contains("\u{1b}]52;c;") && err(&piped).contains('█'), "{}", err(&piped));
    assert_eq!(out(&piped).lines().count(), 1);
    assert_eq!(alice.get("/drive/root:/from stdin.txt").await.expect(200).json()["size"], 5);
    let embed = sharing.share(&["f/g/c.png", "--type=embed", "--json"]).await;
    assert!(out(&embed).contains("\"type\":\"embed\""), "{}{}", out(&embed), err(&embed));
}

#[tokio::test]
async fn share_sends_nothing_to_a_link_for_more_people_than_asked_for() {
    let sharing = Sharing::begin().await;
    assert!(sharing.share(&["a.txt"]).await.status.success());
    std::fs::write(sharing.folder.path().join("a.txt"), "for colleagues").expect("a file");
    let refused = sharing.share(&["a.txt", "--scope=organization"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(out(&refused), "");
    assert!(err(&refused).contains("has a link for anybody already"), "{}", err(&refused));
    let item = sharing.app.user("alice").get(&sharing.address("a.txt")).await.expect(200).json();
    assert_eq!(item["size"], 5);
    let narrow = sharing.share(&["f/b.txt", "--scope=organization"]).await;
    assert!(narrow.status.success(), "{}", err(&narrow));
    let kept = sharing.share(&["f/b.txt", "--scope=anonymous"]).await;
    assert!(kept.status.success() && err(&kept).contains("a link keeps its scope"), "{}", err(&kept));
}

#[tokio::test]
async fn share_leaves_nothing_half_sent_when_it_is_stopped() {
    let sharing = Sharing::begin().await;
    let file = std::fs::File::create(sharing.folder.path().join("large.bin")).expect("a file");
    file.set_len(4_000_000_000).expect("space");
    let mut child = sharing.command(&["large.bin"]).spawn().expect("the program runs");
    let database = &sharing.app.database;
    while database.number("SELECT count(*) FROM upload_ranges").await == 0 {
        tokio::task::yield_now().await;
    }
    let sent = std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("no panic").expect("it ends");
    assert_eq!(ended.code(), Some(1));
    assert_eq!(database.number("SELECT count(*) FROM uploads").await, 0);
    sharing.app.user("alice").get(&sharing.address("large.bin")).await.expect(404);
}

#[tokio::test]
async fn a_login_is_remembered_for_its_user_alone() {
    let sharing = Sharing::begin().await;
    let config = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], token: Option<&str>| {
        let mut command = Process::command(sharing.folder.path());
        command.args(arguments).env("XDG_CONFIG_HOME", config.path());
        if let Some(token) = token {
            command.env("EVERLINK_TOKEN", token);
        }
        tokio::task::spawn_blocking(move || command.output().expect("the program runs"))
    };
    let wrong = run(&["login", &sharing.app.url], Some("nonsense")).await.expect("no panic");
    assert!(err(&wrong).contains("does not take the token"), "{}", err(&wrong));
    let file = config.path().join("everlink/login.json");
    assert!(!file.exists());
    let login = run(&["login", &sharing.app.url], Some(&sharing.token)).await.expect("no panic");
    assert!(login.status.success(), "{}", err(&login));
    assert!(!out(&login).contains(&sharing.token));
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let shared = run(&["share", "a.txt"], None).await.expect("no panic");
    assert!(shared.status.success(), "{}", err(&shared));
    assert!(out(&shared).starts_with(&sharing.app.url), "{}", out(&shared));
    sharing.app.user("alice").get(&sharing.address("a.txt")).await.expect(200);
    assert!(run(&["logout"], None).await.expect("no panic").status.success());
    assert!(!file.exists());
}

#[test]
fn shells_and_readers_are_told_of_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]);
        assert!(script.status.success() && out(&script).contains("dry-run"), "{shell}");
    }
    assert!(run(folder.path(), &["man", "pages"]).status.success());
    for page in ["everlink.1", "everlink-share.1", "everlink-links-revoke.1"] {
        assert!(folder.path().join("pages").join(page).exists(), "{page}");
    }
}

#[test]
fn a_command_lists_its_own_flags_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = |command: &[&str]| out(&run(folder.path(), &[command, &["--help"]].concat()));
    let listing = help(&["links", "list"]);
    assert!(listing.contains("--database-url") && listing.contains("Which links:"), "{listing}");
    for others in ["--listen", "--oidc-issuer", "--batch-limit", "--content-url"] {
        assert!(!listing.contains(others), "{others}");
        assert!(help(&["serve"]).contains(others), "{others}");
        assert!(!help(&["share"]).contains("--batch-limit"));
    }
    // A host's name is as good as its address.
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "hello").expect("a file");
    let shared = run(folder.path(), &["share", "a.txt", "--once", "--listen=localhost:0", ANYWHERE[1]]);
    assert!(shared.status.success(), "{}", err(&shared));
}

#[tokio::test]
async fn a_token_of_the_command_line_is_believed() {
    let app = TestApp::start(Kind::Sqlite).await;
    let key_file = app.settings.storage.keys.key_file();
    let key_file = key_file.to_str().expect("UTF-8");
    let token = |more: &[&str]| {
        let arguments = [&["token", "--app-id=1234", "--key-file", key_file][..], more].concat();
        let output = run(&app.data_dir(), &arguments);
        assert!(output.status.success(), "{}", err(&output));
        out(&output).trim_end().to_owned()
    };
    let alice = app.bearer(&token(&["--user=alice", "--user-name=Alice A.", "--app-name=Sample"]));
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    assert_eq!(link["link"]["application"], serde_json::json!({ "id": "1234", "displayName": "Sample" }));
    assert_eq!(alice.get("/drive").await.json()["owner"]["user"]["displayName"], "Alice A.");
    let short = app.bearer(&token(&["--user=alice", "--ttl=30s"]));
    short.get("/drive").await.expect(200);
    app.pass(chrono::TimeDelta::seconds(31));
    short.get("/drive").await.expect(401);
    let reader = app.bearer(&token(&["--user=alice", "--scope=Files.Read"]));
    reader.get("/drive").await.expect(200);
    reader.put("/drive/root:/x:/content", "x").await.expect_error(403, "accessDenied");
    let (drive, _) = item.split_once('!').expect("an id");
    let daemon = app.bearer(&token(&[]));
    daemon.get(&format!("/drives/{drive}")).await.expect(200);
    let stranger = app.bearer(&token(&["--tenant=fabrikam"]));
    stranger.get(&format!("/drives/{drive}")).await.expect(404);
    assert!(!run(&app.data_dir(), &["token", "--app-id="]).status.success());
}

async fn a_wrong_or_missing_key_file_keeps_a_server_from_starting(mut app: TestApp) {
    let item = app.user("alice").upload("/b.txt", "one").await;
    app.user("alice").link(&item, "view").await;
    app.stop().await;
    let start = || {
        let mut command = Process::command(&app.data_dir());
        command.args([
            "serve",
            ANYWHERE[0],
            ANYWHERE[1],
            "--data-dir",
            ".",
            "--database-url",
            &app.database.url,
        ]);
        command.output().expect("the program runs")
    };
    let key_file = app.settings.storage.keys.key_file();
    let kept = std::fs::read(&key_file).expect("a key file");
    std::fs::remove_file(&key_file).expect("it is there");
    let missing = start();
    assert_eq!(missing.status.code(), Some(1));
    assert!(err(&missing).contains("is missing"), "{}", err(&missing));
    assert!(!key_file.exists(), "a key file was made that opens nothing");
    everlink::keys::Keys::create(&key_file).expect("a key file");
    let wrong = start();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(err(&wrong).contains("another secret for epoch 1"), "{}", err(&wrong));
    let text = String::from_utf8(std::fs::read(&key_file).expect("a key file")).expect("text");
    // With the epochs of the right one, its tokens would hold here and nowhere else.
    let right: serde_json::Value = serde_json::from_slice(&kept).expect("JSON");
    let mut mixed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    mixed["epochs"] = right["epochs"].clone();
    std::fs::write(&key_file, mixed.to_string()).expect("a key file");
    let other_issuer = start();
    assert_eq!(other_issuer.status.code(), Some(1));
    assert!(err(&other_issuer).contains("another local_issuer"), "{}", err(&other_issuer));
    std::fs::write(&key_file, text.replace("\"1\"", "\"2\"")).expect("a key file");
    let lacking = start();
    assert_eq!(lacking.status.code(), Some(1));
    assert!(err(&lacking).contains("lacks epoch 1"), "{}", err(&lacking));
    for malformed in [
        "",
        "{}",
        "{\"epochs\":{},\"local_issuer\":\"\"}",
        "{\"epochs\":{\"1\":\"c2VjcmV0\"},\"local_issuer\":\"c2VjcmV0\"}",
    ] {
        std::fs::write(&key_file, malformed).expect("a key file");
        let output = start();
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("is not of its form"), "{}", err(&output));
        assert!(!err(&output).contains("c2VjcmV0"));
    }
    std::fs::write(&key_file, kept).expect("a key file");
    let process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    process.user(&app.user("alice")).get(&format!("/drive/items/{item}")).await.expect(200);
}

async fn migrations_are_applied_at_start_unless_that_is_forbidden(app: TestApp) {
    let fresh = crate::support::TestDatabase::create(
        app.database.kind,
        tempfile::tempdir().expect("a folder").keep().as_path(),
    )
    .await;
    let with = |arguments: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = [arguments, &["--database-url", &fresh.url]].concat();
        run(folder.path(), &arguments)
    };
    let refused = with(&["serve", "--no-migrate", ANYWHERE[0], ANYWHERE[1]]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("everlink migrate"), "{}", err(&refused));
    for _ in 0..2 {
        let migrated = with(&["migrate"]);
        assert!(migrated.status.success(), "{}", err(&migrated));
        assert!(out(&migrated).contains("up to date"));
    }
    assert_eq!(fresh.number("SELECT count(*) FROM links").await, 0);
}

async fn doctor_says_what_is_wrong(app: TestApp) {
    // It tries the ports that it is told: of the usual ones, another test's doctor may be at the same.
    let doctor = |folder: &Path, arguments: &[&str]| {
        let mut command = Process::command(folder);
        command.env("EVERLINK_LISTEN", "127.0.0.1:0").env("EVERLINK_ADMIN_LISTEN", "127.0.0.1:0");
        command.env("HTTP_PROXY", "http://127.0.0.1:1").args(arguments).output().expect("the program runs")
    };
    let with = |more: &[&str]| {
        let arguments = [&["doctor", "--data-dir", ".", "--database-url", &app.database.url], more].concat();
        doctor(&app.data_dir(), &arguments)
    };
    let good = with(&[]);
    assert!(good.status.success(), "{}{}", out(&good), err(&good));
    assert!(!out(&good).contains("problem"), "{}", out(&good));
    for part in ["database", "primary", "migrations", "key file", "keys", "content"] {
        assert!(out(&good).contains(part), "{}", out(&good));
    }
    let ready = with(&["--probe", "--admin-listen", app.admin.trim_start_matches("http://")]);
    assert!(ready.status.success(), "{}", err(&ready));
    let nobody = with(&["--probe", "--admin-listen=127.0.0.1:1"]);
    assert!(err(&nobody).contains("does not answer"), "{}", err(&nobody));
    let key_file = app.settings.storage.keys.key_file();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let exposed = with(&[]);
    assert_eq!(exposed.status.code(), Some(1));
    assert!(out(&exposed).contains("others may read it"), "{}", out(&exposed));
    let missing = with(&["--key-file=missing.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(out(&missing).contains("is missing"), "{}", out(&missing));
    let nowhere = with(&["--database-url=postgres://nobody@127.0.0.1:1/nothing"]);
    assert_eq!(nowhere.status.code(), Some(2), "a flag that is given twice is a mistake");
    let mut command = Process::command(&app.data_dir());
    command.args([
        "doctor",
        "--data-dir",
        ".",
        "--database-url=postgres://nobody:secret@127.0.0.1:1/nothing",
    ]);
    let nowhere = command.output().expect("the program runs");
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(out(&nowhere).contains("problem  database"), "{}", out(&nowhere));
    assert_eq!(out(&nowhere).matches("refused").count(), 1, "a fault is told once: {}", out(&nowhere));
    // An issuer that is away, another program at the address, and what opens here alone.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("--listen={}", taken.local_addr().expect("an address"));
    let issuer = ["--oidc-issuer=http://127.0.0.1:1/realm", "--oidc-audience=x"];
    let faults = with(&[taken.as_str(), issuer[0], issuer[1]]);
    for fault in ["problem  issuer", "problem  listen", "note     public URL"] {
        assert!(out(&faults).contains(fault), "{fault}: {}", out(&faults));
    }
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let said = with(&["--public-url=https://links.example"]);
    assert!(said.status.success(), "{}", out(&said));
    assert!(out(&said).contains("ok       public URL   https://links.example"), "{}", out(&said));
    assert!(out(&said).contains("issuer       default: "), "{}", out(&said));
    // A database without tables is new, and no fault.
    let fresh = tempfile::tempdir().expect("a folder");
    let database = crate::support::TestDatabase::create(app.database.kind, fresh.path()).await;
    let new = doctor(fresh.path(), &["doctor", "--database-url", &database.url]);
    assert!(new.status.success(), "{}", out(&new));
    // Nobody's credentials are asked for at a cloud's address.
    let bucket = with(&["--content-url=s3://bucket/x"]);
    assert!(out(&bucket).contains("there are no credentials for S3"), "{}", out(&bucket));
    assert!(out(&nowhere).contains("refused"), "{}", out(&nowhere));
    assert!(!out(&nowhere).contains("secret") && !err(&nowhere).contains("secret"));
}
