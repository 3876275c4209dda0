//! What people see who open a link in a browser, without script: tests/pages has what takes one.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Kind, TestApp, User, on_each_database, page_path, web_url};

on_each_database!(
    a_files_page_tells_what_it_is_and_leads_to_its_bytes,
    a_file_is_shown_as_its_kind_and_nothing_of_it_is_run,
    a_folders_pages_reach_every_entry_in_every_order,
    a_folder_within_a_folder_is_a_page_whose_way_up_ends_at_what_is_shared,
    an_archive_is_the_tree_that_is_shared,
    a_link_that_only_takes_files_takes_them_and_tells_nothing,
    a_session_of_a_link_that_only_takes_files_tells_nothing,
    a_link_without_download_shows_and_gives_nothing_away,
    forms_work_without_a_script,
    whatever_opens_nothing_has_one_page,
);

async fn share(alice: &User, path: &str, link_type: &str) -> Value {
    let item = alice.get(&format!("/drive/root:{path}")).await.expect(200).json();
    alice.link(item["id"].as_str().expect("an id"), link_type).await
}

fn api_of(link: &Value) -> String {
    format!("/v1.0/shares/{}", link["shareId"].as_str().expect("an id"))
}

/// Where links of a page lead, or what it loads.
fn addresses(page: &str, attribute: &str, start: &str) -> Vec<String> {
    let before = format!("{attribute}=\"");
    let parts = page.split(&before).skip(1);
    let found = parts.map(|part| part.split('"').next().expect("its end").replace("&#38;", "&"));
    found.filter(|address| address.starts_with(start)).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

async fn a_files_page_tells_what_it_is_and_leads_to_its_bytes(app: TestApp) {
    let alice = app.user_with(|token| {
        token.user = Some("alice".to_owned());
        token.user_name = Some("Ada Lovelace".to_owned());
    });
    alice.put("/drive/root:/'b' & \u{202E}gpj.zip:/content", "x".repeat(4_404_019)).await.expect(201);
    let link = share(&alice, "/'b' & \u{202E}gpj.zip", "view").await;
    let anybody = app.anybody();
    let page = anybody.get(&page_path(&link)).await.expect(200);
    let text = unescaped(&page.text());
    assert!(text.contains("<bdi>'b' & \u{FFFD}gpj.zip</bdi></h1>"), "{text}");
    for told in
        ["4.2 MB", "Archive", "Shared by <b><bdi>Ada Lovelace", "Always the current version", web_url(&link)]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(text.contains("property=\"og:title\"") && !text.contains("property=\"og:image\""), "{text}");
    let download = addresses(&page.text(), "href", "/download?");
    assert_eq!(anybody.get(&download[0]).await.expect(200).body.len(), 4_404_019);
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert!(!page.headers.contains_key("set-cookie"));
    // Who takes it gets it compressed, and it is the same page.
    let asked = anybody.request(Method::GET, &page_path(&link)).header("accept-encoding", "br, gzip");
    let compressed = anybody.send(asked).await.expect(200);
    assert_eq!(compressed.header("content-encoding"), "gzip");
    assert_eq!(compressed.header("vary"), "Accept-Encoding");
    let mut unpacked = String::new();
    let mut gzip = flate2::read::GzDecoder::new(&*compressed.body);
    gzip.read_to_string(&mut unpacked).expect("gzip");
    assert!(unpacked.ends_with("</html>\n") || unpacked.ends_with("</html>"), "{unpacked}");
    assert_eq!(unpacked.len(), page.body.len());
    assert!(compressed.body.len() < page.body.len() / 2);
    // Nothing is loaded from elsewhere, and what is loaded is kept by its content's name.
    let loaded = [addresses(&page.text(), "src", ""), addresses(&page.text(), "href", "/assets")].concat();
    assert!(loaded.iter().any(|address| address.ends_with(".css")), "{loaded:?}");
    for address in loaded {
        assert!(address.starts_with('/'), "{address}");
        let asset = anybody.request(Method::GET, &address).header("accept-encoding", "gzip");
        let asset = anybody.send(asset).await.expect(200);
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(asset.header("content-encoding"), "gzip");
        let plain = anybody.request(Method::GET, &address).header("accept-encoding", "gzip;q=0");
        let plain = anybody.send(plain).await.expect(200);
        assert_eq!(plain.header("content-encoding"), "");
        assert!(plain.body.len() > asset.body.len());
        anybody
            .get(&address.replace("site-", "site-0").replace("page-", "page-0").replace("icon-", "icon-0"))
            .await
            .expect(404);
    }
    let code = anybody.get(&page_path(&link).replace("/redir", "/qr")).await.expect(200).text();
    assert!(code.contains("<svg") && code.contains("Scan to open"), "{code}");
    let picture = anybody.get(&page_path(&link).replace("/redir", "/qr.svg")).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.header("content-disposition").starts_with("attachment"));
    let nowhere = anybody.request(Method::GET, "/nowhere").header("accept", "text/html");
    let nowhere = anybody.send(nowhere).await.expect(404);
    assert!(nowhere.text().contains("There is no page here"), "{}", nowhere.text());
}

