//! Files that are uploaded in ranges.

use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::Digest;

use crate::support::{Answer, Process, TestApp, User, download_path, eventually, on_each_database};

on_each_database!(
    a_file_that_comes_in_ranges_is_there_with_its_last_one,
    a_range_that_is_wrong_is_refused_and_the_session_goes_on,
    a_session_survives_a_kill_between_two_ranges,
    what_came_in_ranges_is_read_as_one_file_and_goes_as_one,
    a_session_of_an_older_version_goes_on,
    three_hundred_megabytes_pass_through_a_little_memory,
    a_taken_name_is_handled_as_the_session_was_asked,
    a_session_ends_when_it_is_cancelled_or_expires,
    a_last_range_that_is_sent_many_times_at_once_is_joined_once,
    a_session_needs_no_token_and_no_other_url_opens_it,
    an_edit_link_uploads_in_ranges_too,
    what_a_session_can_not_do_is_refused,
);

async fn begin(user: &User, address: &str, body: Value) -> String {
    let session = user.post(&format!("{address}/createUploadSession"), body).await.expect(200).json();
    assert_eq!(session["nextExpectedRanges"], json!(["0-"]));
    assert!(session["expirationDateTime"].as_str().expect("a time").ends_with('Z'));
    session["uploadUrl"].as_str().expect("a URL").to_owned()
}

async fn put(user: &User, url: &str, range: &str, body: &[u8]) -> Answer {
    let request = user.request(Method::PUT, url).header("content-range", range).body(body.to_vec());
    user.send(request).await
}

fn bytes(length: u32) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

async fn read(user: &User, item: &Value) -> Vec<u8> {
    user.get(item["@microsoft.graph.downloadUrl"].as_str().expect("a URL")).await.expect(200).body
}

