//! Files that are taken over where they are: a folder's, a list's.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Answer, Process, TestApp, User, download_path, eventually, on_each_database};

on_each_database!(
    a_folder_appears_in_a_drive_and_its_bytes_stay_where_they_are,
    names_that_a_drive_can_not_have_are_spelled_and_what_leads_out_is_left_out,
    a_second_import_changes_what_has_changed_and_nothing_else,
    what_was_moved_is_the_same_item_and_its_link_follows,
    files_that_took_each_others_names_are_told_apart,
    what_is_gone_goes_into_the_recycle_bin_and_comes_back_with_its_links,
    many_that_are_gone_at_once_are_not_deleted,
    a_link_opens_what_the_file_is_now,
    a_file_that_is_gone_is_told_and_is_right_again_once_it_is_back,
    a_file_that_is_written_while_it_is_read_ends_the_download,
    an_imported_item_is_one_like_any_other,
    a_list_of_files_is_a_drive,
    what_a_list_tells_wrongly_is_found_out_at_the_first_reading,
    an_import_that_is_killed_again_and_again_ends_with_the_tree,
    a_dry_run_changes_nothing,
    digests_are_not_told_before_they_are_known,
    verify_knows_what_is_outside,
    a_folder_as_an_archive_has_what_its_files_are_now,
    a_version_that_is_gone_is_not_restored,
    what_happens_in_a_folder_that_is_watched_is_followed,
    what_is_taken_away_from_a_folder_that_is_watched_is_deleted_where_that_is_asked_for,
    an_object_of_a_bucket_is_what_it_is_now,
    what_is_uploaded_is_written_to_a_folder_that_is_written_to,
    no_name_leads_an_upload_out_of_the_folder,
    a_copy_does_not_take_the_file_from_its_original,
    what_differs_in_case_alone_is_renamed,
    what_can_not_be_looked_at_is_not_taken_for_gone,
    links_in_a_folder_that_is_watched_are_not_followed,
    what_several_bring_into_a_folder_is_in_it_together,
    what_was_not_found_on_its_way_comes_back_at_its_new_path,
    a_line_that_comes_again_much_later_is_what_the_file_is_now,
);

/// A folder of files that are nobody's yet.
fn folder_of(app: &TestApp, files: &[(&str, &str)]) -> PathBuf {
    let folder = app.data_dir().join("nas");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (path, text) in files {
        write(&folder, path, text);
    }
    folder
}

fn write(folder: &Path, path: impl AsRef<Path>, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("it is written");
}

/// What an import says, and how it ended.
fn import(app: &TestApp, source: &str, more: &[&str]) -> (Value, String, i32) {
    let arguments = ["import", source, "--tenant", "contoso", "--user", "alice", "--json"];
    let output = Process::ask(app, &[&arguments[..], more].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (report, told, output.status.code().expect("a code"))
}

/// The same, where all goes well.
fn imported(app: &TestApp, folder: &Path, more: &[&str]) -> Value {
    let (report, told, code) = import(app, folder.to_str().expect("UTF-8"), more);
    assert_eq!(code, 0, "{told}");
    report
}

async fn item(user: &User, path: &str) -> Value {
    user.get(&format!("/drive/root:{path}")).await.expect(200).json()
}

async fn link(user: &User, path: &str) -> Value {
    user.link(item(user, path).await["id"].as_str().expect("an id"), "view").await
}

async fn content(user: &User, path: &str) -> String {
    let url =
        user.get(&format!("/drive/root:{path}:/content")).await.expect(302).header("location").to_owned();
    user.get(url.trim_start_matches(user.url())).await.expect(200).text()
}

/// What a link shows, and its status.
async fn opened(app: &TestApp, link: &Value) -> Answer {
    app.anybody().get(&format!("/shares/{}/driveItem", link["shareId"].as_str().expect("an id"))).await
}

/// All files and folders of a drive, by their paths.
async fn tree(user: &User, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let at = if folder.is_empty() {
            "/drive/root/children".to_owned()
        } else {
            format!("/drive/root:{}:/children", folder.replace('%', "%25"))
        };
        let page = user.get(&format!("{at}?$top=200")).await;
        // It may be moved meanwhile.
        if page.status == 404 {
            continue;
        }
        let page = page.expect(200).json();
        for child in page["value"].as_array().expect("items") {
            let path = format!("{folder}/{}", child["name"].as_str().expect("a name"));
            if child.get("folder").is_some() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

fn stored(app: &TestApp) -> usize {
    let of =
        |path: PathBuf| walkdir::WalkDir::new(path).into_iter().flatten().filter(|e| e.file_type().is_file());
    of(app.data_dir().join("content"))
        .filter(|e| !e.file_name().to_string_lossy().contains("everlink"))
        .count()
}

async fn a_folder_appears_in_a_drive_and_its_bytes_stay_where_they_are(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("deep/er/b.txt", "two!"), ("deep/c.pdf", "three")]);
    std::fs::create_dir(folder.join("empty")).expect("a folder");
    let report = imported(&app, &folder, &["--to", "/NAS/2026"]);
    assert_eq!((&report["new"], &report["leftOut"]), (&json!(3), &json!(0)));
    let alice = app.user("alice");
    let paths =
        ["/NAS/2026", "/NAS/2026/a.txt", "/NAS/2026/deep", "/NAS/2026/deep/c.pdf", "/NAS/2026/deep/er"];
    let all = [&["/NAS"], &paths[..], &["/NAS/2026/deep/er/b.txt", "/NAS/2026/empty"]].concat();
    assert_eq!(tree(&alice, "").await, all);
    assert_eq!(content(&alice, "/NAS/2026/deep/er/b.txt").await, "two!");
    let shared = link(&alice, "/NAS/2026/deep/c.pdf").await;
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "three");
    assert_eq!(stored(&app), 0);
    // Folders know what is below them, as ever.
    let sizes: Vec<Value> = vec![item(&alice, "").await, item(&alice, "/NAS/2026/deep").await];
    assert_eq!((&sizes[0]["size"], &sizes[1]["size"]), (&json!(12), &json!(9)));
    assert_eq!(sizes[1]["folder"]["childCount"], 2);
    let file = item(&alice, "/NAS/2026/a.txt").await;
    let modified = std::fs::metadata(folder.join("a.txt")).and_then(|file| file.modified()).expect("a time");
    let modified = chrono::DateTime::<chrono::Utc>::from(modified).format("%Y-%m-%dT%H:%M:%S").to_string();
    let told = file["fileSystemInfo"]["lastModifiedDateTime"].as_str().expect("a time");
    assert!(told.starts_with(&modified), "{told} {modified}");
    assert_eq!(file["file"]["mimeType"], "text/plain");
}

