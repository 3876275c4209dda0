//! The page on which calls are tried, which is Swagger UI: what it needs of this service is looked at, not how it looks.

use crate::browser::Browser;
use crate::support::{DevApp, Kind, TestApp};

/// Where the documentation's page leads for createLink.
const CREATE_LINK: &str = "/docs/try#/Sharing/create_link_by_path";
const BLOCK: &str = "#operations-Sharing-create_link_by_path";

/// Presses Execute at createLink, and waits for a status.
async fn create_link(browser: &Browser, status: &str) {
    browser.click(&format!("{BLOCK} .execute")).await;
    let shown =
        format!("document.querySelector('{BLOCK} .live-responses-table .response .response-col_status')");
    browser.until(&format!("{shown}?.innerText.startsWith('{status}')")).await;
}

/// Operations of the documentation's page by where they lead to, and those of this one by what Swagger UI names them.
const LED_TO: &str = "return [...document.querySelectorAll('dd a')].map(({ hash }) =>
    decodeURI(hash).replace('#/', 'operations-').replace('/', '-').replaceAll(' ', '_'));";
const SHOWN: &str = "return [...document.querySelectorAll('.opblock')].map(({ id }) => id);";

#[tokio::test]
async fn every_call_can_be_tried_in_the_browser() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    alice.upload("/docs/README.md", "Hello").await;
    let browser = Browser::start().await;
    browser.open(&format!("{}/docs", app.url)).await;
    let led_to = browser.run(LED_TO, &[]).await;
    browser.click(&format!("[href='{CREATE_LINK}']")).await;
    browser.find(&format!("{BLOCK} .execute")).await;
    assert_eq!(browser.run(SHOWN, &[]).await, led_to);
    assert!(led_to.as_array().is_some_and(|all| all.len() > 50), "{led_to}");
    create_link(&browser, "401").await;
    browser.click(".btn.authorize").await;
    let field = browser.find(".auth-container input").await;
    field.send_keys(alice.token.clone().expect("a token")).await.expect("keys");
    browser.click(".auth-container [type=submit]").await;
    browser.click(".btn-done").await;
    create_link(&browser, "201").await;
    create_link(&browser, "200").await;
    // Chromium tells there of what a policy forbids; of statuses, too, and Swagger UI of underscores in addresses.
    let told = browser.console().await;
    assert!(told.iter().any(|one| one.contains("401")), "{told:?}");
    assert!(told.iter().all(|one| one.contains("401") || one.contains("Deprecated")), "{told:?}");
}

#[tokio::test]
async fn a_server_for_tests_gives_the_page_a_token() {
    let dev = DevApp::start(&[]).await;
    let token = dev.http.get(format!("{}/dev/token", dev.url)).send().await.expect("an answer");
    let token = token.text().await.expect("a token");
    let file = dev.http.put(format!("{}/v1.0/me/drive/root:/docs/README.md:/content", dev.url));
    let answer = file.bearer_auth(token).body("Hello").send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let browser = Browser::start().await;
    browser.open(&format!("{}/docs/try", dev.url)).await;
    browser.find(".btn.authorize.locked").await;
    browser.click(&format!("{BLOCK} .opblock-summary-control")).await;
    create_link(&browser, "201").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}
