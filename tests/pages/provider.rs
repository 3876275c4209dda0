//! Signing in at a provider, which is another program, with pages of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use thirtyfour::Key;

use crate::browser::Browser;
use crate::support::{Kind, TestApp, eventually};

const SECRET: &str = "what only the two of them know, and is as long as it should be";

/// Ended when it is dropped.
struct Provider {
    url: String,
    child: Child,
    /// It ends where nobody takes what it says.
    _output: BufReader<ChildStdout>,
}

impl Provider {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("node")
            .arg(root.join("tests/pages/provider.mjs"))
            .arg(SECRET)
            .current_dir(root.join("target/pages"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is not on this machine: scripts/test installs it");
        let mut url = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        output.read_line(&mut url).expect("text");
        assert!(url.starts_with("http"), "oidc-provider: scripts/test installs it");
        Self { url: url.trim().to_owned(), child, _output: output }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose users sign in at a provider.
async fn start() -> (Provider, TestApp, tempfile::TempDir) {
    let provider = Provider::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).expect("a file");
    let flags = [
        "--oidc-issuer",
        &provider.url,
        "--oidc-audience=x",
        "--oidc-client-id=everlink",
        "--oidc-client-secret-file",
        file.to_str().expect("UTF-8"),
    ];
    let app = TestApp::start_with(Kind::Sqlite, &flags).await;
    (provider, app, folder)
}

/// Goes to the provider, signs in there, and lets it tell Everlink.
async fn sign_in(browser: &Browser, name: &str) {
    browser.press("Sign in with").await;
    browser.find("[name=login]").await.send_keys(name).await.expect("it takes text");
    browser.find("[name=password]").await.send_keys("x").await.expect("it takes text");
    browser.press("Sign-in").await;
    browser.press("Continue").await;
}

#[tokio::test]
async fn one_signs_in_at_a_provider_and_comes_to_what_was_asked_for() {
    let (_provider, app, folder) = start().await;
    let (ada, bob) = Browser::pair().await;
    ada.open(&format!("{}/my", app.url)).await;
    ada.sees("Welcome back").await;
    sign_in(&ada, "ada").await;
    ada.sees("Put your first files here").await;
    assert_eq!(ada.url().await, format!("{}/my", app.url));
    assert_eq!(ada.texts(".account b").await, ["Ada"]);
    let file = folder.path().join("Notes.txt");
    std::fs::write(&file, "by the river").expect("a file");
    ada.click("[data-choose-files]").await;
    ada.choose(&[file]).await;
    ada.sees("1 file uploaded").await;
    ada.click("tr .share").await;
    ada.press("Create a link").await;
    ada.click("[name=scope][value=organization]").await;
    ada.press("Create link").await;
    ada.sees("Link created").await;
    let link = ada.run("return document.querySelector('dialog .cp input').value", &[]).await;
    let link = link.as_str().expect("an address").to_owned();
    // Who has an account there, too, opens it with theirs.
    bob.open(&link).await;
    bob.sees("For people at").await;
    assert!(!bob.text().await.contains("Notes"));
    bob.press("Sign in").await;
    bob.sees("Welcome back").await;
    sign_in(&bob, "bob").await;
    bob.sees("by the river").await;
    assert_eq!(bob.url().await, link);
    bob.open(&format!("{}/my", app.url)).await;
    bob.sees("Put your first files here").await;
    bob.click(".account summary").await;
    bob.press("Sign out").await;
    bob.sees("You’re signed out.").await;
    bob.open(&link).await;
    bob.sees("For people at").await;
    // A sign-in that was done elsewhere lets nobody in here.
    let asked = ada.messages("Network.requestWillBeSent").await;
    let mut asked = asked.iter().filter_map(|message| message["request"]["url"].as_str());
    let callback = asked.rfind(|url| url.contains("/signin/callback?")).expect("it came back").to_owned();
    for browser in [&bob, &ada] {
        browser.open(&callback).await;
        browser.sees("The sign-in was begun elsewhere, or too long ago.").await;
    }
    bob.open(&format!("{}/my", app.url)).await;
    bob.sees("Welcome back").await;
}

#[tokio::test]
async fn who_does_not_sign_in_at_the_provider_is_told_and_may_try_again() {
    let (provider, app, _folder) = start().await;
    let browser = Browser::start().await;
    browser.open(&format!("{}/my/links", app.url)).await;
    browser.press("Sign in with").await;
    browser.press("Cancel").await;
    browser.sees("That didn’t work.").await;
    browser.sees("Everlink never sees your password.").await;
    browser.press("Try again").await;
    browser.find("[name=login]").await;
    assert!(browser.url().await.starts_with(&provider.url));
    browser.open(&format!("{}/my/links", app.url)).await;
    browser.sees("Welcome back").await;
    sign_in(&browser, "ada").await;
    browser.sees("No links yet").await;
    assert_eq!(browser.url().await, format!("{}/my/links", app.url));
}

/// Goes on by the keyboard to what a selector finds, and does what it is for.
async fn enter(browser: &Browser, selector: &str) {
    browser.tab_to(selector).await;
    browser.key(Key::Enter).await;
}

#[tokio::test]
async fn a_file_is_shared_seen_to_be_opened_and_closed_again_by_keyboard_alone() {
    let (_provider, app, folder) = start().await;
    let (ada, guest) = Browser::pair().await;
    ada.open(&format!("{}/my", app.url)).await;
    ada.sees("Welcome back").await;
    enter(&ada, "a[href^='/signin/start']").await;
    ada.sees("Sign-in").await;
    ada.tab_to("[name=login]").await;
    ada.keys("ada").await;
    ada.tab_to("[name=password]").await;
    ada.keys(format!("x{}", char::from(Key::Enter))).await;
    ada.sees("Continue").await;
    enter(&ada, "button[type=submit]").await;
    ada.sees("Put your first files here").await;
    let file = folder.path().join("Notes.txt");
    std::fs::write(&file, "by the river").expect("a file");
    enter(&ada, "[data-choose-files]").await;
    ada.choose(&[file]).await;
    ada.sees("1 file uploaded").await;
    enter(&ada, "tr .share").await;
    ada.sees("Nobody can open this but you").await;
    enter(&ada, "dialog .ft a").await;
    ada.sees("What can people do?").await;
    ada.tab_to("dialog [name=type]:checked").await;
    ada.key(Key::Down).await;
    ada.is_at("[name=type][value=edit]:checked").await;
    enter(&ada, "dialog .ft button").await;
    ada.sees("Link created").await;
    ada.tab_to("dialog .cp input").await;
    ada.hold(Key::Control, 'a').await;
    ada.hold(Key::Control, 'c').await;
    ada.key(Key::Escape).await;
    ada.until("!document.querySelector('dialog')").await;
    ada.is_at("tr .share").await;
    ada.tab_to("[data-search]").await;
    ada.hold(Key::Control, 'v').await;
    let link = ada.run("return document.querySelector('[data-search]').value", &[]).await;
    let link = link.as_str().expect("an address").to_owned();
    guest.open(&link).await;
    guest.sees("by the river").await;
    guest.sees("You can edit.").await;
    eventually("the open is counted", async || {
        app.database.number("SELECT CAST(coalesce(sum(views), 0) AS bigint) FROM link_opens").await == 1
    })
    .await;
    enter(&ada, "tr .share").await;
    ada.sees("Once").await;
    // The same link again, which is there already.
    enter(&ada, "dialog .ft a").await;
    ada.tab_to("dialog [name=type]:checked").await;
    ada.key(Key::Down).await;
    enter(&ada, "dialog .ft button").await;
    ada.sees("This link was there already").await;
    assert_eq!(ada.texts("dialog .lk").await.len(), 1);
    enter(&ada, "dialog .lk .dgr").await;
    ada.sees("Remove this link?").await;
    ada.until("document.activeElement.textContent.trim() === 'Keep it'").await;
    enter(&ada, "dialog .b.d").await;
    ada.sees("Link removed. It’s dead from now on.").await;
    guest.driver.refresh().await.expect("a page");
    guest.sees("This link doesn’t open anything").await;
    ada.key(Key::Escape).await;
    ada.until("!document.querySelector('dialog')").await;
    enter(&ada, ".account summary").await;
    enter(&ada, ".account [value=here]").await;
    ada.sees("You’re signed out.").await;
    ada.driver.back().await.expect("a page");
    ada.sees("Welcome back").await;
    assert!(!ada.text().await.contains("Notes"));
}