async fn names_that_a_drive_can_not_have_are_spelled_and_what_leads_out_is_left_out(app: TestApp) {
    let folder = folder_of(
        &app,
        &[("a:b?.txt", "colon"), ("100%41.txt", "percent"), ("Read.me", "1"), ("read.me", "2")],
    );
    write(&folder, OsStr::from_bytes(b"caf\xe9.txt"), "latin");
    write(&folder, "trailing ", "space");
    write(&folder, "con", "device");
    write(&folder, format!("{}/x", "n".repeat(250)), "long");
    write(&folder, format!("{}/{}", "n".repeat(250), "m".repeat(250)), "too long");
    write(app.data_dir().as_path(), "outside.txt", "not for you");
    std::os::unix::fs::symlink("../outside.txt", folder.join("out.txt")).expect("a link");
    std::os::unix::fs::symlink("/etc", folder.join("etc")).expect("a link");
    std::os::unix::fs::symlink("Read.me", folder.join("within.txt")).expect("a link");
    std::os::unix::fs::symlink(".", folder.join("loop")).expect("a link");
    std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().expect("a pipe");
    let (report, told, code) = import(&app, folder.to_str().expect("UTF-8"), &[]);
    assert_eq!((code, &report["leftOut"]), (2, &json!(5)), "{told}");
    for left in
        ["out.txt: it is a link that leads out", "etc: ", "loop: ", "pipe: it is no file", "mmm: The path"]
    {
        assert!(told.contains(left), "{left}: {told}");
    }
    let alice = app.user("alice");
    let names = tree(&alice, "").await;
    let long = format!("/{}", "n".repeat(250));
    let mut all = vec![
        "/%63on".to_owned(),
        "/100%2541.txt".to_owned(),
        "/Read.me".to_owned(),
        "/%72ead.me".to_owned(),
        "/a%3Ab%3F.txt".to_owned(),
        "/caf%E9.txt".to_owned(),
        "/trailing%20".to_owned(),
        "/within.txt".to_owned(),
        format!("{long}/x"),
        long,
    ];
    all.sort();
    assert_eq!(names, all);
    for (name, text) in [
        ("a%253Ab%253F.txt", "colon"),
        ("100%252541.txt", "percent"),
        ("caf%25E9.txt", "latin"),
        ("%2572ead.me", "2"),
        ("Read.me", "1"),
        ("within.txt", "1"),
    ] {
        assert_eq!(content(&alice, &format!("/{name}")).await, text);
    }
    // What becomes a link that leads out afterwards is not followed, either.
    let shared = link(&alice, "/within.txt").await;
    std::fs::remove_file(folder.join("within.txt")).expect("it is gone");
    std::os::unix::fs::symlink("../outside.txt", folder.join("within.txt")).expect("a link");
    app.anybody().get(&download_path(&shared)).await.expect(404);
}

async fn a_second_import_changes_what_has_changed_and_nothing_else(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("b/c.txt", "two"), ("b/d.txt", "three")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let unknown = "SELECT count(*) FROM outside_content WHERE NOT is_digested";
    eventually("the digests are known", async || app.database.number(unknown).await == 0).await;
    let before = alice.get("/drive/root/delta").await.expect(200).json();
    let report = imported(&app, &folder, &[]);
    assert_eq!((&report["new"], &report["unchanged"]), (&json!(0), &json!(3)));
    let token = before["@odata.deltaLink"].as_str().expect("a link").split("/v1.0").last().expect("a path");
    let token = token.replace(&app.url, "");
    assert_eq!(alice.get(&token).await.expect(200).json()["value"], json!([]));
    write(&folder, "b/c.txt", "two and a half");
    write(&folder, "b/new.txt", "four");
    let report = imported(&app, &folder, &[]);
    assert_eq!([&report["new"], &report["changed"], &report["unchanged"]], [&json!(1), &json!(1), &json!(2)]);
    assert_eq!(content(&alice, "/b/c.txt").await, "two and a half");
    let changed = item(&alice, "/b/c.txt").await;
    let id = changed["id"].as_str().expect("an id");
    let versions = alice.get(&format!("/drive/items/{id}/versions")).await.expect(200).json();
    assert_eq!(versions["value"].as_array().expect("versions").len(), 2);
    assert_eq!(item(&alice, "").await["size"], 3 + 14 + 5 + 4);
    // What somebody put there in the meantime is theirs, and stays until the file changes.
    alice.put("/drive/root:/a.txt:/content", "uploaded").await.expect(200);
    imported(&app, &folder, &[]);
    assert_eq!(content(&alice, "/a.txt").await, "uploaded");
    assert_eq!(std::fs::read_to_string(folder.join("a.txt")).expect("a text"), "one");
    write(&folder, "a.txt", "one again");
    imported(&app, &folder, &[]);
    assert_eq!(content(&alice, "/a.txt").await, "one again");
    // What its owner deleted does not come back.
    alice.delete("/drive/root:/b/d.txt").await.expect(204);
    let report = imported(&app, &folder, &[]);
    assert_eq!(report["inRecycleBin"], 1);
    alice.get("/drive/root:/b/d.txt").await.expect(404);
}

async fn what_was_moved_is_the_same_item_and_its_link_follows(app: TestApp) {
    let folder = folder_of(
        &app,
        &[("a.txt", "one"), ("box/in/b.txt", "two"), ("box/c.txt", "three"), ("hard.txt", "4")],
    );
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let (file, inner) = (link(&alice, "/a.txt").await, link(&alice, "/box/in/b.txt").await);
    let shared_folder = link(&alice, "/box").await;
    std::fs::create_dir(folder.join("new")).expect("a folder");
    std::fs::rename(folder.join("a.txt"), folder.join("new/renamed.txt")).expect("it is moved");
    std::fs::rename(folder.join("box"), folder.join("new/chest")).expect("it is moved");
    write(&folder, "new/chest/in/b.txt", "two, changed");
    std::fs::hard_link(folder.join("hard.txt"), folder.join("twin.txt")).expect("a link");
    let report = imported(&app, &folder, &["--delete"]);
    assert_eq!(
        (&report["moved"], &report["new"], &report["deleted"]),
        (&json!(1), &json!(1), &json!(0)),
        "{report}"
    );
    let all = [
        "/hard.txt",
        "/new",
        "/new/chest",
        "/new/chest/c.txt",
        "/new/chest/in",
        "/new/chest/in/b.txt",
        "/new/renamed.txt",
        "/twin.txt",
    ];
    assert_eq!(tree(&alice, "").await, all);
    let now = opened(&app, &file).await.expect(200).json();
    assert_eq!(now["name"], "renamed.txt");
    assert_eq!(app.anybody().get(&download_path(&inner)).await.expect(200).text(), "two, changed");
    assert_eq!(opened(&app, &shared_folder).await.expect(200).json()["name"], "chest");
    // A new file that has the number of one that is gone is another file.
    std::fs::remove_file(folder.join("new/renamed.txt")).expect("it is gone");
    for number in 0..20 {
        write(&folder, format!("other{number}.txt"), "secret");
    }
    let report = imported(&app, &folder, &[]);
    assert_eq!((&report["moved"], &report["new"]), (&json!(0), &json!(20)));
    app.anybody().get(&download_path(&file)).await.expect(404);
    assert_eq!(imported(&app, &folder, &[])["unchanged"], 24);
}

async fn what_is_gone_goes_into_the_recycle_bin_and_comes_back_with_its_links(app: TestApp) {
    let folder = folder_of(&app, &[("keep.txt", "1")]);
    for number in 0..20 {
        write(&folder, format!("some/{number}.txt"), "x");
    }
    write(&folder, "going/a.txt", "back soon");
    write(&folder, "staying/a.txt", "gone");
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    alice.upload("/staying/own.txt", "alice's").await;
    let shared = link(&alice, "/going/a.txt").await;
    let away = app.data_dir().join("away");
    std::fs::rename(folder.join("going"), &away).expect("it is moved");
    std::fs::remove_file(folder.join("staying/a.txt")).expect("it is gone");
    std::fs::remove_dir(folder.join("staying")).expect("it is gone");
    // Without being told so, nothing is deleted.
    assert_eq!(imported(&app, &folder, &[])["deleted"], 0);
    assert_eq!(imported(&app, &folder, &["--delete"])["deleted"], 2);
    alice.get("/drive/root:/going").await.expect(404);
    assert_eq!(content(&alice, "/staying/own.txt").await, "alice's");
    opened(&app, &shared).await.expect(404);
    std::fs::rename(&away, folder.join("going")).expect("it is moved");
    let report = imported(&app, &folder, &["--delete"]);
    assert_eq!((&report["unchanged"], &report["deleted"]), (&json!(22), &json!(0)));
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "back soon");
    assert_eq!(item(&alice, "/going").await["size"], 9);
    assert_eq!(imported(&app, &folder, &["--delete"])["unchanged"], 22);
}

