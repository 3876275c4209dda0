//! `everlink keys`: further secrets for new links, and the end of old ones.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Process, TestApp, on_each_database};

on_each_database!(
    an_epoch_is_added_signs_new_links_and_the_old_one_is_withdrawn,
    a_fresh_secret_of_the_local_issuer_ends_the_tokens_of_before_and_no_link,
);

async fn an_epoch_is_added_signs_new_links_and_the_old_one_is_withdrawn(app: TestApp) {
    let mut said = String::new();
    let mut keys = |arguments: &[&str], succeeds: bool, expected: &str| {
        let output = Process::ask(&app, &[&["keys"], arguments].concat());
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("UTF-8");
        assert_eq!(output.status.success(), succeeds, "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        said += &text;
    };
    let epoch_of_newest_link = "SELECT CAST(max(key_epoch) AS bigint) FROM links";
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let old = alice.link(&item, "view").await;
    keys(&["list"], true, "signs new links");
    keys(&["withdraw", "1"], false, "epoch 1 signs new links: add another first");
    keys(&["withdraw", "7"], false, "no epoch 7");
    keys(&["add"], true, "Epoch 2 is in");
    keys(&["list"], true, "waits for a server");
    keys(&["withdraw", "1"], false, "no server has come with epoch 2 yet");

    let mut server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let anybody = server.user(&app.anybody());
    anybody.open(&old).await.expect(200);
    let new = server.user(&alice).link(&item, "edit").await;
    assert_eq!(app.database.number(epoch_of_newest_link).await, 2);
    anybody.open(&new).await.expect(200);
    keys(&["list"], true, "opens its links");
    keys(&["withdraw", "1"], false, "epoch 1 signs 1 live links");
    keys(&["withdraw", "1", "--revoke-links", "--as", "carol"], true, "1 links revoked");
    anybody.open(&old).await.expect(404);
    let revoked = "SELECT count(*) FROM link_events WHERE action = 'revoked' AND actor = 'cli:carol'";
    assert_eq!(app.database.number(revoked).await, 1);

    assert!(server.signal("TERM").success());
    let server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    server.user(&app.anybody()).open(&new).await.expect(200);
    server.user(&app.anybody()).open(&old).await.expect(404);
    // A number that was taken once is not taken again.
    keys(&["add"], true, "Epoch 3 is in");

    let key_file = app.settings.storage.keys.key_file();
    let mode = std::fs::metadata(&key_file).expect("a key file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&key_file).expect("text");
    let secrets: Vec<&str> = text.split('"').filter(|part| part.len() == 44).collect();
    assert_eq!(secrets.len(), 3, "epochs 2 and 3, and the local issuer's");
    assert!(secrets.iter().all(|secret| !said.contains(secret)), "{said}");
    let folder = key_file.parent().expect("a folder");
    let left = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
    assert!(!left.map(|file| file.file_name()).any(|name| name.to_string_lossy().contains("draft")));
}

async fn a_fresh_secret_of_the_local_issuer_ends_the_tokens_of_before_and_no_link(app: TestApp) {
    let keys = |arguments: &[&str], expected: &str| {
        let output = Process::ask(&app, &[&["keys"], arguments].concat());
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
        assert!(output.status.success() && text.contains(expected), "{arguments:?}: {text}");
    };
    let key_file = app.settings.storage.keys.key_file();
    let token = || {
        let output = Process::command(&app.data_dir())
            .args(["token", "--user", "alice", "--app-id", "1234", "--key-file"])
            .arg(&key_file)
            .output()
            .expect("the program runs");
        app.bearer(String::from_utf8(output.stdout).expect("UTF-8").trim())
    };
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/b.txt", "one").await, "view").await;
    let before = token();

    // A copy of the keys alone, whatever the database is; one that is there is not written over.
    let copy = app.data_dir().join("copy.json");
    let back_up = || Process::ask(&app, &["backup", "--keys-to", copy.to_str().expect("UTF-8")]);
    assert!(back_up().status.success());
    assert_eq!(std::fs::read(&copy).expect("a copy"), std::fs::read(&key_file).expect("a key file"));
    assert!(!back_up().status.success());

    keys(&["renew-issuer"], "is the one that holds");
    let mut server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    server.user(&before).get("/me/drive").await.expect(401);
    server.user(&token()).get("/me/drive").await.expect(200);
    server.user(&app.anybody()).open(&link).await.expect(200);
    assert!(server.signal("TERM").success());

    let known = Process::ask(&app, &["keys", "renew-issuer", "--from-file"]);
    assert!(
        !known.status.success() && String::from_utf8_lossy(&known.stderr).contains("a fresh one"),
        "{known:?}"
    );

    // By hand, as where the file is not the command's to write.
    let text = std::fs::read_to_string(&key_file).expect("text");
    let mut file: Value = serde_json::from_str(&text).expect("JSON");
    file["local_issuer"] = json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    std::fs::write(&key_file, file.to_string()).expect("a key file");
    keys(&["renew-issuer", "--from-file"], "is the one that holds");
    let server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    server.user(&token()).get("/me/drive").await.expect(200);
    server.user(&app.anybody()).open(&link).await.expect(200);
}