/// The bytes of an image of 3 × 2 pixels.
const PIXELS: &[u8] = b"GIF89a\x03\x00\x02\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x03\x00\x02\x00\x00\x02\x02\x84_\x00;";

async fn a_file_is_shown_as_its_kind_and_nothing_of_it_is_run(app: TestApp) {
    let alice = app.user("alice");
    let anybody = app.anybody();
    let mark = "<script>alert(1)</script><svg onload=alert(1)>";
    let shown = async |name: &str, body: Vec<u8>| -> (String, Answer) {
        alice.put(&format!("/drive/root:/{name}:/content"), body).await.expect(201);
        let link = share(&alice, &format!("/{name}"), "view").await;
        let page = anybody.get(&page_path(&link)).await.expect(200).text();
        let bytes = anybody.get(&page_path(&link).replace("/redir", "/preview")).await;
        (page, bytes)
    };
    let (page, bytes) = shown("a.gif", PIXELS.to_vec()).await;
    assert!(page.contains("width=\"3\" height=\"2\"") && page.contains("property=\"og:image\""), "{page}");
    let src = addresses(&page, "src", "/preview?");
    assert_eq!(anybody.get(&src[0]).await.expect(200).body, PIXELS);
    assert_eq!(bytes.header("content-type"), "image/gif");
    assert!(bytes.header("content-disposition").starts_with("inline; filename=\"a.gif\""));
    assert!(bytes.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert_eq!(bytes.header("x-content-type-options"), "nosniff");
    let (page, bytes) = shown("a.svg", mark.into()).await;
    assert!(page.contains("<img") && !page.contains(mark), "{page}");
    assert!(bytes.expect(200).header("content-security-policy").starts_with("sandbox;"));
    let (page, bytes) = shown("a.mp4", b"not really".to_vec()).await;
    assert!(page.contains("<video") && page.contains("type=\"video/mp4\""), "{page}");
    assert_eq!(bytes.header("accept-ranges"), "bytes");
    let (page, bytes) = shown("a.mp3", b"not really".to_vec()).await;
    assert!(page.contains("<audio"), "{page}");
    bytes.expect(200);
    let (page, bytes) = shown("a.pdf", b"%PDF-1.4".to_vec()).await;
    assert!(page.contains("application/pdf"), "{page}");
    let policy = bytes.expect(200);
    assert!(policy.header("content-security-policy").contains("default-src 'none'"));
    for name in ["a.html", "a.js", "a.txt", "a.xml"] {
        let (page, bytes) = shown(name, mark.into()).await;
        assert!(unescaped(&page).contains(mark) && !page.contains(mark), "{name}: {page}");
        bytes.expect(404);
    }
    let (page, _) =
        shown("a.md", format!("# Title\n\n{mark}\n\n[x](javascript:alert(1)) **bold**").into()).await;
    assert!(page.contains("<strong>bold</strong>") && page.contains("<h2>Title</h2>"), "{page}");
    for bad in ["<svg onload", "<script>alert", "href=\"javascript:"] {
        assert!(!page.contains(bad), "{bad}: {page}");
    }
    assert!(page.contains("Show as text"), "{page}");
    let (page, _) = shown("a.csv", format!("name,sum\n\"=1+1\",{mark}\n").into()).await;
    assert!(page.contains("<table") && unescaped(&page).contains("=1+1") && !page.contains(mark), "{page}");
    let (page, _) = shown("big.txt", "line of text\n".repeat(30_000).into()).await;
    assert!(page.contains("The first 256 KB of 381 KB") && page.len() < 2_000_000, "{}", page.len());
    let (page, bytes) = shown("a.bin", vec![0, 1, 2]).await;
    assert!(page.contains("can’t be shown here"), "{page}");
    bytes.expect(404);
    // What its name says is text, and is none.
    let (page, _) = shown("b.txt", vec![0, 1, 2]).await;
    assert!(page.contains("can’t be shown here"), "{page}");
    let (page, _) = shown("c.txt", Vec::new()).await;
    assert!(page.contains("This file is empty."), "{page}");
}

/// Names of a folder page's rows, in their order.
fn rows(page: &str) -> Vec<String> {
    let body = page.split_once("<tbody>").map_or("", |(_, rest)| rest);
    let names = body.split("<th class=\"c1\"").skip(1);
    names
        .map(|row| {
            unescaped(row.split_once("<bdi>").expect("a name").1.split("</bdi>").next().expect("its end"))
        })
        .collect()
}

async fn a_folders_pages_reach_every_entry_in_every_order(app: TestApp) {
    let alice = app.user("alice");
    for number in 0..450 {
        alice.upload(&format!("/f/{number:03}.txt"), &"x".repeat(450 - number)).await;
    }
    let link = share(&alice, "/f", "view").await;
    let anybody = app.anybody();
    let all = async |query: &str| -> (usize, Vec<String>) {
        let mut next = Some(format!("{}{query}", page_path(&link)));
        let (mut pages, mut names) = (0, Vec::new());
        while let Some(path) = next {
            let page = anybody.get(&path).await.expect(200).text();
            names.extend(rows(&page));
            pages += 1;
            let nav = page.split_once("rel=\"next\"").map(|(before, _)| before.to_owned());
            next = nav.and_then(|before| addresses(&before, "href", "/redir?").pop());
        }
        (pages, names)
    };
    let by_name: Vec<String> = (0..450).map(|number| format!("{number:03}.txt")).collect();
    let backwards: Vec<String> = by_name.iter().rev().cloned().collect();
    for (query, expected) in [
        ("", &by_name),
        ("&sort=-name", &backwards),
        ("&sort=size", &backwards),
        ("&sort=-size", &by_name),
        ("&sort=changed", &by_name),
        ("&sort=-changed", &backwards),
        ("&sort=nonsense", &by_name),
    ] {
        let (pages, names) = all(query).await;
        assert_eq!((pages, &names), (3, expected), "{query}");
    }
    let page = anybody.get(&format!("{}&page=2", page_path(&link))).await.expect(200).text();
    assert!(page.contains("201–400 of 450") && page.contains("450 items"), "{page}");
    let beyond = anybody.get(&format!("{}&page=9", page_path(&link))).await.expect(200).text();
    assert!(beyond.contains("401–450 of 450"), "{beyond}");
}

async fn a_folder_within_a_folder_is_a_page_whose_way_up_ends_at_what_is_shared(app: TestApp) {
    let alice = app.user("alice");
    for name in ["a.txt", "b.txt", "c.txt"] {
        alice.upload(&format!("/private/f/g/h/{name}"), name).await;
    }
    let link = share(&alice, "/private/f", "view").await;
    let anybody = app.anybody();
    let mut path = page_path(&link);
    for name in ["g", "h"] {
        let page = anybody.get(&path).await.expect(200).text();
        assert_eq!(rows(&page), [name]);
        let row = page.split_once("<tbody>").expect("rows").1;
        path = addresses(row, "href", "/redir?").remove(0);
    }
    let page = anybody.get(&path).await.expect(200).text();
    assert_eq!(rows(&page), ["a.txt", "b.txt", "c.txt"]);
    let row = page.split_once("<tbody>").expect("rows").1;
    let file = addresses(row, "href", "/redir?").remove(1);
    let page = anybody.get(&file).await.expect(200).text();
    assert!(!page.contains("private"), "{page}");
    let crumbs = page.split_once("aria-label=\"Folder path\"").expect("a way up").1;
    let crumbs = crumbs.split("</nav>").next().expect("its end");
    let names: Vec<&str> =
        ["f", "g", "h"].into_iter().filter(|name| crumbs.contains(&format!("<bdi>{name}</bdi>"))).collect();
    assert_eq!(names, ["f", "g", "h"], "{crumbs}");
    assert!(page.contains("a.txt") && page.contains("c.txt"), "its neighbours: {page}");
    // Its address is short, and can be passed on as it is.
    assert!(file.len() < page_path(&link).len() + 10, "{file}");
}

/// What an archive holds: paths, and the bytes of files.
fn unpack(bytes: Vec<u8>) -> BTreeMap<String, Option<String>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut found = BTreeMap::new();
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).expect("an entry");
        let name = entry.name().expect("a name").into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        let is_file = !name.ends_with('/');
        found.insert(name, is_file.then_some(text));
    }
    found
}