async fn many_that_are_gone_at_once_are_not_deleted(app: TestApp) {
    let folder = folder_of(&app, &[("a", "1"), ("b", "2"), ("c/d", "3"), ("c/e", "4")]);
    imported(&app, &folder, &[]);
    std::fs::remove_dir_all(folder.join("c")).expect("it is gone");
    let (_, told, code) = import(&app, folder.to_str().expect("UTF-8"), &["--delete"]);
    assert_eq!(code, 1);
    assert!(told.contains("2 of 4 files are gone, which is more than 10 %"), "{told}");
    let alice = app.user("alice");
    assert_eq!(tree(&alice, "").await, ["/a", "/b", "/c", "/c/d", "/c/e"]);
    assert_eq!(imported(&app, &folder, &["--delete", "--delete-at-most", "50"])["deleted"], 2);
    assert_eq!(tree(&alice, "").await, ["/a", "/b"]);
}

async fn a_link_opens_what_the_file_is_now(app: TestApp) {
    let folder = folder_of(&app, &[("report.txt", "first")]);
    imported(&app, &folder, &[]);
    let second = app.second().await;
    let alice = app.user("alice");
    let shared = link(&alice, "/report.txt").await;
    for (round, text) in ["second", "third", "thirD", "", "fifth"].into_iter().enumerate() {
        if round % 2 == 0 {
            write(&folder, "report.txt", text);
        } else {
            // As programs write that want no reader to see the half of it.
            write(&folder, "report.new", text);
            std::fs::rename(folder.join("report.new"), folder.join("report.txt")).expect("it is moved");
        }
        for server in [&app, &second] {
            assert_eq!(server.anybody().get(&download_path(&shared)).await.expect(200).text(), text);
            let now = opened(server, &shared).await.expect(200).json();
            assert_eq!(now["size"], text.len());
            assert_eq!(item(&server.user("alice"), "/report.txt").await["size"], text.len());
            assert_eq!(content(&server.user("alice"), "/report.txt").await, text);
        }
    }
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 6);
    // Its owner sees the change without anybody's reading it before.
    write(&folder, "report.txt", "the owner looks first");
    assert_eq!(item(&alice, "/report.txt").await["size"], 21);
    let old = alice.get("/drive/root:/report.txt:/versions/1/content").await;
    let old = if old.status == 302 {
        alice.get(old.header("location").trim_start_matches(&app.url)).await
    } else {
        old
    };
    assert!(old.expect(404).text().contains("the file was changed where it is kept"));
}

async fn a_file_that_is_gone_is_told_and_is_right_again_once_it_is_back(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "here")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let shared = link(&alice, "/a.txt").await;
    std::fs::rename(folder.join("a.txt"), app.data_dir().join("a.txt")).expect("it is moved");
    let gone = app.anybody().get(&download_path(&shared)).await.expect(404);
    assert!(gone.text().contains("taken away from where it is kept"), "{}", gone.text());
    opened(&app, &shared).await.expect_error(404, "itemNotFound");
    assert_eq!(item(&alice, "/a.txt").await["size"], 4);
    let missing = "SELECT count(*) FROM outside_content WHERE missing_since IS NOT NULL";
    assert_eq!(app.database.number(missing).await, 1);
    assert_eq!(app.database.number("SELECT missing FROM admin_imports").await, 1);
    std::fs::rename(app.data_dir().join("a.txt"), folder.join("a.txt")).expect("it is moved");
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "here");
    assert_eq!(app.database.number(missing).await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 1);
    // Deleted for good, it is forgotten, and the file stays.
    let id = item(&alice, "/a.txt").await["id"].as_str().expect("an id").to_owned();
    alice.post(&format!("/drive/items/{id}/permanentDelete"), json!({})).await.expect(204);
    app.anybody().get(&download_path(&shared)).await.expect(404);
    assert_eq!(std::fs::read_to_string(folder.join("a.txt")).expect("a text"), "here");
}

async fn a_file_that_is_written_while_it_is_read_ends_the_download(app: TestApp) {
    let folder = folder_of(&app, &[]);
    let size = 64 * 1024 * 1024;
    std::fs::write(folder.join("large.bin"), vec![b'a'; size]).expect("it is written");
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let shared = link(&alice, "/large.bin").await;
    let url = format!("{}{}", app.url, download_path(&shared));
    let mut answer = reqwest::get(&url).await.expect("an answer");
    let first = answer.chunk().await.expect("bytes").expect("bytes");
    assert!(first.iter().all(|byte| *byte == b'a'));
    std::fs::write(folder.join("large.bin"), vec![b'b'; size]).expect("it is written");
    let mut rest = first.len();
    let ended = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                assert!(chunk.iter().all(|byte| *byte == b'a'), "a mix of two contents");
                rest += chunk.len();
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(!ended && rest < size, "the download went on to its end");
    let again = reqwest::get(&url).await.expect("an answer").bytes().await.expect("bytes");
    assert!(again.len() == size && again.iter().all(|byte| *byte == b'b'));
}

async fn an_imported_item_is_one_like_any_other(app: TestApp) {
    let folder = folder_of(&app, &[("docs/a.txt", "0123456789"), ("docs/b.txt", "b")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let shared = link(&alice, "/docs/a.txt").await;
    let a = item(&alice, "/docs/a.txt").await["id"].as_str().expect("an id").to_owned();
    // Renamed and moved in the drive: the file stays where it is, and the next import leaves it so.
    alice.patch(&format!("/drive/items/{a}"), json!({ "name": "renamed.txt" })).await.expect(200);
    assert_eq!(imported(&app, &folder, &[])["unchanged"], 2);
    assert_eq!(tree(&alice, "").await, ["/docs", "/docs/b.txt", "/docs/renamed.txt"]);
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "0123456789");
    // A part of it.
    let request = app.anybody().request(reqwest::Method::GET, &download_path(&shared));
    let part = app.anybody().send(request.header("range", "bytes=2-4")).await.expect(206);
    assert_eq!(part.text(), "234");
    // A copy, also once the original is gone.
    let copied =
        alice.post(&format!("/drive/items/{a}/copy"), json!({ "name": "copy.txt" })).await.expect(202);
    drop(copied);
    eventually("the copy is there", async || alice.get("/drive/root:/docs/copy.txt").await.status == 200)
        .await;
    assert_eq!(content(&alice, "/docs/copy.txt").await, "0123456789");
    write(&folder, "docs/a.txt", "changed");
    assert_eq!(content(&alice, "/docs/copy.txt").await, "changed");
    assert_eq!(content(&alice, "/docs/renamed.txt").await, "changed");
    // In the recycle bin and out of it.
    alice.delete(&format!("/drive/items/{a}")).await.expect(204);
    opened(&app, &shared).await.expect(404);
    alice.post(&format!("/drive/items/{a}/restore"), json!({})).await.expect(200);
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "changed");
    // A new version is an upload's, and the file is left alone.
    alice.put(&format!("/drive/items/{a}/content"), "uploaded").await.expect(200);
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "uploaded");
    assert_eq!(std::fs::read_to_string(folder.join("docs/a.txt")).expect("a text"), "changed");
    assert_eq!(stored(&app), 1);
}

