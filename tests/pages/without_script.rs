//! What works where no script runs.

use std::path::Path;

use crate::browser::Browser;
use crate::samples::{ada, content, keep, names, names_in, share};
use crate::support::{Kind, TestApp, User, eventually, web_url};

/// Chooses a file in the form's own field.
async fn choose(browser: &Browser, path: &Path) {
    let field = browser.find("input[type=file]").await;
    field.send_keys(path.to_str().expect("UTF-8")).await.expect("a file is chosen");
}

/// Waits until a file is there: what the page says of it, it has perhaps said of one before.
async fn arrives(user: &User, path: &str, bytes: &[u8]) {
    eventually(path, async || {
        let found = user.get(&format!("/drive/root:{path}:/content")).await;
        found.status == 302 && user.get(found.header("location")).await.body == bytes
    })
    .await;
}

#[tokio::test]
async fn folders_and_files_work_without_script() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    keep(&ada, "/Box/notes.txt", "first").await;
    let folder = ada.get("/drive/root:/Box").await.expect(200).json();
    app.database.fill(folder["id"].as_str().expect("an id"), 250, "Folder ").await;
    let link = share(&ada, "/Box", "edit").await;
    let desk = tempfile::tempdir().expect("a folder");
    let mine = desk.path().join("mine.txt");
    std::fs::write(&mine, "mine").expect("a file");
    let browser = Browser::start().await;
    browser.without_script().await;
    browser.open(web_url(&link)).await;
    browser.sees("251 items").await;
    // Nothing is offered that a script would have to do.
    for text in ["Copy link", "Drop files", "Upload a folder"] {
        assert!(!browser.text().await.contains(text), "{text}");
    }
    browser.press("Name").await;
    browser.until("document.querySelector('[aria-sort=descending]')").await;
    browser.press("Size").await;
    browser.until("document.querySelector('.nm a').textContent === 'notes.txt'").await;
    browser.press("Next").await;
    browser.sees("201–251 of 251").await;
    browser.press("Previous").await;
    browser.sees("1–200 of 251").await;
    choose(&browser, &mine).await;
    browser.press("Upload files").await;
    browser.sees("1 file uploaded").await;
    arrives(&ada, "/Box/mine.txt", b"mine").await;
    // A name that is taken is asked about beforehand: both are kept, unless something else is said.
    std::fs::write(&mine, "mine, again").expect("a file");
    choose(&browser, &mine).await;
    browser.press("Upload files").await;
    arrives(&ada, "/Box/mine 1.txt", b"mine, again").await;
    choose(&browser, &mine).await;
    browser.press("Replace it").await;
    browser.press("Upload files").await;
    arrives(&ada, "/Box/mine.txt", b"mine, again").await;
    browser.press("New folder").await;
    browser.find("#name").await.send_keys("Drafts").await.expect("text");
    browser.press("Create").await;
    browser.sees("The folder is there.").await;
    assert!(names(&ada, "/Box").await.contains(&"Drafts".to_owned()));
    browser.press("Size").await;
    browser.until("document.querySelector('[aria-sort] a')?.textContent === 'Size'").await;
    for name in ["mine.txt", "notes.txt"] {
        browser.click(&format!("[aria-label='Select {name}']")).await;
    }
    browser.press("Download selected").await;
    assert_eq!(names_in(browser.downloaded("Box.zip").await), ["mine.txt", "notes.txt"]);
    browser.press("notes.txt").await;
    browser.sees("first").await;
    let times = browser.texts("time").await;
    assert!(times[0].ends_with("UTC"), "{times:?}");
    browser.press("QR code").await;
    browser.sees("Scan to open").await;
    let link = share(&ada, "/Box/notes.txt", "edit").await;
    browser.open(web_url(&link)).await;
    choose(&browser, &mine).await;
    browser.press("Replace this file").await;
    browser.sees("Replaced. Everybody with this link gets your version now.").await;
    assert_eq!(content(&ada, "/Box/notes.txt").await, b"mine, again");
    browser.press("Download").await;
    assert_eq!(browser.downloaded("notes.txt").await, b"mine, again");
    let link = share(&ada, "/Box", "createOnly").await;
    browser.open(web_url(&link)).await;
    choose(&browser, &mine).await;
    browser.press("Send files").await;
    browser.sees("Thank you, 1 file arrived").await;
    assert_eq!(content(&ada, "/Box/mine 2.txt").await, b"mine, again");
}