async fn an_archive_is_the_tree_that_is_shared(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/f/a.txt", "one").await;
    alice.upload("/f/g/h/b.txt", "two").await;
    alice.upload("/f/g/empty.txt", "").await;
    alice.upload("/f/שלום.txt", "three").await;
    let empty = json!({ "name": "nothing", "folder": {} });
    alice.post("/drive/root:/f:/children", empty).await.expect(201);
    let link = share(&alice, "/f", "view").await;
    let anybody = app.anybody();
    let zip = page_path(&link).replace("/redir", "/zip");
    let head = anybody.send(anybody.request(Method::HEAD, &zip)).await.expect(200);
    let answer = anybody.get(&zip).await.expect(200);
    for told in [&head, &answer] {
        assert_eq!(told.header("content-type"), "application/zip");
        assert!(told.header("content-disposition").contains("filename=\"f.zip\""));
    }
    let text = |text: &str| Some(text.to_owned());
    let whole = BTreeMap::from(
        [
            ("a.txt", text("one")),
            ("g/", None),
            ("g/empty.txt", text("")),
            ("g/h/", None),
            ("g/h/b.txt", text("two")),
            ("nothing/", None),
            ("שלום.txt", text("three")),
        ]
        .map(|(name, text)| (name.to_owned(), text)),
    );
    assert_eq!(unpack(answer.body), whole);
    // Some of it, as the page's form sends it.
    let page = anybody.get(&page_path(&link)).await.expect(200).text();
    let numbers: Vec<String> =
        addresses(&page, "value", "").into_iter().filter(|value| value.parse::<i64>().is_ok()).collect();
    assert_eq!(numbers.len(), 4, "{numbers:?}");
    let choose = async |body: String| {
        let post =
            anybody.request(Method::POST, &zip).header("content-type", "application/x-www-form-urlencoded");
        anybody.send(post.body(body)).await
    };
    let chosen = choose(format!("item={}&item={}", numbers[0], numbers[1])).await.expect(200);
    let some: Vec<String> = unpack(chosen.body).into_keys().collect();
    // Folders are listed before files.
    assert_eq!(some, ["g/", "g/empty.txt", "g/h/", "g/h/b.txt", "nothing/"]);
    choose(String::new()).await.expect(303);
    choose("item=1".to_owned()).await.expect(400);
    choose("item=x".to_owned()).await.expect(400);
    // What is lost breaks the archive off, so that nobody takes it for whole. What was read lately is not lost yet.
    alice.upload("/f/late.txt", "four").await;
    let contents = app.data_dir().join("content");
    for drive in std::fs::read_dir(&contents).expect("a folder") {
        let drive = drive.expect("an entry").path();
        for content in std::fs::read_dir(&drive).into_iter().flatten() {
            std::fs::remove_file(content.expect("an entry").path()).expect("removed");
        }
    }
    let broken = async { anybody.request(Method::GET, &zip).send().await?.bytes().await };
    assert!(broken.await.is_err());
}