/// Lines for files of a folder.
fn lines(folder: &Path, files: &[(&str, &str)]) -> String {
    let line = |(path, file): &(&str, &str)| {
        let metadata = std::fs::metadata(folder.join(file)).expect("a file");
        let modified = chrono::DateTime::<chrono::Utc>::from(metadata.modified().expect("a time"));
        json!({ "path": path, "location": folder.join(file), "size": metadata.len(),
                "modified": modified.format("%Y-%m-%dT%H:%M:%SZ").to_string() })
        .to_string()
    };
    files.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn a_list_of_files_is_a_drive(app: TestApp) {
    let folder = folder_of(&app, &[("1f/0a", "contract"), ("1f/0b", "invoice")]);
    let list = app.data_dir().join("files.jsonl");
    let files = [("/Clients/Ann/Contract.pdf", "1f/0a"), ("/Clients/Bob/Invoice 50%41.pdf", "1f/0b")];
    std::fs::write(&list, lines(&folder, &files) + "\nnonsense\n").expect("it is written");
    let source = list.to_str().expect("UTF-8");
    let (report, told, code) = import(&app, source, &[]);
    assert_eq!((code, &report["new"]), (2, &json!(2)), "{told}");
    assert!(told.contains("line 3: "), "{told}");
    let alice = app.user("alice");
    assert_eq!(content(&alice, "/Clients/Ann/Contract.pdf").await, "contract");
    assert_eq!(content(&alice, "/Clients/Bob/Invoice%2050%252541.pdf").await, "invoice");
    assert_eq!(item(&alice, "/Clients").await["size"], 15);
    let (report, ..) = import(&app, source, &[]);
    assert_eq!((&report["new"], &report["unchanged"]), (&json!(0), &json!(2)));
    // What is not in the list any more.
    std::fs::write(&list, lines(&folder, &files[..1])).expect("it is written");
    let (report, ..) = import(&app, source, &["--delete", "--delete-at-most", "60"]);
    assert_eq!(report["deleted"], 1);
    assert_eq!(tree(&alice, "").await, ["/Clients", "/Clients/Ann", "/Clients/Ann/Contract.pdf"]);
}

async fn what_a_list_tells_wrongly_is_found_out_at_the_first_reading(app: TestApp) {
    let folder = folder_of(&app, &[("a", "twelve bytes")]);
    let list = app.data_dir().join("files.jsonl");
    let line = json!({ "path": "/a.txt", "location": folder.join("a"), "size": 5, "modified": "2020-01-02T03:04:05Z" });
    let nothing = json!({ "path": "/b.txt", "location": folder.join("b"), "size": 5, "modified": "2020-01-02T03:04:05Z" });
    std::fs::write(&list, format!("{line}\n{nothing}\n")).expect("it is written");
    let (report, ..) = import(&app, list.to_str().expect("UTF-8"), &[]);
    assert_eq!(report["new"], 2);
    let alice = app.user("alice");
    assert_eq!(content(&alice, "/a.txt").await, "twelve bytes");
    assert_eq!(item(&alice, "/a.txt").await["size"], 12);
    let shared = link(&alice, "/b.txt").await;
    app.anybody().get(&download_path(&shared)).await.expect(404);
}

async fn an_import_that_is_killed_again_and_again_ends_with_the_tree(app: TestApp) {
    let folder = folder_of(&app, &[]);
    let mut all = Vec::new();
    for number in 0..6_000 {
        let path = format!("{}/{}/{number}.txt", number % 7, number % 11);
        write(&folder, &path, &number.to_string());
        all.push(format!("/{path}"));
    }
    let arguments = ["import", folder.to_str().expect("UTF-8"), "--tenant", "contoso", "--user", "alice"];
    for round in 0..10_u64 {
        let mut command = Process::command(&app.data_dir());
        command.args(arguments).env("DATABASE_URL", &app.database.url);
        let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("it starts");
        // It is to be killed in the middle, wherever that is.
        tokio::time::sleep(std::time::Duration::from_millis(100 * round + 60)).await;
        child.kill().expect("it is killed");
        child.wait().expect("it ended");
    }
    imported(&app, &folder, &[]);
    assert_eq!(imported(&app, &folder, &[])["unchanged"], 6_000);
    let live = "SELECT count(*) FROM items WHERE kind = 'file' AND deleted_at IS NULL";
    assert_eq!(app.database.number(live).await, 6_000);
    assert_eq!(app.database.number("SELECT count(*) FROM items WHERE kind = 'folder'").await, 1 + 7 + 77);
    let alice = app.user("alice");
    let bytes: usize = (0..6_000).map(|number: usize| number.to_string().len()).sum();
    assert_eq!(item(&alice, "").await["size"], bytes);
    assert_eq!(content(&alice, &all[4321]).await, "4321");
}

async fn a_dry_run_changes_nothing(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("b.txt", "two")]);
    assert_eq!(imported(&app, &folder, &["--to", "/x", "--dry-run"])["new"], 2);
    let alice = app.user("alice");
    assert!(tree(&alice, "").await.is_empty());
    imported(&app, &folder, &[]);
    write(&folder, "a.txt", "one more");
    std::fs::remove_file(folder.join("b.txt")).expect("it is gone");
    let report = imported(&app, &folder, &["--dry-run", "--delete"]);
    assert_eq!((&report["changed"], &report["deleted"]), (&json!(1), &json!(1)));
    assert_eq!(tree(&alice, "").await, ["/a.txt", "/b.txt"]);
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 2);
}

async fn digests_are_not_told_before_they_are_known(other: TestApp) {
    let app = TestApp::start_with(other.database.kind, &["--digest-rate", "0"]).await;
    let folder = folder_of(&app, &[("a.txt", "abc"), ("gone.txt", "x")]);
    let list = app.data_dir().join("files.jsonl");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let metadata = std::fs::metadata(folder.join("a.txt")).expect("a file");
    let modified = chrono::DateTime::<chrono::Utc>::from(metadata.modified().expect("a time")).to_rfc3339();
    let line = json!({ "path": "told.txt", "location": folder.join("a.txt"), "size": 3, "modified": modified,
                       "sha256": digest });
    std::fs::write(&list, line.to_string()).expect("it is written");
    imported(&app, &folder, &[]);
    imported(&app, &list, &[]);
    std::fs::remove_file(folder.join("gone.txt")).expect("it is gone");
    let alice = app.user("alice");
    assert_eq!(item(&alice, "/a.txt").await["file"]["hashes"], json!({}));
    assert_eq!(
        item(&alice, "/told.txt").await["file"]["hashes"],
        json!({ "sha256Hash": digest.to_uppercase() })
    );
    // A server that serves computes them.
    let _server = Process::serve(&app.data_dir(), &app.database, std::process::Stdio::null());
    for path in ["/a.txt", "/told.txt"] {
        eventually("the digests are known", async || {
            let hashes = &item(&alice, path).await["file"]["hashes"];
            hashes["sha256Hash"] == digest.to_uppercase()
                && hashes["sha1Hash"] == "A9993E364706816ABA3E25717850C26C9CD0D89D"
                && hashes["quickXorHash"].is_string()
        })
        .await;
    }
    // Another content has other digests, and none until they are known.
    write(&folder, "a.txt", "abcd");
    let hashes = item(&alice, "/a.txt").await["file"]["hashes"].clone();
    assert_ne!(hashes["sha256Hash"], digest.to_uppercase());
}