async fn a_file_that_comes_in_ranges_is_there_with_its_last_one(app: TestApp) {
    let alice = app.user("alice");
    let anybody = app.anybody();
    let whole = bytes(1_000_000);
    let url = begin(&alice, "/drive/root:/a/b.bin:", json!({})).await;
    let first = put(&anybody, &url, "bytes 0-327679/1000000", &whole[..327_680]).await.expect(202).json();
    assert_eq!(first["nextExpectedRanges"], json!(["327680-999999"]));
    alice.get("/drive/root:/a/b.bin").await.expect(404);
    let status = anybody.get(&url).await.expect(200).json();
    assert_eq!(status["nextExpectedRanges"], json!(["327680-999999"]));
    put(&anybody, &url, "bytes 327680-655359/1000000", &whole[327_680..655_360]).await.expect(202);
    let item = put(&anybody, &url, "bytes 655360-999999/1000000", &whole[655_360..]).await.expect(201).json();
    assert_eq!((&item["name"], &item["size"]), (&json!("b.bin"), &json!(1_000_000)));
    assert!(read(&alice, &item).await == whole);
    anybody.get(&url).await.expect_error(404, "itemNotFound");
    // A client that missed the last answer gets it again, and nothing is made twice.
    let again =
        put(&anybody, &url, "bytes 655360-999999/1000000", &whole[655_360..]).await.expect(201).json();
    assert_eq!((&again["id"], &again["cTag"]), (&item["id"], &item["cTag"]));
    put(&anybody, &url, "bytes 0-327679/1000000", &whole[..327_680]).await.expect(404);
    // The next one makes a new version, which links open.
    let link = alice.link(item["id"].as_str().expect("an id"), "view").await;
    let id = item["id"].as_str().expect("an id");
    for address in ["/drive/root:/a/b.bin:".to_owned(), format!("/drive/items/{id}")] {
        let url = begin(
            &alice,
            &address,
            json!({ "item": { "name": "b.bin", "@microsoft.graph.conflictBehavior": "replace" } }),
        )
        .await;
        let replaced = put(&anybody, &url, "bytes 0-4/5", b"hello").await.expect(200).json();
        assert_eq!(replaced["id"], item["id"]);
        assert_eq!(anybody.open(&link).await.expect(200).text(), "hello");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM upload_ranges").await, 0);
}

async fn a_range_that_is_wrong_is_refused_and_the_session_goes_on(app: TestApp) {
    let alice = app.user("alice");
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    put(&alice, &url, "bytes 0-3/10", b"0123").await.expect(202);
    let inner =
        |answer: Answer| answer.json()["error"]["innerError"]["code"].as_str().unwrap_or_default().to_owned();
    let overlap = put(&alice, &url, "bytes 0-3/10", b"0123").await.expect_error(416, "invalidRange");
    assert_eq!(inner(overlap), "fragmentOverlap");
    let gap = put(&alice, &url, "bytes 6-9/10", b"6789").await.expect_error(416, "invalidRange");
    assert_eq!(inner(gap), "fragmentOutOfOrder");
    for (range, body) in [
        ("bytes 4-7/11", &b"4567"[..]),
        ("bytes 4-7/10", b"456"),
        ("bytes 4-7/10", b"45678"),
        ("bytes 4-9/10", b"45678"),
    ] {
        let answer = put(&alice, &url, range, body).await.expect_error(400, "invalidRequest");
        assert_eq!(inner(answer), "fragmentLengthMismatch", "{range}");
    }
    for range in ["", "nonsense", "bytes 4-7", "bytes 7-4/10", "bytes 4-10/10", "bytes */10"] {
        put(&alice, &url, range, b"4567").await.expect_error(400, "invalidRequest");
    }
    put(&alice, &url, "bytes 4-99999999/100000000", b"").await.expect_error(400, "invalidRequest");
    assert_eq!(alice.get(&url).await.expect(200).json()["nextExpectedRanges"], json!(["4-9"]));
    let item = put(&alice, &url, "bytes 4-9/10", b"456789").await.expect(201).json();
    assert_eq!(read(&alice, &item).await, b"0123456789");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
}

async fn a_session_survives_a_kill_between_two_ranges(app: TestApp) {
    let whole = bytes(2_000_000);
    let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let alice = process.user(&app.user("alice"));
    let url = begin(&alice, "/drive/root:/b.bin:", json!({})).await;
    put(&alice, &url, "bytes 0-999999/2000000", &whole[..1_000_000]).await.expect(202);
    process.kill();
    let process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let alice = process.user(&app.user("alice"));
    let path = &url[url.find("/upload/").expect("its path")..];
    assert_eq!(alice.get(path).await.expect(200).json()["nextExpectedRanges"], json!(["1000000-1999999"]));
    let item =
        put(&alice, path, "bytes 1000000-1999999/2000000", &whole[1_000_000..]).await.expect(201).json();
    assert!(read(&alice, &item).await == whole);
}

async fn what_came_in_ranges_is_read_as_one_file_and_goes_as_one(app: TestApp) {
    let alice = app.user("alice");
    let whole = bytes(300_000);
    let url = begin(&alice, "/drive/root:/b.bin:", json!({})).await;
    let mut item = Value::Null;
    for first in (0..300_000).step_by(100_000) {
        let range = format!("bytes {first}-{}/300000", first + 99_999);
        item = put(&alice, &url, &range, &whole[first..first + 100_000]).await.json();
    }
    let id = item["id"].as_str().expect("an id");
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    assert_eq!(item["file"]["hashes"]["sha256Hash"], hex(&sha2::Sha256::digest(&whole)));
    let content = app.data_dir().join("content").join(id.split_once('!').expect("an id").0);
    let files = || std::fs::read_dir(&content).expect("a folder").count();
    assert_eq!(files(), 3, "nothing is joined");
    let link = alice.link(id, "view").await;
    let path = download_path(&link);
    for (first, last) in
        [(0, 0), (99_999, 100_000), (100_000, 199_999), (50_000, 250_000), (299_999, 299_999)]
    {
        let request =
            app.anybody().request(Method::GET, &path).header("range", format!("bytes={first}-{last}"));
        let part = app.anybody().send(request).await.expect(206);
        assert!(part.body == whole[first..=last], "{first}-{last}");
    }
    // A copy has the same pieces, and so has a version that is not the current one any more.
    alice.post(&format!("/drive/items/{id}/copy"), json!({ "name": "c.bin" })).await.expect(202);
    alice.put("/drive/root:/b.bin:/content", "two").await.expect(200);
    assert_eq!(files(), 4);
    let copy = alice.get("/drive/root:/c.bin").await.expect(200).json();
    assert!(read(&alice, &copy).await == whole);
    alice.post(&format!("/drive/items/{id}/versions/1.0/restoreVersion"), json!({})).await.expect(204);
    assert!(app.anybody().open(&link).await.expect(200).body == whole);
    // They go with the last that has them, all of them.
    alice.post(&format!("/drive/items/{id}/permanentDelete"), json!({})).await.expect(204);
    assert!(read(&alice, &copy).await == whole);
    let copy = copy["id"].as_str().expect("an id");
    alice.post(&format!("/drive/items/{copy}/permanentDelete"), json!({})).await.expect(204);
    assert_eq!(app.database.number("SELECT count(*) FROM content_pieces").await, 3);
    // Nobody reads it any more, as it is some minutes later.
    app.database.run("UPDATE loose_content SET due_at = (SELECT created_at FROM drives)").await;
    let _second = app.second().await;
    let left = "SELECT (SELECT count(*) FROM content_pieces) + (SELECT count(*) FROM loose_content)";
    eventually("all is swept", async || app.database.number(left).await == 0).await;
    assert_eq!(files(), 0);
}

async fn a_session_of_an_older_version_goes_on(app: TestApp) {
    let alice = app.user("alice");
    // It kept no digests; or it runs beside this one, and leaves those of a range that is not the last.
    for (name, digests) in
        [("b", "NULL"), ("c", "(SELECT u.digests FROM uploads u WHERE u.path = 'older.bin')")]
    {
        let older = begin(&alice, "/drive/root:/older.bin:", json!({})).await;
        put(&alice, &older, "bytes 0-1/10", b"01").await.expect(202);
        let url = begin(&alice, &format!("/drive/root:/{name}.bin:"), json!({})).await;
        put(&alice, &url, "bytes 0-4/10", b"01234").await.expect(202);
        app.database.run(&format!("UPDATE uploads SET digests = {digests} WHERE path = '{name}.bin'")).await;
        let item = put(&alice, &url, "bytes 5-9/10", b"56789").await.expect(201).json();
        assert_eq!(item["file"]["hashes"]["sha1Hash"], "87ACEC17CD9DCD20A716CC2CF67417B71C8A7016");
        assert_eq!(read(&alice, &item).await, b"0123456789");
        alice.delete(&older).await.expect(204);
    }
}

async fn three_hundred_megabytes_pass_through_a_little_memory(app: TestApp) {
    const RANGE: usize = 10 * 1024 * 1024;
    const RANGES: usize = 30;
    let range_of = |number: usize| {
        let mut range = vec![number as u8; RANGE];
        range[..8].copy_from_slice(&(number as u64).to_be_bytes());
        range
    };
    let mut hash = sha2::Sha256::new();
    let total = RANGE * RANGES;
    let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    let mut alice = process.user(&app.user("alice"));
    let url = begin(&alice, "/drive/root:/b.bin:", json!({})).await;
    let path = url[url.find("/upload/").expect("its path")..].to_owned();
    let mut peaks = Vec::new();
    for number in 0..RANGES {
        if number == RANGES / 2 {
            peaks.push(process.peak_memory());
            process.kill();
            process = Process::serve(&app.data_dir(), &app.database, Stdio::null());
            alice = process.user(&app.user("alice"));
        }
        let range = range_of(number);
        hash.update(&range);
        let (first, last) = (number * RANGE, (number + 1) * RANGE - 1);
        let answer = put(&alice, &path, &format!("bytes {first}-{last}/{total}"), &range).await;
        assert_eq!(answer.status.as_u16(), if number + 1 < RANGES { 202 } else { 201 }, "{}", answer.text());
    }
    let item = alice.get("/drive/root:/b.bin").await.expect(200).json();
    let expected: String = hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(item["file"]["hashes"]["sha256Hash"], expected);
    let url = item["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    let mut answer = alice.request(Method::GET, url).send().await.expect("an answer");
    let mut read = sha2::Sha256::new();
    while let Some(chunk) = answer.chunk().await.expect("a chunk") {
        read.update(&chunk);
    }
    let read: String = read.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(read, expected);
    peaks.push(process.peak_memory());
    assert!(peaks.iter().all(|peak| *peak < 100), "megabytes: {peaks:?}");
}

async fn a_taken_name_is_handled_as_the_session_was_asked(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/b.txt", "one").await;
    let behaves = |behavior: &str| json!({ "item": { "@microsoft.graph.conflictBehavior": behavior } });
    let refused = alice.post("/drive/root:/b.txt:/createUploadSession", behaves("fail")).await;
    refused.expect_error(409, "nameAlreadyExists");
    let url = begin(&alice, "/drive/root:/b.txt:", behaves("rename")).await;
    assert_eq!(put(&alice, &url, "bytes 0-2/3", b"two").await.expect(201).json()["name"], "b 1.txt");
    // Taken only while the session is under way: it stays, and the client may go on with it.
    let url = begin(&alice, "/drive/root:/c.txt:", behaves("fail")).await;
    alice.upload("/c.txt", "mine").await;
    put(&alice, &url, "bytes 0-2/3", b"two").await.expect_error(409, "nameAlreadyExists");
    alice.get(&url).await.expect(200);
    let item = alice.get("/drive/root:/c.txt").await.json();
    alice.delete(&format!("/drive/items/{}", item["id"].as_str().expect("an id"))).await.expect(204);
    put(&alice, &url, "bytes 0-2/3", b"two").await.expect(201);
    // Where it is not said, the upload takes the place of what is there.
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    assert_eq!(put(&alice, &url, "bytes 0-4/5", b"three").await.expect(200).json()["name"], "b.txt");
    let new =
        alice.request(Method::POST, "/drive/root:/d.txt:/createUploadSession").header("if-none-match", "*");
    let url = alice.send(new.json(&behaves("replace"))).await.expect(200).json()["uploadUrl"].clone();
    alice.upload("/d.txt", "mine").await;
    let late = put(&alice, url.as_str().expect("a URL"), "bytes 0-2/3", b"two").await;
    late.expect_error(409, "nameAlreadyExists");
    let stale = alice
        .request(Method::POST, "/drive/root:/b.txt:/createUploadSession")
        .header("if-match", "\"other\"")
        .json(&json!({}));
    alice.send(stale).await.expect_error(412, "resourceModified");
}

async fn a_session_ends_when_it_is_cancelled_or_expires(app: TestApp) {
    let alice = app.user("alice");
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    put(&alice, &url, "bytes 0-3/10", b"0123").await.expect(202);
    alice.delete(&url).await.expect(204);
    alice.delete(&url).await.expect_error(404, "itemNotFound");
    let answer = put(&alice, &url, "bytes 4-9/10", b"456789").await.expect_error(404, "itemNotFound");
    assert_eq!(answer.json()["error"]["innerError"]["code"], "uploadSessionNotFound");
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
    // However it is used, it ends when it said at first.
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    let end = alice.get(&url).await.expect(200).json()["expirationDateTime"].clone();
    app.pass(chrono::TimeDelta::hours(7 * 24 - 1));
    let answer = put(&alice, &url, "bytes 0-3/10", b"0123").await.expect(202).json();
    assert_eq!(answer["expirationDateTime"], end);
    alice.get(&url).await.expect(200);
    // What it has received is swept then.
    let due = "SELECT count(*) FROM loose_content l JOIN uploads u ON l.due_at = u.expires_at";
    assert_eq!(app.database.number(due).await, 1);
    app.pass(chrono::TimeDelta::hours(1));
    alice.get(&url).await.expect_error(404, "itemNotFound");
    put(&alice, &url, "bytes 4-9/10", b"456789").await.expect_error(404, "itemNotFound");
}

async fn a_last_range_that_is_sent_many_times_at_once_is_joined_once(app: TestApp) {
    let alice = app.user("alice");
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    put(&alice, &url, "bytes 0-3/10", b"0123").await.expect(202);
    let sent = (0..12).map(|_| put(&alice, &url, "bytes 4-9/10", b"456789"));
    let answers = futures_util::future::join_all(sent).await;
    let items: std::collections::BTreeSet<String> =
        answers.into_iter().map(|answer| answer.expect(201).json()["id"].to_string()).collect();
    assert_eq!(items.len(), 1);
    assert_eq!(app.database.number("SELECT count(*) FROM versions").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 0);
    // A range before it that comes twice is kept once.
    let url = begin(&alice, "/drive/root:/c.txt:", json!({})).await;
    let sent = (0..6).map(|_| put(&alice, &url, "bytes 0-3/10", b"0123"));
    let answers = futures_util::future::join_all(sent).await;
    let taken = answers.iter().filter(|answer| answer.status.as_u16() == 202).count();
    assert_eq!(taken, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM loose_content").await, 1);
}

async fn a_session_needs_no_token_and_no_other_url_opens_it(app: TestApp) {
    let alice = app.user("alice");
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    // A token that comes along is ignored, whatever it is.
    put(&app.bearer("nonsense"), &url, "bytes 0-3/10", b"0123").await.expect(202);
    app.user("bob").get(&url).await.expect(200);
    let mut other = url.clone();
    let last = if other.pop() == Some('A') { 'B' } else { 'A' };
    other.push(last);
    for wrong in [other, format!("{}/upload/x", app.url), format!("{}/upload/", app.url)] {
        let answer = put(&alice, &wrong, "bytes 4-9/10", b"456789").await;
        assert_eq!(answer.status.as_u16(), 404, "{wrong}");
    }
}

async fn an_edit_link_uploads_in_ranges_too(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/secret place/open/a.txt".replace(' ', "%20").as_str(), "one").await;
    let folder =
        alice.get("/drive/root:/secret%20place/open").await.json()["id"].as_str().expect("an id").to_owned();
    let share = |link: &Value| format!("/shares/{}/driveItem", link["shareId"].as_str().expect("an id"));
    let view = share(&alice.link(&folder, "view").await);
    let link = alice.link(&folder, "edit").await;
    let edit = share(&link);
    let anybody = app.anybody();
    let refused = anybody.post(&format!("{view}:/b.txt:/createUploadSession"), json!({})).await;
    refused.expect_error(404, "itemNotFound");
    let url = begin(&anybody, &format!("{edit}:/b.txt:"), json!({})).await;
    put(&anybody, &url, "bytes 0-3/10", b"0123").await.expect(202);
    let done = put(&anybody, &url, "bytes 4-9/10", b"456789").await.expect(201);
    assert!(!done.text().contains("secret"), "{}", done.text());
    let item = alice.get("/drive/root:/secret%20place/open/b.txt").await.expect(200).json();
    assert_eq!(read(&alice, &item).await, b"0123456789");
    // A session does not outlive its link.
    let url = begin(&anybody, &format!("{edit}:/c.txt:"), json!({})).await;
    let under_way = begin(&anybody, &format!("{edit}:/d.txt:"), json!({})).await;
    put(&anybody, &under_way, "bytes 0-3/12", b"0123").await.expect(202);
    let id = link["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{folder}/permissions/{id}")).await.expect(204);
    put(&anybody, &url, "bytes 0-2/3", b"two").await.expect_error(404, "itemNotFound");
    // Neither does one that has received something: no range is taken any more, be it the last or not.
    put(&anybody, &under_way, "bytes 4-7/12", b"4567").await.expect_error(404, "itemNotFound");
    anybody.get(&under_way).await.expect_error(404, "itemNotFound");
    anybody.delete(&under_way).await.expect(204);
}

async fn what_a_session_can_not_do_is_refused(app: TestApp) {
    let alice = app.user("alice");
    let create =
        async |address: &str, body: Value| alice.post(&format!("{address}/createUploadSession"), body).await;
    create("/drive/root:/b.txt:", json!({ "deferCommit": true })).await.expect_error(400, "notSupported");
    create("/drive/root", json!({})).await.expect_error(400, "invalidRequest");
    create("/drive/root", json!({ "item": { "name": "a/b" } })).await.expect_error(400, "invalidRequest");
    create("/drive/root", json!({ "item": { "name": "b.txt" } })).await.expect(200);
    let named = alice.post("/drive/root:/b.txt:/oneDrive.createUploadSession", json!({})).await;
    named.expect(200);
    let old = alice.post("/drive/root:/b.txt:/upload.createSession", json!({})).await;
    old.expect(200);
    let reader = app.user_with(|token| token.scope = "Files.Read".to_owned());
    let refused = reader.post("/drive/root:/b.txt:/createUploadSession", json!({})).await;
    refused.expect_error(403, "accessDenied");
    let url = begin(&alice, "/drive/root:/b.txt:", json!({})).await;
    let large = format!("bytes 0-{}/100000000", 61 * 1024 * 1024 - 1);
    put(&alice, &url, &large, b"x").await.expect_error(413, "invalidRequest");
}
