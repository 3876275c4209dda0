//! Pages for everybody: axe-core looks at each of them, as tests/pages/package.json has it.

use std::path::Path;

use serde_json::json;

use crate::browser::Browser;
use crate::samples::{ada, folder, keep, pdf, png, share, wav};
use crate::support::{Kind, TestApp, page_path, web_url};

const RULES: &[&str] = &["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// What axe-core finds in the page as it is shown: rules, and what breaks them.
const FIND: &str = "
    scrollTo(0, document.body.scrollHeight);
    return axe.run({ runOnly: arguments[0], resultTypes: ['violations'] }).then(({ violations }) =>
        violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
            `${id}: ${target}: ${failureSummary}`)));";

pub fn axe() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file).expect("axe-core: scripts/test installs it")
}

/// What is wrong with a page, in both themes and at two sizes.
pub async fn look(browser: &Browser, axe: &str, what: &str, found: &mut Vec<String>) {
    browser.run(axe, &[]).await;
    for (device, width, height) in [("desktop", 1280, 900), ("phone", 390, 844)] {
        for theme in ["light", "dark"] {
            browser.look(width, height, theme).await;
            let problems = browser.run(FIND, &[json!(RULES)]).await;
            for problem in problems.as_array().expect("a list") {
                found.push(format!("{what}, {device}, {theme}: {}", problem.as_str().expect("a text")));
            }
        }
    }
}