async fn verify_knows_what_is_outside(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("b.txt", "two"), ("c.txt", "three")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    alice.upload("/own.txt", "in the store").await;
    let verify = || {
        let output = Process::ask(&app, &["verify", "--json"]);
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    assert_eq!(verify()["findings"], json!([]));
    // What was changed is another version for whoever looks, and what went before it is nobody's loss.
    write(&folder, "a.txt", "one more");
    assert_eq!(verify()["findings"], json!([]));
    assert_eq!(content(&alice, "/a.txt").await, "one more");
    std::fs::remove_file(folder.join("b.txt")).expect("it is gone");
    let found = verify();
    assert_eq!(found["findings"].as_array().expect("findings").len(), 1, "{found}");
    assert_eq!(found["findings"][0]["flaw"], "missing");
    // Other bytes that look the same from the outside.
    app.database.run("UPDATE versions SET sha256_hash = 'AA' WHERE size = 5").await;
    let found = verify();
    let flaws: Vec<&Value> =
        found["findings"].as_array().expect("findings").iter().map(|f| &f["flaw"]).collect();
    assert!(flaws.contains(&&json!("damaged")) && flaws.len() == 2, "{found}");
}

async fn a_folder_as_an_archive_has_what_its_files_are_now(app: TestApp) {
    let folder = folder_of(&app, &[("box/a.txt", "one"), ("box/in/b.txt", "two"), ("box/in/c.txt", "three")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let shared = link(&alice, "/box").await;
    write(&folder, "box/a.txt", "one, changed");
    std::fs::remove_file(folder.join("box/in/b.txt")).expect("it is gone");
    let archive = app.anybody().get(&download_path(&shared).replace("/download?", "/zip?")).await.expect(200);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive.body.to_vec())).expect("an archive");
    let mut files = std::collections::BTreeMap::new();
    for at in 0..archive.len() {
        let file = archive.by_index(at).expect("a file");
        if file.is_file() {
            let name = file.name().expect("UTF-8").into_owned();
            files.insert(name, std::io::read_to_string(file).expect("a text"));
        }
    }
    let expected = [("a.txt", "one, changed"), ("in/c.txt", "three")];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(files, expected.into());
}

async fn a_version_that_is_gone_is_not_restored(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    write(&folder, "a.txt", "two!");
    assert_eq!(content(&alice, "/a.txt").await, "two!");
    alice.put("/drive/root:/a.txt:/content", "uploaded").await.expect(200);
    let id = item(&alice, "/a.txt").await["id"].as_str().expect("an id").to_owned();
    let restore = |version: i64| format!("/drive/items/{id}/versions/{version}/restoreVersion");
    alice.post(&restore(1), json!({})).await.expect_error(404, "itemNotFound");
    assert_eq!(content(&alice, "/a.txt").await, "uploaded");
    alice.post(&restore(2), json!({})).await.expect(204);
    assert_eq!(content(&alice, "/a.txt").await, "two!");
}

/// An import that goes on; ends with the test.
struct Watching(std::process::Child);

impl Watching {
    fn start(app: &TestApp, folder: &Path, more: &[&str]) -> Self {
        let mut command = Process::command(&app.data_dir());
        command.args([
            "import",
            folder.to_str().expect("UTF-8"),
            "--tenant",
            "contoso",
            "--user",
            "alice",
            "--watch",
        ]);
        command.args(more).args(["--database-url", &app.database.url, "--data-dir"]).arg(app.data_dir());
        let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let mut lines = std::io::BufReader::new(child.stderr.take().expect("standard error"));
        let mut line = String::new();
        while !line.contains("Following") {
            line.clear();
            let read = std::io::BufRead::read_line(&mut lines, &mut line).expect("a line");
            assert!(read > 0, "it ended");
        }
        // Somebody has to read on.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let mut out = child.stdout.take().expect("standard output");
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self(child)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn what_happens_in_a_folder_that_is_watched_is_followed(app: TestApp) {
    let folder =
        folder_of(&app, &[("a.txt", "one"), ("box/b.txt", "two"), ("box/in/c.txt", "three"), ("d.txt", "4")]);
    let _watching = Watching::start(&app, &folder, &[]);
    let alice = app.user("alice");
    assert_eq!(tree(&alice, "").await.len(), 6);
    let (moved, inside) = (link(&alice, "/a.txt").await, link(&alice, "/box/in/c.txt").await);
    let shared_folder = link(&alice, "/box").await;
    write(&folder, "new/er/e.txt", "a new one");
    std::fs::rename(folder.join("a.txt"), folder.join("new/f.txt")).expect("it is moved");
    std::fs::rename(folder.join("box"), folder.join("new/chest")).expect("it is moved");
    std::fs::remove_file(folder.join("d.txt")).expect("it is gone");
    let all = [
        "/d.txt",
        "/new",
        "/new/chest",
        "/new/chest/b.txt",
        "/new/chest/in",
        "/new/chest/in/c.txt",
        "/new/er",
        "/new/er/e.txt",
        "/new/f.txt",
    ];
    eventually("the drive is as the folder is", async || tree(&alice, "").await == all).await;
    assert_eq!(opened(&app, &moved).await.expect(200).json()["name"], "f.txt");
    assert_eq!(opened(&app, &shared_folder).await.expect(200).json()["name"], "chest");
    assert_eq!(app.anybody().get(&download_path(&inside)).await.expect(200).text(), "three");
    let missing = "SELECT missing FROM admin_imports";
    eventually("what is gone is missing", async || app.database.number(missing).await == 1).await;
    // A change without anybody's reading it.
    write(&folder, "new/er/e.txt", "another text");
    let sizes = "SELECT count(*) FROM items WHERE size = 12 AND kind = 'file'";
    eventually("the change is known", async || app.database.number(sizes).await == 1).await;
    write(&folder, "d.txt", "4");
    eventually("it is back", async || app.database.number(missing).await == 0).await;
}

async fn what_is_taken_away_from_a_folder_that_is_watched_is_deleted_where_that_is_asked_for(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("box/b.txt", "two"), ("box/in/c.txt", "three")]);
    let _watching = Watching::start(&app, &folder, &["--delete"]);
    let alice = app.user("alice");
    let shared = link(&alice, "/box/in/c.txt").await;
    let away = app.data_dir().join("away");
    std::fs::rename(folder.join("box"), &away).expect("it is moved");
    eventually("it is deleted", async || tree(&alice, "").await == ["/a.txt"]).await;
    opened(&app, &shared).await.expect(404);
    std::fs::rename(&away, folder.join("box")).expect("it is moved");
    eventually("it is back", async || tree(&alice, "").await.len() == 5).await;
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "three");
}

async fn an_object_of_a_bucket_is_what_it_is_now(app: TestApp) {
    let s3 = crate::s3::start_s3(&app.data_dir());
    let variables = crate::s3::variables(&s3);
    let objects = app.data_dir().join("s3/links/team/files");
    for (key, text) in [("a.txt", "0123456789"), ("deep/b%41:c.txt", "two"), ("deep/d.txt", "three")] {
        crate::s3::put(&s3, &format!("team/files/{key}"), text).await;
    }
    assert!(objects.exists());
    let server =
        Process::serve_with(&app.data_dir(), &app.database, std::process::Stdio::null(), |command| {
            command.envs(variables.clone());
        });
    let import = |more: &[&str]| {
        let output = Process::command(&app.data_dir())
            .args(["import", "s3://links/team/files/", "--tenant", "contoso", "--user", "alice", "--json"])
            .args(more)
            .args(["--database-url", &app.database.url, "--data-dir"])
            .arg(app.data_dir())
            .envs(variables.clone())
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    assert_eq!(import(&[])["new"], 3);
    assert_eq!(import(&[])["unchanged"], 3);
    let alice = server.user(&app.user("alice"));
    assert_eq!(tree(&alice, "").await, ["/a.txt", "/deep", "/deep/b%2541%3Ac.txt", "/deep/d.txt"]);
    assert_eq!(content(&alice, "/deep/b%252541%253Ac.txt").await, "two");
    let shared = link(&alice, "/a.txt").await;
    let part = alice.request(reqwest::Method::GET, &download_path(&shared)).header("range", "bytes=2-4");
    assert_eq!(alice.send(part).await.expect(206).text(), "234");
    crate::s3::put(&s3, "team/files/a.txt", "ABCDEFGHIJ").await;
    assert_eq!(alice.get(&download_path(&shared)).await.expect(200).text(), "ABCDEFGHIJ");
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 4);
    crate::s3::delete(&s3, "team/files/a.txt").await;
    alice.get(&download_path(&shared)).await.expect(404);
    assert_eq!(app.database.number("SELECT missing FROM admin_imports").await, 1);
    crate::s3::put(&s3, "team/files/a.txt", "back").await;
    assert_eq!(alice.get(&download_path(&shared)).await.expect(200).text(), "back");
    crate::s3::delete(&s3, "team/files/deep/d.txt").await;
    assert_eq!(import(&["--delete", "--delete-at-most", "50"])["deleted"], 1);
    assert_eq!(stored(&app), 0);
}

