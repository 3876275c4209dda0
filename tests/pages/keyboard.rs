//! Without a mouse.

use thirtyfour::Key;

use crate::browser::Browser;
use crate::samples::{ada, keep, names_in, share};
use crate::support::{Kind, TestApp, web_url};

#[tokio::test]
async fn a_folder_is_walked_through_and_downloaded_from_by_keyboard_alone() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    for (path, text) in [
        ("/Trip/a.txt", "one"),
        ("/Trip/b.txt", "two"),
        ("/Trip/c.txt", "three"),
        ("/Trip/Maps/d.txt", "four"),
    ] {
        keep(&ada, path, text).await;
    }
    let link = share(&ada, "/Trip", "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    let row = |number: usize| format!(".t tbody tr:nth-child({number}) .nm a");
    assert_eq!(browser.texts(".nm a").await, ["Maps", "a.txt", "b.txt", "c.txt"]);
    // The first thing leads past what stands above.
    browser.key(Key::Tab).await;
    browser.is_at(".skip").await;
    browser.key(Key::Enter).await;
    browser.is_at("main").await;
    browser.tab_to(&row(1)).await;
    browser.key(Key::Down).await;
    browser.is_at(&row(2)).await;
    browser.key(Key::End).await;
    browser.is_at(&row(4)).await;
    browser.key(Key::Home).await;
    browser.is_at(&row(1)).await;
    browser.key(Key::Up).await;
    browser.is_at(&row(1)).await;
    browser.key(Key::Enter).await;
    browser.until("document.querySelector('h1').textContent === 'Maps'").await;
    browser.tab_to(".crumbs a").await;
    browser.key(Key::Enter).await;
    browser.until("document.querySelector('h1').textContent === 'Trip'").await;
    browser.tab_to(&row(1)).await;
    browser.key(Key::Down).await;
    browser.key(Key::Enter).await;
    browser.sees("one").await;
    browser.key(Key::Right).await;
    browser.sees("two").await;
    browser.key(Key::Right).await;
    browser.sees("three").await;
    browser.key(Key::Left).await;
    browser.sees("two").await;
    browser.keys("d").await;
    assert_eq!(browser.downloaded("b.txt").await, b"two");
    browser.key(Key::Escape).await;
    browser.until("document.querySelector('h1').textContent === 'Trip'").await;
    browser.tab_to(&row(1)).await;
    browser.key(Key::Down).await;
    browser.key(Key::Space).await;
    browser.sees("1 selected").await;
    browser.hold(Key::Shift, Key::Down).await;
    browser.sees("2 selected").await;
    browser.is_at(&row(3)).await;
    browser.tab_to(".selbar button:not([type])").await;
    browser.key(Key::Enter).await;
    assert_eq!(names_in(browser.downloaded("Trip.zip").await), ["a.txt", "b.txt"]);
    browser.key(Key::Escape).await;
    browser.until("document.querySelector('.selbar').hidden").await;
    browser.hold(Key::Control, 'a').await;
    browser.sees("4 selected").await;
    browser.key(Key::Escape).await;
    browser.keys("?").await;
    browser.sees("From row to row").await;
    browser.key(Key::Escape).await;
    browser.until("!document.querySelector('dialog')").await;
}

#[tokio::test]
async fn letters_that_are_switched_off_do_nothing() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let item = keep(&ada, "/a.txt", "one").await;
    let link = ada.link(&item, "edit").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.keys("?").await;
    browser.sees("Letters as shortcuts").await;
    browser.tab_to("dialog input[type=checkbox]").await;
    browser.key(Key::Space).await;
    browser.key(Key::Escape).await;
    browser.driver.refresh().await.expect("a page");
    browser.sees("You can edit.").await;
    browser.keys("u?").await;
    browser.hold(Key::Control, '/').await;
    browser.sees("Letters as shortcuts").await;
    assert_eq!(browser.run("return Boolean(window.chooser)", &[]).await, false);
    assert_eq!(browser.texts("dialog").await.len(), 1);
    browser.key(Key::Escape).await;
    browser.tab_to("[data-choose-files]").await;
    browser.key(Key::Enter).await;
    browser.until("window.chooser").await;
}

#[tokio::test]
async fn a_sheet_gives_the_focus_back_to_what_opened_it() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let item = keep(&ada, "/a.txt", "one").await;
    let link = ada.link(&item, "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.tab_to("[data-sheet]").await;
    browser.key(Key::Enter).await;
    browser.sees("Scan to open").await;
    browser.is_at("dialog h1").await;
    browser.key(Key::Escape).await;
    browser.until("!document.querySelector('dialog')").await;
    browser.is_at("[data-sheet]").await;
}
