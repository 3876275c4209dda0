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
    assert_eq!(err(&first), "");
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
    for (arguments, reason) in [
        (&["share", "missing.txt"][..], "missing.txt"),
        (&["share", "."], "not a file"),
        (&["share", "a.txt", "--type=nonsense"], "nonsense"),
        (&["share", "a.txt", "--server=http://everlink.invalid"], "no service answers"),
        (&["share", "a.txt", "--database-url=mysql://x", ANYWHERE[0], ANYWHERE[1]], "neither postgres"),
    ] {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success());
        assert_eq!(out(&output), "");
        assert!(err(&output).contains(reason), "{}", err(&output));
    }
}

#[tokio::test]
async fn a_token_of_the_command_line_is_believed() {
    let app = TestApp::start(Kind::Sqlite).await;
    let key_file = app.settings.key_file();
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
    let key_file = app.settings.key_file();
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
    let with = |more: &[&str]| {
        let arguments = [&["doctor", "--data-dir", ".", "--database-url", &app.database.url], more].concat();
        run(&app.data_dir(), &arguments)
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
    let key_file = app.settings.key_file();
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
    assert!(out(&nowhere).contains("refused"), "{}", out(&nowhere));
    assert!(!out(&nowhere).contains("secret") && !err(&nowhere).contains("secret"));
}