async fn a_link_that_only_takes_files_takes_them_and_tells_nothing(app: TestApp) {
    let alice = app.user("alice");
    let inside = alice.upload("/in/a.txt", "old").await;
    let file = alice.upload("/b.txt", "x").await;
    alice
        .post(&format!("/drive/items/{file}/createLink"), json!({ "type": "createOnly" }))
        .await
        .expect_error(400, "invalidRequest");
    let link = share(&alice, "/in", "createOnly").await;
    assert_eq!((&link["roles"], &link["link"]["preventsDownload"]), (&json!(["write"]), &json!(true)));
    let anybody = app.anybody();
    let api = api_of(&link);
    for path in ["/driveItem:/a.txt:/content", "/driveItem:/new/c.txt:/content", "/driveItem:/a.txt:/content"]
    {
        let made = anybody.put(&format!("{api}{path}"), "new").await.expect(201).json();
        assert_eq!(made["name"], path.split([':', '/']).nth_back(2).expect("a name"), "{made}");
    }
    // Whatever is asked for where a name is taken, also that of a folder.
    for behavior in ["replace", "fail", "rename"] {
        let path = format!("{api}/driveItem:/a.txt:/content?@microsoft.graph.conflictBehavior={behavior}");
        assert_eq!(anybody.put(&path, "new").await.expect(201).json()["name"], "a.txt");
    }
    anybody.put(&format!("{api}/driveItem:/a.txt/d.txt:/content"), "new").await.expect(201);
    let names = async |path: &str| -> Vec<String> {
        let all = alice.get(&format!("/drive/root:{path}:/children")).await.expect(200).json();
        all["value"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let expected = ["a 1.txt", "a 2.txt", "a 3.txt", "a 4.txt", "a 5.txt", "a 1.txt"];
    let there = names("/in").await;
    for name in &expected[..5] {
        assert!(there.contains(&(*name).to_owned()), "{there:?}");
    }
    assert_eq!(names("/in/new").await, ["c.txt"]);
    let old = alice.get(&format!("/drive/items/{inside}/content")).await.expect(302);
    assert_eq!(alice.get(old.header("location")).await.text(), "old");
    // Nothing is told, whether it is there or not.
    for path in [
        "",
        "/driveItem",
        "/driveItem/children",
        "/driveItem/content",
        "/driveItem:/a.txt",
        "/driveItem:/a.txt:/content",
    ] {
        let answer = anybody.get(&format!("{api}{path}")).await;
        if path.is_empty() {
            // Whose it is, and what it is called, the page tells, too.
            let shown = answer.expect(200).json();
            assert!(shown.get("driveItem").is_none() && shown.get("children").is_none(), "{shown}");
        } else {
            answer.expect_error(404, "itemNotFound");
        }
    }
    for item in [inside.as_str(), file.as_str(), "CAFE!77"] {
        anybody.put(&format!("{api}/items/{item}/content"), "bad").await.expect_error(404, "itemNotFound");
    }
    // Numbers are one as the other, and so are answers, whatever is there.
    let link_url = web_url(&link);
    let encoded = |number: i64| {
        let url = format!("{link_url}&id={number}");
        format!(
            "/shares/u!{}",
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, url)
        )
    };
    for number in 3..12 {
        for page in ["/redir", "/qr", "/qr.svg"] {
            let path = format!("{}&id={number}", page_path(&link).replace("/redir", page));
            let is_folder = link_url.contains(&format!("!{number}&"));
            anybody.get(&path).await.expect(if is_folder { 200 } else { 404 });
        }
        let status = anybody.get(&encoded(number)).await.status;
        assert_eq!(status.is_success(), link_url.contains(&format!("!{number}&")), "{number}");
    }
    let sent = async |path: &str| {
        let mut answer =
            anybody.put(&format!("{api}/driveItem:/{path}:/content"), "new").await.expect(201).json();
        answer.as_object_mut().expect("an object").remove("name");
        answer
    };
    assert_eq!(sent("new/there.txt").await, sent("nowhere/there.txt").await);
    let long = format!("{}.txt", "n".repeat(250));
    for _ in 0..2 {
        anybody.put(&format!("{api}/driveItem:/{long}:/content"), "new").await.expect(201);
    }
    for tag in ["\"x\"", "*"] {
        let get = anybody.request(Method::GET, &api).header("if-none-match", tag);
        anybody.send(get).await.expect(200);
    }
    let folder = json!({ "name": "n", "folder": {} });
    anybody.post(&format!("{api}/driveItem/children"), folder).await.expect_error(404, "itemNotFound");
    for page in ["/download", "/zip", "/preview", "/embed"] {
        anybody.get(&page_path(&link).replace("/redir", page)).await.expect(404);
    }
    let json = anybody.request(Method::GET, &page_path(&link)).header("accept", "application/json");
    anybody.send(json).await.expect(404);
    let number = inside.split_once('!').expect("an id").1;
    let page = anybody.get(&page_path(&link)).await.expect(200).text();
    assert!(page.contains("This page only takes files") && !page.contains("a.txt"), "{page}");
    let same = anybody.get(&format!("{}&id={number}", page_path(&link))).await;
    assert!(!same.text().contains("a.txt"), "{}", same.text());
}

async fn a_session_of_a_link_that_only_takes_files_tells_nothing(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/in/a.txt", "old").await;
    let link = share(&alice, "/in", "createOnly").await;
    let anybody = app.anybody();
    let begin = format!("{}/driveItem:/a.txt:/createUploadSession", api_of(&link));
    let fail = json!({ "item": { "@microsoft.graph.conflictBehavior": "fail" } });
    let session = anybody.post(&begin, fail).await.expect(200).json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let put = async || {
        let put = anybody.request(Method::PUT, url).header("content-range", "bytes 0-2/3").body("new");
        anybody.send(put).await.expect(201).json()
    };
    // The answer may be lost on its way, and is then asked for again.
    for made in [put().await, put().await] {
        assert_eq!(made["name"], "a.txt");
    }
    // Whatever becomes of it there, the answer is what was sent.
    alice.upload("/in/a 1.txt", "changed by its owner").await;
    assert_eq!(put().await["size"], 3);
    alice.delete("/drive/root:/in/a 1.txt").await.expect(204);
    assert_eq!(put().await["size"], 3);
    let bin = alice.get("/drive/root:/in/a.txt").await.expect(200).json();
    assert_eq!(bin["size"], 3);
    let again = anybody.post(&begin, json!({})).await.expect(200).json();
    let url = again["uploadUrl"].as_str().expect("a URL");
    let put = anybody.request(Method::PUT, url).header("content-range", "bytes 0-2/3").body("new");
    anybody.send(put).await.expect(201);
    let kept = alice.get("/drive/root:/in/a 1.txt:/content").await.expect(302);
    assert_eq!(alice.get(kept.header("location")).await.text(), "new");
}

async fn a_link_without_download_shows_and_gives_nothing_away(app: TestApp) {
    let alice = app.user("alice");
    alice.put("/drive/root:/f/a.gif:/content", PIXELS).await.expect(201);
    alice.upload("/f/b.zip", "x").await;
    let file = share(&alice, "/f/a.gif", "blocksDownload").await;
    let folder = share(&alice, "/f", "blocksDownload").await;
    assert_eq!((&file["roles"], &file["link"]["preventsDownload"]), (&json!(["read"]), &json!(true)));
    let anybody = app.anybody();
    let page = anybody.get(&page_path(&file)).await.expect(200).text();
    assert!(page.contains("This is a courtesy, not a protection.") && !page.contains("/download?"), "{page}");
    let src = addresses(&page, "src", "/preview?");
    assert_eq!(anybody.get(&src[0]).await.expect(200).body, PIXELS);
    let page = anybody.get(&page_path(&folder)).await.expect(200).text();
    assert_eq!(rows(&page), ["a.gif", "b.zip"]);
    assert!(!page.contains("/download?") && !page.contains("/zip?"), "{page}");
    for link in [&file, &folder] {
        let shown = anybody.get(&format!("{}/driveItem", api_of(link))).await.expect(200).text();
        assert!(!shown.contains("downloadUrl"), "{shown}");
        for page in ["/download", "/zip", "/embed"] {
            anybody.get(&page_path(link).replace("/redir", page)).await.expect(404);
        }
    }
    for path in ["/driveItem:/a.gif:/content", "/driveItem:/b.zip:/content"] {
        anybody.get(&format!("{}{path}", api_of(&folder))).await.expect_error(404, "itemNotFound");
    }
    // What can't be shown is not given either.
    let zip = share(&alice, "/f/b.zip", "blocksDownload").await;
    anybody.get(&page_path(&zip).replace("/redir", "/preview")).await.expect(404);
    anybody.put(&format!("{}/driveItem/content", api_of(&file)), "bad").await.expect(404);
}

async fn forms_work_without_a_script(app: TestApp) {
    let alice = app.user("alice");
    alice.upload("/f/a.txt", "old").await;
    let folder = share(&alice, "/f", "edit").await;
    let file = share(&alice, "/f/a.txt", "edit").await;
    let anybody = app.anybody();
    let send = async |link: &Value, parts: &[(&str, &str, &str)]| -> Answer {
        let mut body = String::new();
        for (name, file_name, text) in parts {
            let file_name =
                if file_name.is_empty() { String::new() } else { format!("; filename=\"{file_name}\"") };
            body.push_str(&format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n{text}\r\n"
            ));
        }
        body.push_str("--b--\r\n");
        let post = anybody.request(Method::POST, &page_path(link));
        let answer =
            anybody.send(post.header("content-type", "multipart/form-data; boundary=b").body(body)).await;
        let answer = answer.expect(303);
        anybody.get(answer.header("location")).await.expect(200)
    };
    let read = async |path: &str| {
        let found = alice.get(&format!("/drive/root:/f/{path}:/content")).await.expect(302);
        alice.get(found.header("location")).await.expect(200).text()
    };
    let page =
        send(&folder, &[("do", "", "upload"), ("file", "b.txt", "one"), ("file", "c.txt", "two")]).await;
    assert!(page.text().contains("2 files uploaded"), "{}", page.text());
    assert_eq!((read("b.txt").await.as_str(), read("c.txt").await.as_str()), ("one", "two"));
    send(&folder, &[("do", "", "upload"), ("conflict", "", "rename"), ("file", "b.txt", "beside")]).await;
    assert_eq!((read("b.txt").await.as_str(), read("b 1.txt").await.as_str()), ("one", "beside"));
    send(&folder, &[("do", "", "upload"), ("conflict", "", "replace"), ("file", "b.txt", "new")]).await;
    assert_eq!(read("b.txt").await, "new");
    send(&folder, &[("do", "", "upload"), ("conflict", "", "fail"), ("file", "b.txt", "left out")]).await;
    assert_eq!(read("b.txt").await, "new");
    let page = send(&folder, &[("do", "", "folder"), ("name", "", "g")]).await;
    assert!(rows(&page.text()).contains(&"g".to_owned()), "{}", page.text());
    let page = send(&folder, &[("do", "", "folder"), ("name", "", "g")]).await;
    assert!(page.text().contains("Something of this name is already here."), "{}", page.text());
    let page = send(&folder, &[("do", "", "folder"), ("name", "", "a:b")]).await;
    assert!(unescaped(&page.text()).contains("That can’t be a name"), "{}", page.text());
    let page = send(&folder, &[("do", "", "upload")]).await;
    assert!(page.text().contains("Nothing was chosen."), "{}", page.text());
    // A file is replaced as it was seen.
    let shown = anybody.get(&page_path(&file)).await.expect(200).text();
    let etag = unescaped(&addresses(&shown, "value", "&#34;").pop().unwrap_or_default());
    let etag = if etag.is_empty() {
        unescaped(
            shown
                .split_once("name=\"etag\" value=\"")
                .expect("a tag")
                .1
                .split("\">")
                .next()
                .expect("its end"),
        )
    } else {
        etag
    };
    let again = [("do", "", "replace"), ("etag", "", etag.as_str()), ("file", "other.name", "newer")];
    let page = send(&file, &again).await;
    assert!(
        page.text().contains("Replaced. Everybody with this link gets your version now."),
        "{}",
        page.text()
    );
    assert_eq!(read("a.txt").await, "newer");
    let page = send(&file, &again).await;
    assert!(page.text().contains("Somebody else replaced this file a moment ago."), "{}", page.text());
    // A link that reads takes nothing.
    let view = share(&alice, "/f", "view").await;
    let post = anybody.request(Method::POST, &page_path(&view));
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n";
    anybody.send(post.header("content-type", "multipart/form-data; boundary=b").body(body)).await.expect(404);
    let drop = share(&alice, "/f", "createOnly").await;
    let page = send(&drop, &[("do", "", "upload"), ("file", "b.txt", "thanks")]).await;
    assert!(page.text().contains("Thank you, 1 file arrived"), "{}", page.text());
    assert_eq!(read("b 2.txt").await, "thanks");
}

