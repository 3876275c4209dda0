//! Links that take something.

use std::path::PathBuf;

use thirtyfour::Key;

use crate::browser::Browser;
use crate::samples::{ada, content, folder, keep, names, noise, share};
use crate::support::{Kind, TestApp, page_path, web_url};
use crate::way::Way;

const MB: usize = 1024 * 1024;

/// Files on the visitor's own disk.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}

#[tokio::test]
async fn files_and_folders_arrive_whole_over_a_connection_that_was_cut() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let link = ada.link(&folder(&ada, "Box").await, "edit").await;
    let desk = Desk::new();
    let big = noise(50 * MB);
    let film = desk.put("film.bin", &big);
    let mut photos = Vec::new();
    for number in 0..30 {
        let path = match number % 3 {
            0 => format!("Photos/raw/{number}.bin"),
            _ => format!("Photos/{number}.bin"),
        };
        let bytes = noise(20_000 + number);
        desk.put(&path, &bytes);
        photos.push((path, bytes));
    }
    let way = Way::to(&app).await;
    way.narrow(15 * MB as u64);
    let browser = Browser::start().await;
    browser.open(&format!("{}{}", way.url, page_path(&link))).await;
    browser.press("Upload files").await;
    browser.choose(&[film]).await;
    browser.press("Upload a folder").await;
    browser.choose(&[desk.at("Photos")]).await;
    way.is_stuck().await;
    way.cut();
    browser.sees("The connection was lost").await;
    way.heal();
    browser.sees("31 files uploaded").await;
    browser.until("document.querySelectorAll('.nm a').length === 2").await;
    assert_eq!(browser.texts(".nm a").await, ["Photos", "film.bin"]);
    assert!(content(&ada, "/Box/film.bin").await == big);
    for (path, bytes) in photos {
        assert!(content(&ada, &format!("/Box/{path}")).await == bytes, "{path}");
    }
    assert!(way.sent() < 65 * MB as u64, "{}", way.sent());
}

#[tokio::test]
async fn an_upload_goes_on_after_the_page_was_loaded_again() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let link = ada.link(&folder(&ada, "Box").await, "edit").await;
    let desk = Desk::new();
    let big = noise(40 * MB);
    let film = desk.put("film.bin", &big);
    let way = Way::to(&app).await;
    way.narrow(25 * MB as u64);
    let browser = Browser::start().await;
    browser.open(&format!("{}{}", way.url, page_path(&link))).await;
    browser.press("Upload files").await;
    browser.choose(std::slice::from_ref(&film)).await;
    way.is_stuck().await;
    browser.driver.refresh().await.expect("a page");
    browser.sees("1 upload was cut off. Choose the same file again and it goes on.").await;
    way.heal();
    browser.press("Upload files").await;
    browser.choose(&[film]).await;
    browser.sees("1 file uploaded").await;
    assert!(content(&ada, "/Box/film.bin").await == big);
    // What had arrived was not sent twice.
    assert!(way.sent() < 60 * MB as u64, "{}", way.sent());
    assert!(!browser.text().await.contains("cut off"));
}

