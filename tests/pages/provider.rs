//! Signing in at a provider, which is another program, with pages of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::browser::Browser;
use crate::support::{Kind, TestApp};

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