#[tokio::test]
async fn pages_of_files_can_be_used_by_everybody() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let axe = axe();
    let browser = Browser::start().await;
    let mut found = Vec::new();
    let long = format!("{}.txt", "a long name ".repeat(9).trim());
    let files: [(&str, Vec<u8>); 9] = [
        ("Valley.png", png(900, 600, [0, 90, 60])),
        ("Notes.txt", "Walked along the river.\n".repeat(60).into_bytes()),
        (&long, b"x".to_vec()),
        (
            "Notes.md",
            b"# Trip\n\nBy the *river*, [as told](https://example.com).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
                .to_vec(),
        ),
        ("Costs.csv", b"what,sum\nfood,12\ntrain,34\n".to_vec()),
        ("Plan.pdf", pdf("")),
        ("Talk.wav", wav(3)),
        ("Backup.zip", b"PK".to_vec()),
        ("Empty.txt", Vec::new()),
    ];
    for (name, bytes) in files {
        keep(&ada, &format!("/{name}"), bytes).await;
        let link = share(&ada, &format!("/{name}"), "view").await;
        browser.open(web_url(&link)).await;
        look(&browser, &axe, name, &mut found).await;
    }
    for (name, link_type) in [("Valley.png", "blocksDownload"), ("Notes.txt", "edit"), ("Backup.zip", "edit")]
    {
        let link = share(&ada, &format!("/{name}"), link_type).await;
        browser.open(web_url(&link)).await;
        look(&browser, &axe, &format!("{name}, {link_type}"), &mut found).await;
    }
    for name in ["Valley.png", "Talk.wav", "Backup.zip"] {
        let link = share(&ada, &format!("/{name}"), "embed").await;
        browser.open(&format!("{}{}", app.url, page_path(&link).replace("/redir", "/embed"))).await;
        look(&browser, &axe, &format!("{name}, embedded"), &mut found).await;
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn pages_of_folders_can_be_used_by_everybody() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let axe = axe();
    let browser = Browser::start().await;
    let mut found = Vec::new();
    keep(&ada, "/Trip/Valley.png", png(90, 60, [0, 90, 60])).await;
    keep(&ada, "/Trip/A map/Walk.txt", "x").await;
    let trip = ada.get("/drive/root:/Trip").await.expect(200).json();
    app.database.fill(trip["id"].as_str().expect("an id"), 220, "day ").await;
    folder(&ada, "Nothing").await;
    for (path, link_type) in [
        ("/Trip", "view"),
        ("/Trip", "edit"),
        ("/Trip", "blocksDownload"),
        ("/Nothing", "view"),
        ("/Nothing", "edit"),
        ("/Trip", "createOnly"),
    ] {
        let link = share(&ada, path, link_type).await;
        browser.open(web_url(&link)).await;
        look(&browser, &axe, &format!("{path}, {link_type}"), &mut found).await;
        if link_type == "createOnly" {
            let desk = tempfile::tempdir().expect("a folder");
            let file = desk.path().join("thesis.txt");
            std::fs::write(&file, "x").expect("a file");
            browser.press("Choose files").await;
            browser.choose(&[file]).await;
            browser.sees("Thank you, 1 file arrived").await;
            look(&browser, &axe, "after sending", &mut found).await;
            browser.open(&format!("{}&done=uploaded&n=3", web_url(&link))).await;
            look(&browser, &axe, "after sending without script", &mut found).await;
        }
    }
    let link = share(&ada, "/Trip", "view").await;
    browser.open(web_url(&link)).await;
    browser.press("A map").await;
    browser.until("document.querySelector('.crumbs')").await;
    look(&browser, &axe, "a folder within", &mut found).await;
    browser.press("Walk.txt").await;
    browser.until("document.querySelector('.stage')").await;
    look(&browser, &axe, "a file within", &mut found).await;
    // What opens over a page.
    browser.open(web_url(&link)).await;
    browser.click("[aria-label='Select A map']").await;
    browser.sees("1 selected").await;
    look(&browser, &axe, "a selection", &mut found).await;
    browser.keys("?").await;
    browser.sees("From row to row").await;
    look(&browser, &axe, "the list of keys", &mut found).await;
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn uploads_can_be_followed_by_everybody() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let axe = axe();
    let browser = Browser::start().await;
    let mut found = Vec::new();
    keep(&ada, "/Box/a.txt", "old").await;
    let link = share(&ada, "/Box", "edit").await;
    let desk = tempfile::tempdir().expect("a folder");
    let files = ["a.txt", "b.txt"].map(|name| desk.path().join(name));
    for file in &files {
        std::fs::write(file, "new").expect("a file");
    }
    browser.open(web_url(&link)).await;
    browser.press("Upload files").await;
    browser.choose(&files).await;
    browser.sees("is already here").await;
    browser.until("document.querySelector('dialog[open]')").await;
    look(&browser, &axe, "a name that is taken", &mut found).await;
    browser.press("Go on").await;
    browser.sees("2 files uploaded").await;
    look(&browser, &axe, "uploads that are over", &mut found).await;
    browser.press("New folder").await;
    look(&browser, &axe, "a new folder", &mut found).await;
    let bad = desk.path().join("bad?.txt");
    std::fs::write(&bad, "new").expect("a file");
    browser.press("Upload files").await;
    browser.choose(&[bad]).await;
    browser.sees("1 of 1 file didn’t arrive").await;
    look(&browser, &axe, "an upload that failed", &mut found).await;
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn pages_that_say_one_thing_can_be_used_by_everybody() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let axe = axe();
    let browser = Browser::start().await;
    let mut found = Vec::new();
    let item = keep(&ada, "/a.txt", "x").await;
    let link = ada.link(&item, "view").await;
    let inside = keep(&ada, "/inside.txt", "x").await;
    let body = json!({ "type": "view", "scope": "organization" });
    let inside = ada.post(&format!("/drive/items/{inside}/createLink"), body).await.expect(201).json();
    for (what, path) in [
        ("gone", "/redir?resid=CAFE!3&authkey=!x".to_owned()),
        ("no page", "/nowhere".to_owned()),
        ("home", "/".to_owned()),
        // Not /docs/try: what it shows is Swagger UI's own.
        ("docs", "/docs".to_owned()),
        ("organization", page_path(&inside)),
        ("code", page_path(&link).replace("/redir", "/qr")),
    ] {
        browser.open(&format!("{}{path}", app.url)).await;
        look(&browser, &axe, what, &mut found).await;
    }
    browser.open(web_url(&link)).await;
    browser.press("QR code").await;
    browser.sees("Scan to open").await;
    look(&browser, &axe, "the code over a page", &mut found).await;
    // It would have found something.
    browser
        .run(
            "document.querySelector('dialog').remove(); document.querySelector('main').append(new Image())",
            &[],
        )
        .await;
    let before = found.len();
    look(&browser, &axe, "a picture without a text", &mut found).await;
    assert!(found.len() > before);
    found.truncate(before);
    assert!(found.is_empty(), "{found:#?}");
}