#[tokio::test]
async fn names_that_are_taken_are_asked_about_and_answered_by_keyboard() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let desk = Desk::new();
    let mut chosen = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        keep(&ada, &format!("/Box/{name}"), "old").await;
        chosen.push(desk.put(name, "new"));
    }
    let link = share(&ada, "/Box", "edit").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.keys("u").await;
    browser.choose(&chosen).await;
    // Each is asked for once, in whatever order.
    let mut open = vec!["a.txt", "b.txt", "c.txt"];
    while !open.is_empty() {
        let names = serde_json::to_string(&open).expect("texts");
        browser
            .until(&format!(
                "{names}.includes(document.querySelector('dialog[open] [data-name]')?.textContent)"
            ))
            .await;
        browser.is_at("dialog[open] input[value=rename]:checked").await;
        let name = browser.texts("dialog[open] [data-name]").await.remove(0);
        match name.as_str() {
            "a.txt" => browser.key(Key::Up).await,
            "c.txt" => browser.key(Key::Down).await,
            _ => {}
        }
        let choice = match name.as_str() {
            "a.txt" => "replace",
            "b.txt" => "rename",
            _ => "skip",
        };
        browser.is_at(&format!("input[value={choice}]:checked")).await;
        browser.key(Key::Enter).await;
        open.retain(|other| *other != name);
    }
    browser.sees("2 files uploaded").await;
    assert_eq!(names(&ada, "/Box").await, ["a.txt", "b 1.txt", "b.txt", "c.txt"]);
    for (name, text) in [("a.txt", "new"), ("b 1.txt", "new"), ("b.txt", "old"), ("c.txt", "old")] {
        assert_eq!(content(&ada, &format!("/Box/{name}")).await, text.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn one_answer_holds_for_all_names_that_are_taken() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let desk = Desk::new();
    let mut chosen = Vec::new();
    for number in 0..10 {
        keep(&ada, &format!("/Box/{number}.txt"), "old").await;
        chosen.push(desk.put(&format!("{number}.txt"), format!("new {number}")));
    }
    let link = share(&ada, "/Box", "edit").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.press("Upload files").await;
    browser.choose(&chosen).await;
    browser.sees("Do the same for the other").await;
    browser.press("Replace it").await;
    browser.press("Do the same for the other").await;
    browser.press("Go on").await;
    browser.sees("10 files uploaded").await;
    assert_eq!(names(&ada, "/Box").await.len(), 10);
    for number in 0..10 {
        assert_eq!(content(&ada, &format!("/Box/{number}.txt")).await, format!("new {number}").as_bytes());
    }
}

#[tokio::test]
async fn a_page_that_only_takes_files_thanks_for_them_and_shows_nothing() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    keep(&ada, "/In/secret.txt", "old").await;
    let link = share(&ada, "/In", "createOnly").await;
    let desk = Desk::new();
    let big = noise(6 * MB);
    let dropped = [desk.put("thesis.bin", &big), desk.put("secret.txt", "new")];
    desk.put("Work/1.txt", "one");
    desk.put("Work/deep/2.txt", "two");
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.sees("Send files to Ada").await;
    browser.drop_files(&[&dropped[..], &[desk.at("Work")]].concat()).await;
    browser.sees("Thank you, 4 files arrived").await;
    browser.sees("They are in “In” now. Ada Lovelace can see them.").await;
    assert!(content(&ada, "/In/thesis.bin").await == big);
    for (path, text) in
        [("secret.txt", "old"), ("secret 1.txt", "new"), ("Work/1.txt", "one"), ("Work/deep/2.txt", "two")]
    {
        assert_eq!(content(&ada, &format!("/In/{path}")).await, text.as_bytes(), "{path}");
    }
    browser.press("Send more").await;
    browser.sees("Drop files or folders here").await;
    browser.press("Choose files").await;
    browser.choose(&[desk.put("late.txt", "late")]).await;
    browser.sees("Thank you, 1 file arrived").await;
    // The name that a second file of this name got is not told: that would tell of the first.
    assert!(!browser.text().await.contains("secret 1"));
    browser.driver.refresh().await.expect("a page");
    browser.sees("This page only takes files").await;
    let page = browser.driver.source().await.expect("a page");
    for name in ["secret", "thesis", "Work", "late.txt"] {
        assert!(!page.contains(name), "{name}");
    }
    let api = format!("/v1.0/shares/{}/driveItem", link["shareId"].as_str().expect("an id"));
    for path in ["/children", ":/secret.txt", ":/thesis.bin:/content", ":/Work:/children"] {
        app.anybody().get(&format!("{api}{path}")).await.expect_error(404, "itemNotFound");
    }
}

#[tokio::test]
async fn a_file_is_replaced_by_one_that_is_chosen_unless_somebody_was_faster() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let item = keep(&ada, "/Plan.txt", "first").await;
    let link = ada.link(&item, "edit").await;
    let desk = Desk::new();
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.sees("You can edit.").await;
    browser.press("Choose a file").await;
    browser.choose(&[desk.put("other name.txt", "second")]).await;
    browser.sees("Replaced. Everybody with this link gets your version now.").await;
    browser.sees("second").await;
    assert_eq!(browser.texts("h1").await, ["Plan.txt"]);
    assert_eq!(content(&ada, "/Plan.txt").await, b"second");
    keep(&ada, "/Plan.txt", "third").await;
    browser.press("Choose a file").await;
    browser.choose(&[desk.put("other name.txt", "fourth")]).await;
    browser.sees("Somebody else replaced this file a moment ago.").await;
    assert_eq!(content(&ada, "/Plan.txt").await, b"third");
    browser.press("Load the page again").await;
    browser.sees("third").await;
    let big = noise(12 * MB);
    browser.press("Choose a file").await;
    browser.choose(&[desk.put("big.bin", &big)]).await;
    browser.until("location.search.includes('done=replaced')").await;
    browser.sees("Replaced. Everybody with this link gets your version now.").await;
    assert!(content(&ada, "/Plan.txt").await == big);
}

#[tokio::test]
async fn a_link_that_is_revoked_ends_what_is_on_its_way() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let box_id = folder(&ada, "Box").await;
    let link = ada.link(&box_id, "edit").await;
    let desk = Desk::new();
    let film = desk.put("film.bin", noise(30 * MB));
    let way = Way::to(&app).await;
    way.narrow(15 * MB as u64);
    let browser = Browser::start().await;
    browser.open(&format!("{}{}", way.url, page_path(&link))).await;
    browser.press("Upload files").await;
    browser.choose(&[film]).await;
    way.is_stuck().await;
    let id = link["id"].as_str().expect("an id");
    ada.delete(&format!("/drive/items/{box_id}/permissions/{id}")).await.expect(204);
    way.heal();
    browser.sees("This link doesn’t open anything any more.").await;
    assert!(names(&ada, "/Box").await.is_empty());
}