async fn whatever_opens_nothing_has_one_page(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a.txt", "x").await;
    let link = alice.link(&item, "view").await;
    let path = page_path(&link);
    let anybody = app.anybody();
    let id = link["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
    let gone = anybody.get(&path).await.expect(404).text();
    assert!(gone.contains("This link doesn’t open anything"), "{gone}");
    for wrong in [
        "/redir",
        "/redir?resid=x",
        "/redir?resid=CAFE!3&authkey=!x",
        "/zip?resid=x",
        "/preview?resid=x",
        "/qr",
    ] {
        assert_eq!(anybody.get(wrong).await.expect(404).text(), gone, "{wrong}");
    }
    let body = json!({ "type": "view", "scope": "organization" });
    let link = alice.post(&format!("/drive/items/{item}/createLink"), body).await.expect(201).json();
    let page = anybody.get(&page_path(&link)).await.expect(401).text();
    assert!(page.contains("For people at <bdi>") && !page.contains("a.txt"), "{page}");
}

#[tokio::test]
async fn an_embed_fills_its_frame_and_its_code_says_how_large_it_is() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let anybody = app.anybody();
    for (name, height) in [("a.gif", 360), ("a.mp4", 360), ("a.mp3", 120)] {
        alice.put(&format!("/drive/root:/{name}:/content"), PIXELS).await.expect(201);
        let link = share(&alice, &format!("/{name}"), "embed").await;
        let html = link["link"]["webHtml"].as_str().expect("a frame");
        let size = format!("width=\"640\" height=\"{height}\" title=\"{name}\"");
        assert!(html.contains(&size) && html.contains("allowfullscreen"), "{html}");
        let src = addresses(html, "src", "http").remove(0).replace("&amp;", "&");
        let page = anybody.get(&src).await.expect(200);
        assert!(page.header("content-security-policy").contains("frame-ancestors *"));
        let bytes = anybody.get(&addresses(&page.text(), "src", "/preview?")[0]).await.expect(200);
        assert!(bytes.header("content-security-policy").contains("frame-ancestors *"));
    }
}

#[tokio::test]
async fn what_people_uploaded_may_have_an_origin_of_its_own() {
    let flags = ["--content-origin", "https://bytes.example", "--public-url", "https://files.example"];
    let app = TestApp::start_with(Kind::Sqlite, &flags).await;
    let alice = app.user("alice");
    alice.put("/drive/root:/a.gif:/content", PIXELS).await.expect(201);
    let link = share(&alice, "/a.gif", "view").await;
    let page = app.anybody().get(&page_path(&link)).await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("img-src 'self' https://bytes.example data:"), "{policy}");
    assert!(!addresses(&page.text(), "src", "https://bytes.example/preview?").is_empty(), "{}", page.text());
    assert!(
        !addresses(&page.text(), "href", "https://bytes.example/download?").is_empty(),
        "{}",
        page.text()
    );
    let bytes = app.anybody().get(&page_path(&link).replace("/redir", "/preview")).await.expect(200);
    assert!(bytes.header("content-security-policy").contains("frame-ancestors 'self' https://files.example"));
}