async fn what_is_uploaded_is_written_to_a_folder_that_is_written_to(app: TestApp) {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder_of(&app, &[("a.txt", "one"), ("box/b.txt", "two")]);
    let mode =
        |path: &str| std::fs::metadata(folder.join(path)).expect("a file").permissions().mode() & 0o777;
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap_or_default();
    std::fs::set_permissions(folder.join("a.txt"), PermissionsExt::from_mode(0o640)).expect("it is set");
    std::fs::set_permissions(folder.join("box"), PermissionsExt::from_mode(0o755)).expect("it is set");
    imported(&app, &folder, &["--to", "/NAS", "--write-through"]);
    // A server that starts knows of it at once.
    let server = app.second().await;
    let (alice, uploaded) = (server.user("alice"), "uploaded");
    let shared = link(&alice, "/NAS/a.txt").await;
    alice.put("/drive/root:/NAS/a.txt:/content", uploaded).await.expect(200);
    eventually("it is written", async || read("a.txt") == uploaded).await;
    assert_eq!(mode("a.txt"), 0o640);
    // From then on at once.
    let sent = alice.put("/drive/root:/NAS/box/new/er/c.txt:/content", "three").await.expect(201).json();
    assert_eq!(read("box/new/er/c.txt"), "three");
    assert_eq!((mode("box/new/er/c.txt"), mode("box/new")), (0o644, 0o755));
    // To whoever sent it, it is what it was when it was answered.
    assert_eq!(item(&alice, "/NAS/box/new/er/c.txt").await["eTag"], sent["eTag"]);
    let hashes = item(&alice, "/NAS/box/new/er/c.txt").await["file"]["hashes"].clone();
    assert!(hashes["sha256Hash"].is_string());
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), uploaded);
    // What others write there is what links open, as ever.
    write(&folder, "a.txt", "by others");
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "by others");
    // In ranges, too.
    let session =
        alice.post("/drive/root:/NAS/large.bin:/createUploadSession", json!({})).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL").trim_start_matches(alice.url()).to_owned();
    let bytes = vec![b'x'; 400_000];
    for (range, body) in [("0-327679", &bytes[..327_680]), ("327680-399999", &bytes[327_680..])] {
        let put = alice
            .request(reqwest::Method::PUT, &url)
            .header("content-range", format!("bytes {range}/400000"));
        assert!(alice.send(put.body(body.to_vec())).await.status.is_success());
    }
    assert_eq!(std::fs::read(folder.join("large.bin")).expect("bytes"), bytes);
    // Beside the folder all is as ever.
    alice.put("/drive/root:/beside.txt:/content", "mine").await.expect(201);
    assert!(!folder.join("beside.txt").exists());
    assert_eq!(imported(&app, &folder, &["--to", "/NAS", "--write-through"])["unchanged"], 4);
    // What was there for a moment in the store is due to go.
    let named = "SELECT count(*) FROM versions v WHERE NOT EXISTS (SELECT 1 FROM outside_content o
                 WHERE o.content_key = v.content_key)";
    assert_eq!(app.database.number(named).await, 1);
    let left: Vec<String> = walkdir::WalkDir::new(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // What could not be written at first is written later, in a folder that the import has not seen yet, too.
    write(&folder, "in-the-way", "a file");
    alice.put("/drive/root:/NAS/in-the-way/late.txt:/content", "late").await.expect(201);
    assert!(!folder.join("in-the-way/late.txt").exists());
    std::fs::remove_file(folder.join("in-the-way")).expect("it is gone");
    // What was put in its place when the database could not be told is taken for what it is, and nothing else is.
    write(&folder, "known.txt", "put there");
    write(&folder, "other.txt", "not theirs");
    // A file of another item is not, though its bytes are the same.
    alice.patch("/drive/root:/NAS/box/b.txt", json!({ "name": "renamed.txt" })).await.expect(200);
    alice.put("/drive/root:/NAS/box/b.txt:/content", "two").await.expect(201);
    alice.put("/drive/root:/NAS/known.txt:/content", "put there").await.expect(201);
    alice.put("/drive/root:/NAS/other.txt:/content", "of alice's").await.expect(201);
    let _other = app.second().await;
    eventually("it is written", async || read("in-the-way/late.txt") == "late").await;
    assert_eq!(content(&alice, "/NAS/in-the-way/late.txt").await, "late");
    write(&folder, "known.txt", "changed since");
    assert_eq!(content(&alice, "/NAS/known.txt").await, "changed since");
    assert_eq!(
        (read("other.txt").as_str(), content(&alice, "/NAS/other.txt").await.as_str()),
        ("not theirs", "of alice's")
    );
    alice.put("/drive/root:/NAS/box/b.txt:/content", "two and more").await.expect(200);
    assert_eq!(content(&alice, "/NAS/box/renamed.txt").await, "two");
    // A link out of the folder is not followed.
    std::os::unix::fs::symlink(app.data_dir(), folder.join("out")).expect("a link");
    alice.put("/drive/root:/NAS/out/evil.txt:/content", "evil").await.expect(201);
    assert_eq!(content(&alice, "/NAS/out/evil.txt").await, "evil");
    assert!(!app.data_dir().join("evil.txt").exists());
}

