//! Contents in a bucket, on a server that speaks S3.

use std::process::Stdio;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use reqwest::Method;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde_json::json;

use crate::support::{Process, TestApp, User, on_each_database};

on_each_database!(
    a_links_story_with_contents_in_a_bucket,
    versions_copies_and_ranges_are_in_the_bucket_too,
    downloads_may_go_to_the_object_store_itself,
    three_hundred_megabytes_pass_through_to_the_bucket,
);

/// An S3 server with a bucket named `links`; gives its URL.
pub fn start_s3(folder: &std::path::Path) -> String {
    std::fs::create_dir_all(folder.join("s3/links")).expect("a bucket");
    let files = s3s_fs::FileSystem::new(folder.join("s3")).expect("a folder");
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a setting");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // On a thread of its own: a server asks it while the test waits for that server to start.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    // Fails when the other side goes away.
                    let connection = TokioIo::new(socket);
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(connection, service).await;
                });
            }
        });
    });
    url
}

/// How programs are told of the server.
pub fn variables(url: &str) -> Vec<(&'static str, String)> {
    let told = [
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let mut variables: Vec<_> = told.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    variables.push(("AWS_ENDPOINT", url.to_owned()));
    variables
}

fn bucket(url: &str) -> impl ObjectStore {
    let store = AmazonS3Builder::new().with_endpoint(url).with_allow_http(true).with_region("us-east-1");
    store
        .with_bucket_name("links")
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .build()
        .expect("a bucket")
}

/// An object of the bucket.
pub async fn put(url: &str, key: &str, text: &str) {
    let path = ObjectPath::parse(key).expect("a key");
    bucket(url).put(&path, text.to_owned().into()).await.expect("it is stored");
}

pub async fn delete(url: &str, key: &str) {
    bucket(url).delete(&ObjectPath::parse(key).expect("a key")).await.expect("it is deleted");
}

async fn serve(app: &TestApp, flags: &[&str]) -> Process {
    let s3 = start_s3(&app.data_dir());
    // The first server has its contents in a folder, and has put its marker there.
    app.database.run("UPDATE installation SET is_marked = false").await;
    Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.envs(variables(&s3)).env("EVERLINK_CONTENT_URL", "s3://links/some/prefix");
        for flag in flags {
            command.env(flag, "true");
        }
    })
}

fn objects(app: &TestApp) -> usize {
    fn files(folder: &std::path::Path) -> usize {
        let entries: Vec<std::fs::DirEntry> =
            std::fs::read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_default();
        // Beside the contents are the store's marker and its journal.
        let is_content =
            |entry: &&std::fs::DirEntry| !entry.file_name().to_string_lossy().contains("everlink-");
        let contents = entries.iter().filter(is_content);
        contents.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
    }
    files(&app.data_dir().join("s3/links/some/prefix"))
}

async fn a_links_story_with_contents_in_a_bucket(app: TestApp) {
    let process = serve(&app, &[]).await;
    let alice = process.user(&app.user("alice"));
    let anybody = process.user(&app.anybody());
    let item = alice.upload("/a/b.txt", "one").await;
    assert_eq!(objects(&app), 1);
    let link = alice.link(&item, "view").await;
    assert_eq!(anybody.open(&link).await.expect(200).text(), "one");
    alice.upload("/a/b.txt", "twice as long").await;
    assert_eq!(anybody.open(&link).await.expect(200).text(), "twice as long");
    let path = crate::support::download_path(&link);
    let part =
        anybody.send(anybody.request(Method::GET, &path).header("range", "bytes=6-7")).await.expect(206);
    assert_eq!(part.text(), "as");
    alice.upload("/empty.txt", "").await;
    let empty = alice.get("/drive/root:/empty.txt:/content").await.expect(302);
    assert_eq!(alice.get(empty.header("location")).await.expect(200).text(), "");
    alice.post(&format!("/drive/items/{item}/permanentDelete"), json!({})).await.expect(204);
    anybody.open(&link).await.expect(404);
}

async fn versions_copies_and_ranges_are_in_the_bucket_too(app: TestApp) {
    let process = serve(&app, &[]).await;
    let alice = process.user(&app.user("alice"));
    let item = alice.upload("/b.txt", "one").await;
    alice.upload("/b.txt", "two").await;
    let content = async |address: &str| {
        let found = alice.get(&format!("{address}/content")).await.expect(302);
        alice.get(found.header("location")).await.expect(200).text()
    };
    assert_eq!(content(&format!("/drive/items/{item}/versions/1.0")).await, "one");
    alice.post(&format!("/drive/items/{item}/copy"), json!({ "name": "c.txt" })).await.expect(202);
    alice.post(&format!("/drive/items/{item}/versions/1.0/restoreVersion"), json!({})).await.expect(204);
    assert_eq!(content(&format!("/drive/items/{item}")).await, "one");
    assert_eq!(content("/drive/root:/c.txt:").await, "two");
    // The ranges of an upload are objects, and stay these.
    let session = alice.post("/drive/root:/d.txt:/createUploadSession", json!({})).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let before = objects(&app);
    for (range, body, status) in [("bytes 0-1/4", "ab", 202), ("bytes 2-3/4", "cd", 201)] {
        let request = alice.request(Method::PUT, url).header("content-range", range).body(body);
        alice.send(request).await.expect(status);
    }
    assert_eq!(content("/drive/root:/d.txt:").await, "abcd");
    assert_eq!(objects(&app), before + 2);
}

async fn downloads_may_go_to_the_object_store_itself(app: TestApp) {
    let process = serve(&app, &["EVERLINK_CONTENT_PRESIGNED"]).await;
    let alice = process.user(&app.user("alice"));
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let anybody = process.user(&app.anybody());
    let there = anybody.open(&link).await.expect(302);
    let url = there.header("location");
    assert!(url.contains("X-Amz-Signature") && url.contains("X-Amz-Expires=60"), "{url}");
    assert_eq!(anybody.get(url).await.expect(200).text(), "one");
}

async fn three_hundred_megabytes_pass_through_to_the_bucket(app: TestApp) {
    const RANGE: usize = 10 * 1024 * 1024;
    const SIZE: usize = 30 * RANGE;
    let process = serve(&app, &[]).await;
    let alice: User = process.user(&app.user("alice"));
    let session =
        alice.post("/drive/root:/large.bin:/createUploadSession", json!({})).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let range = bytes::Bytes::from(vec![7_u8; RANGE]);
    for first in (0..SIZE).step_by(RANGE) {
        let part = format!("bytes {first}-{}/{SIZE}", first + RANGE - 1);
        let request = alice.request(Method::PUT, url).header("content-range", part).body(range.clone());
        assert!(alice.send(request).await.status.is_success());
    }
    let item = alice.get("/drive/root:/large.bin").await.expect(200).json();
    assert_eq!(item["size"], SIZE);
    let url = item["@microsoft.graph.downloadUrl"].as_str().expect("a URL");
    let mut answer = alice.request(Method::GET, url).send().await.expect("an answer");
    let mut read = 0;
    while let Some(chunk) = answer.chunk().await.expect("a chunk") {
        assert!(chunk.iter().all(|byte| *byte == 7));
        read += chunk.len();
    }
    assert_eq!(read, SIZE);
    let peak = process.peak_memory();
    assert!(peak < 100, "{peak} MB");
}