async fn files_that_took_each_others_names_are_told_apart(app: TestApp) {
    let folder =
        folder_of(&app, &[("1.log", "one"), ("2.log", "two"), ("3.log", "three"), ("z", "last"), ("y", "y")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let links = [link(&alice, "/1.log").await, link(&alice, "/2.log").await, link(&alice, "/3.log").await];
    alice.delete("/drive/root:/y").await.expect(204);
    let last = link(&alice, "/z").await;
    // As logs are rotated, and onto the name of what was deleted.
    for (from, to) in [("3.log", "4.log"), ("2.log", "3.log"), ("1.log", "2.log"), ("z", "y")] {
        std::fs::rename(folder.join(from), folder.join(to)).expect("it is moved");
    }
    write(&folder, "1.log", "new");
    let report = imported(&app, &folder, &["--delete"]);
    assert_eq!(
        [&report["moved"], &report["new"], &report["deleted"]],
        [&json!(4), &json!(1), &json!(0)],
        "{report}"
    );
    for (link, name, text) in [
        (&links[0], "2.log", "one"),
        (&links[1], "3.log", "two"),
        (&links[2], "4.log", "three"),
        (&last, "y", "last"),
    ] {
        assert_eq!(opened(&app, link).await.expect(200).json()["name"], name);
        assert_eq!(app.anybody().get(&download_path(link)).await.expect(200).text(), text);
    }
    assert_eq!(tree(&alice, "").await, ["/1.log", "/2.log", "/3.log", "/4.log", "/y"]);
    assert_eq!(imported(&app, &folder, &["--delete"])["unchanged"], 5);
    // What replaces another by its name is that one's next content, as editors write.
    std::fs::rename(folder.join("1.log"), folder.join("2.log")).expect("it is moved");
    imported(&app, &folder, &[]);
    assert_eq!(app.anybody().get(&download_path(&links[0])).await.expect(200).text(), "new");
    // Two that took each other's names are two that changed.
    std::fs::rename(folder.join("3.log"), folder.join("x")).expect("it is moved");
    std::fs::rename(folder.join("4.log"), folder.join("3.log")).expect("it is moved");
    std::fs::rename(folder.join("x"), folder.join("4.log")).expect("it is moved");
    imported(&app, &folder, &[]);
    assert_eq!(content(&alice, "/3.log").await, "three");
    assert_eq!(content(&alice, "/4.log").await, "two");
    assert_eq!(imported(&app, &folder, &[])["new"], 0);
}

async fn no_name_leads_an_upload_out_of_the_folder(app: TestApp) {
    let folder = folder_of(&app, &[("box/a.txt", "one")]);
    imported(&app, &folder, &["--to", "/NAS", "--write-through"]);
    let server = app.second().await;
    let alice = server.user("alice");
    // So that it is known to be written to.
    alice.put("/drive/root:/NAS/box/first.txt:/content", "first").await.expect(201);
    eventually("uploads are written", async || {
        folder.join("box/first.txt").exists() || {
            alice.put("/drive/root:/NAS/box/first.txt:/content", "first").await.expect(200);
            false
        }
    })
    .await;
    let before =
        walkdir::WalkDir::new(app.data_dir()).into_iter().flatten().map(|entry| entry.path().to_owned());
    let before: std::collections::BTreeSet<PathBuf> =
        before.filter(|path| !path.starts_with(&folder)).collect();
    std::os::unix::fs::symlink(app.data_dir(), folder.join("box/out")).expect("a link");
    for path in [
        "%252E%252E%252Fup.txt",
        "%252E%252E/up.txt",
        "%252E%252E%252F%252E%252E%252Fevil/x",
        "out/new/x",
        "%252Ftmp%252Feverlink-evil/x",
    ] {
        let sent = alice.put(&format!("/drive/root:/NAS/box/{path}:/content"), "evil").await;
        assert!(sent.status.is_success(), "{path}: {}", sent.text());
        assert_eq!(content(&alice, &format!("/NAS/box/{path}")).await, "evil");
    }
    assert!(!folder.join("up.txt").exists() && !Path::new("/tmp/everlink-evil").exists());
    assert_eq!(std::fs::read_to_string(folder.join("box/%2E%2E%2Fup.txt")).expect("a text"), "evil");
    let after =
        walkdir::WalkDir::new(app.data_dir()).into_iter().flatten().map(|entry| entry.path().to_owned());
    let is_new = |path: &PathBuf| {
        let is_content = path.components().any(|part| part.as_os_str() == "content");
        !path.starts_with(&folder) && !before.contains(path) && !is_content
    };
    let new: Vec<PathBuf> = after.filter(is_new).collect();
    assert!(
        new.iter().all(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".db"))),
        "{new:?}"
    );
}

async fn a_copy_does_not_take_the_file_from_its_original(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("b.txt", "two")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let shared = link(&alice, "/a.txt").await;
    let a = item(&alice, "/a.txt").await["id"].as_str().expect("an id").to_owned();
    alice.post(&format!("/drive/items/{a}/copy"), json!({ "name": "copy.txt" })).await.expect(202);
    eventually("the copy is there", async || alice.get("/drive/root:/copy.txt").await.status == 200).await;
    write(&folder, "a.txt", "changed");
    assert_eq!(content(&alice, "/copy.txt").await, "changed");
    std::fs::create_dir(folder.join("box")).expect("a folder");
    std::fs::rename(folder.join("a.txt"), folder.join("box/moved.txt")).expect("it is moved");
    assert_eq!(imported(&app, &folder, &["--delete"])["moved"], 1);
    assert_eq!(tree(&alice, "").await, ["/b.txt", "/box", "/box/moved.txt", "/copy.txt"]);
    assert_eq!(opened(&app, &shared).await.expect(200).json()["name"], "moved.txt");
    assert_eq!(app.anybody().get(&download_path(&shared)).await.expect(200).text(), "changed");
    assert_eq!(content(&alice, "/copy.txt").await, "changed");
    assert_eq!(imported(&app, &folder, &["--delete"])["unchanged"], 2);
}

async fn what_differs_in_case_alone_is_renamed(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("Photos/b.txt", "two")]);
    imported(&app, &folder, &[]);
    std::fs::rename(folder.join("a.txt"), folder.join("A.txt")).expect("it is moved");
    std::fs::rename(folder.join("Photos"), folder.join("photos")).expect("it is moved");
    let report = imported(&app, &folder, &["--delete"]);
    assert_eq!(
        (&report["moved"], &report["new"], &report["deleted"]),
        (&json!(1), &json!(0), &json!(0)),
        "{report}"
    );
    assert_eq!(tree(&app.user("alice"), "").await, ["/A.txt", "/photos", "/photos/b.txt"]);
}

async fn what_can_not_be_looked_at_is_not_taken_for_gone(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("b.txt", "two")]);
    let list = app.data_dir().join("files.jsonl");
    let files = [("/a.txt", "a.txt"), ("/b.txt", "b.txt")];
    std::fs::write(&list, lines(&folder, &files)).expect("it is written");
    imported(&app, &list, &[]);
    // Which file the second line is of is not known.
    std::fs::write(&list, lines(&folder, &files[..1]) + "\n{\"path\": \"/b.txt\"}\n").expect("it is written");
    let more = ["--delete", "--delete-at-most", "100"];
    let (report, _, code) = import(&app, list.to_str().expect("UTF-8"), &more);
    assert_eq!((code, &report["deleted"]), (2, &json!(0)));
    // A line that is there twice is told, and does no harm.
    std::fs::write(&list, [lines(&folder, &files), lines(&folder, &files)].join("\n"))
        .expect("it is written");
    let (report, told, code) = import(&app, list.to_str().expect("UTF-8"), &more);
    assert_eq!((code, &report["unchanged"]), (2, &json!(2)));
    assert!(told.contains("a.txt: it is there twice"), "{told}");
    // Without being told to delete, an import tells what is missing.
    std::fs::write(&list, lines(&folder, &files[..1])).expect("it is written");
    assert_eq!(imported(&app, &list, &[])["missing"], 1);
    assert_eq!(app.database.number("SELECT missing FROM admin_imports").await, 1);
}

async fn links_in_a_folder_that_is_watched_are_not_followed(app: TestApp) {
    let folder = folder_of(&app, &[("a.txt", "one"), ("box/b.txt", "two")]);
    let outside = app.data_dir().join("outside");
    write(&outside, "secret.txt", "secret");
    std::os::unix::fs::symlink(&outside, folder.join("link")).expect("a link");
    std::os::unix::fs::symlink(folder.join("box"), folder.join("within")).expect("a link");
    let _watching = Watching::start(&app, &folder, &[]);
    write(&outside, "more.txt", "more");
    write(&outside, "in/more.txt", "more");
    write(&folder, "box/c.txt", "three");
    std::os::unix::fs::symlink(&outside, folder.join("later")).expect("a link");
    write(&folder, "last.txt", "last");
    let alice = app.user("alice");
    let all = ["/a.txt", "/box", "/box/b.txt", "/box/c.txt", "/last.txt"];
    eventually("the drive is as the folder is", async || tree(&alice, "").await == all).await;
}

async fn what_several_bring_into_a_folder_is_in_it_together(app: TestApp) {
    let alice = app.user("alice");
    alice.put("/drive/root:/docs/mine.txt:/content", "mine").await.expect(201);
    let first =
        folder_of(&app, &[("docs/one.txt", "one"), ("docs/both.txt", "of the first"), ("a/x.txt", "x")]);
    let second = app.data_dir().join("second");
    // To a drive both of these are one name.
    let files =
        [("docs/two.txt", "two"), ("docs/both.txt", "of the second"), ("a/y.txt", "y"), ("A/z.txt", "z")];
    files.iter().for_each(|(path, text)| write(&second, path, text));
    imported(&app, &first, &[]);
    imported(&app, &second, &[]);
    let all = [
        "/%61",
        "/%61/z.txt",
        "/a",
        "/a/x.txt",
        "/a/y.txt",
        "/docs",
        "/docs/%62oth.txt",
        "/docs/both.txt",
        "/docs/mine.txt",
        "/docs/one.txt",
        "/docs/two.txt",
    ];
    // Which of two came first is the file system's choice.
    let by_number =
        |path: &String| path.replace("/a/z", "/%61/z").replace("/%61/y", "/a/y").replace("/%41", "/%61");
    let mut found: Vec<String> = tree(&alice, "").await.iter().map(by_number).collect();
    found.sort();
    assert_eq!(found, all);
    assert_eq!(content(&alice, "/docs/both.txt").await, "of the first");
    assert_eq!(content(&alice, "/docs/%2562oth.txt").await, "of the second");
    // Nothing of it is found again.
    for folder in [&first, &second] {
        let report = imported(&app, folder, &["--delete"]);
        assert_eq!([&report["new"], &report["moved"], &report["deleted"]], [&json!(0), &json!(0), &json!(0)]);
    }
    // A folder goes with the last that is in it.
    std::fs::remove_dir_all(second.join("docs")).expect("it is gone");
    imported(&app, &second, &["--delete", "--delete-at-most", "60"]);
    let left = tree(&alice, "/docs").await;
    assert_eq!(left, ["/docs/both.txt", "/docs/mine.txt", "/docs/one.txt"]);
    // What one of them moves or loses, the other keeps.
    write(&second, "docs/again.txt", "again");
    imported(&app, &second, &[]);
    std::fs::rename(first.join("docs"), first.join("papers")).expect("it is moved");
    let report = imported(&app, &first, &["--delete"]);
    assert_eq!([&report["new"], &report["moved"], &report["deleted"]], [&json!(0), &json!(2), &json!(0)]);
    assert_eq!(tree(&alice, "/docs").await, ["/docs/again.txt", "/docs/mine.txt"]);
    assert_eq!(tree(&alice, "/papers").await, ["/papers/both.txt", "/papers/one.txt"]);
    std::fs::remove_file(second.join("docs/again.txt")).expect("it is gone");
    alice.delete("/drive/root:/docs/mine.txt").await.expect(204);
    imported(&app, &second, &["--delete", "--delete-at-most", "60"]);
    write(&second, "docs/more.txt", "more");
    assert_eq!(imported(&app, &second, &[])["new"], 1);
    assert_eq!(content(&alice, "/docs/more.txt").await, "more");
}

/// What is moved while an import looks for it may be found nowhere: then it is in the recycle bin until the next one.
async fn what_was_not_found_on_its_way_comes_back_at_its_new_path(app: TestApp) {
    let folder = folder_of(&app, &[("keep.txt", "1"), ("a.txt", "moved"), ("docs/b.txt", "in a folder")]);
    imported(&app, &folder, &[]);
    let alice = app.user("alice");
    let file = link(&alice, "/a.txt").await;
    let inner = link(&alice, "/docs/b.txt").await;
    let shared = link(&alice, "/docs").await;
    let away = app.data_dir().join("away");
    std::fs::create_dir(&away).expect("a folder");
    for name in ["a.txt", "docs"] {
        std::fs::rename(folder.join(name), away.join(name)).expect("it is moved");
    }
    assert_eq!(imported(&app, &folder, &["--delete", "--delete-at-most", "100"])["deleted"], 2);
    opened(&app, &shared).await.expect(404);
    std::fs::create_dir(folder.join("new")).expect("a folder");
    std::fs::rename(away.join("a.txt"), folder.join("new/renamed.txt")).expect("it is moved");
    std::fs::rename(away.join("docs"), folder.join("new/papers")).expect("it is moved");
    write(&folder, "new/papers/c.txt", "another");
    let report = imported(&app, &folder, &["--delete"]);
    assert_eq!((&report["new"], &report["deleted"]), (&json!(1), &json!(0)), "{report}");
    let all =
        ["/keep.txt", "/new", "/new/papers", "/new/papers/b.txt", "/new/papers/c.txt", "/new/renamed.txt"];
    assert_eq!(tree(&alice, "").await, all);
    let papers = item(&alice, "/new/papers").await;
    assert_eq!((&papers["size"], &papers["folder"]["childCount"]), (&json!(18), &json!(2)));
    assert_eq!(item(&alice, "").await["size"], 1 + 5 + 18);
    assert_eq!(app.anybody().get(&download_path(&file)).await.expect(200).text(), "moved");
    assert_eq!(app.anybody().get(&download_path(&inner)).await.expect(200).text(), "in a folder");
    assert_eq!(opened(&app, &shared).await.expect(200).json()["name"], "papers");
    // What its owner put there afterwards is not the import's to take out.
    alice.delete("/drive/root:/new/renamed.txt").await.expect(204);
    std::fs::rename(folder.join("new/renamed.txt"), folder.join("again.txt")).expect("it is moved");
    assert_eq!(imported(&app, &folder, &["--delete"])["deleted"], 0);
    alice.get("/drive/root:/new/renamed.txt").await.expect(404);
    opened(&app, &file).await.expect(404);
    // Nor is what its owner took out of it the import's from then on.
    let away = app.data_dir().join("keep.txt");
    let kept = item(&alice, "/keep.txt").await["id"].as_str().expect("an id").to_owned();
    std::fs::rename(folder.join("keep.txt"), &away).expect("it is moved");
    assert_eq!(imported(&app, &folder, &["--delete", "--delete-at-most", "100"])["deleted"], 1);
    alice.post(&format!("/drive/items/{kept}/restore"), json!({})).await.expect(200);
    std::fs::rename(&away, folder.join("new/kept.txt")).expect("it is moved");
    let report = imported(&app, &folder, &["--delete"]);
    assert_eq!((&report["moved"], &report["new"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!(item(&alice, "/new/kept.txt").await["id"], kept);
}

/// A first import looks nothing up: there is nothing yet. What comes twice in it is noticed all the same.
async fn a_line_that_comes_again_much_later_is_what_the_file_is_now(app: TestApp) {
    let folder = folder_of(&app, &[("old", "old"), ("new", "newer"), ("x", "x")]);
    let list = app.data_dir().join("files.jsonl");
    let mut files: Vec<(String, &str)> = (0..4_500).map(|n| (format!("/{}/{n}.txt", n % 9), "x")).collect();
    files[0].1 = "old";
    files[4_100] = (files[0].0.clone(), "new");
    let of = |(path, file): &(String, &'static str)| lines(&folder, &[(path.as_str(), *file)]);
    std::fs::write(&list, files.iter().map(of).collect::<Vec<_>>().join("\n")).expect("it is written");
    let report = imported(&app, &list, &[]);
    assert_eq!((&report["new"], &report["changed"]), (&json!(4_499), &json!(1)), "{report}");
    let alice = app.user("alice");
    assert_eq!(content(&alice, "/0/0.txt").await, "newer");
    assert_eq!(app.database.number("SELECT count(*) FROM items WHERE kind = 'file'").await, 4_499);
    let report = imported(&app, &list, &[]);
    assert_eq!((&report["new"], &report["missing"]), (&json!(0), &json!(0)), "{report}");
}
