//! What pages weigh, and that nothing in them jumps.

use serde_json::json;

use crate::browser::Browser;
use crate::samples::{ada, folder, keep, pdf, png, share};
use crate::site::{me, sign_in};
use crate::support::{Kind, TestApp, web_url};

/// What has jumped so far, and how far.
const SHIFTS: &str = "
    const shifts = [];
    const place = ({ x, y, width, height }) => [x, y, width, height].join(' ');
    const text = ({ node, previousRect, currentRect }) =>
        `${node?.nodeName} ${node?.className}: ${place(previousRect)} to ${place(currentRect)}`;
    // A page may be painted before the last of it has come: what grows until then does not jump.
    const { domInteractive } = performance.getEntriesByType('navigation')[0];
    const isLate = ({ startTime }) => startTime >= domInteractive;
    const add = (entries) => entries.filter(isLate).forEach(
        ({ value, sources }) => shifts.push([value, ...sources.map(text)]));
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
        add(observer.takeRecords());
        done(shifts);
    }))));";

/// What was loaded beside what is shown and the tab's icon: addresses and bytes, as they came over the network.
const LOADED: &str = "
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const loaded = all.filter(({ name }) => !/preview\\?|icon-/.test(name));
    return loaded.map(({ name, transferSize }) => [name, transferSize]);";

#[tokio::test]
async fn a_files_page_is_light() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let item = keep(&ada, "/Valley.png", png(900, 600, [0, 90, 60])).await;
    let link = ada.link(&item, "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.until("document.querySelector('.stage img').naturalWidth === 900").await;
    let loaded = browser.run(LOADED, &[]).await;
    let loaded: Vec<(String, u64)> = serde_json::from_value(loaded).expect("a list");
    assert!(loaded.len() <= 3, "{loaded:?}");
    assert!(loaded.iter().all(|(_, bytes)| *bytes > 0), "{loaded:?}");
    let bytes: u64 = loaded.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes < 30_000, "{bytes}: {loaded:?}");
    // Whoever comes again loads the page alone.
    browser.driver.refresh().await.expect("a page");
    browser.until("document.querySelector('.stage img').naturalWidth === 900").await;
    let again = browser.run(LOADED, &[]).await;
    let again: Vec<(String, u64)> = serde_json::from_value(again).expect("a list");
    assert!(again.iter().filter(|(_, bytes)| *bytes > 0).count() <= 1, "{again:?}");
}

#[tokio::test]
async fn the_owners_site_is_light() {
    let app = TestApp::start(Kind::Sqlite).await;
    let browser = Browser::start().await;
    let me = me(&app);
    for number in 0..100 {
        keep(&me, &format!("/Notes {number}.txt"), "x").await;
    }
    sign_in(&browser, &app).await;
    browser.until("document.documentElement.classList.contains('js')").await;
    let loaded = browser.run(LOADED, &[]).await;
    let loaded: Vec<(String, u64)> = serde_json::from_value(loaded).expect("a list");
    assert!(loaded.len() <= 4, "{loaded:?}");
    assert!(loaded.iter().all(|(_, bytes)| *bytes > 0), "{loaded:?}");
    let bytes: u64 = loaded.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes < 60_000, "{bytes}: {loaded:?}");
}

#[tokio::test]
async fn nothing_in_a_page_jumps() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    keep(&ada, "/Trip/Valley.png", png(900, 600, [0, 90, 60])).await;
    keep(&ada, "/Trip/Notes.txt", "by the river").await;
    keep(&ada, "/Trip/Plan.pdf", pdf("")).await;
    let browser = Browser::start().await;
    for (path, link_type) in [
        ("/Trip", "view"),
        ("/Trip", "edit"),
        ("/Trip", "createOnly"),
        ("/Trip/Valley.png", "view"),
        ("/Trip/Notes.txt", "edit"),
        ("/Trip/Plan.pdf", "view"),
    ] {
        let link = share(&ada, path, link_type).await;
        for (width, height) in [(1280, 900), (390, 844)] {
            browser.look(width, height, "light").await;
            browser.open(web_url(&link)).await;
            browser.until("document.documentElement.classList.contains('js')").await;
            browser.until("[...document.images].every((image) => image.complete)").await;
            assert_eq!(browser.run(SHIFTS, &[]).await, json!([]), "{path}, {link_type}, {width}");
        }
    }
    // It would have been seen.
    browser.run("document.querySelector('main').style.marginTop = '300px'", &[]).await;
    assert_ne!(browser.run(SHIFTS, &[]).await, json!([]));
}

#[tokio::test]
async fn nothing_is_wider_than_the_smallest_phone() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let long = format!("Minutes_of_the_meeting_that_had_no_end_{}.png", "and_went_on".repeat(7));
    keep(&ada, &format!("/Trip/{long}"), png(2000, 100, [0, 90, 60])).await;
    keep(&ada, "/Trip/x.csv", "a,b,c,d,e,f,g,h,i,j\n".repeat(9)).await;
    keep(&ada, "/Trip/code.rs", format!("let a = \"{}\";\n", "long ".repeat(80))).await;
    keep(
        &ada,
        "/Trip/x.md",
        format!("# {}\n\n| a | b |\n|---|---|\n| {} | 2 |\n", "x".repeat(90), "y".repeat(90)),
    )
    .await;
    keep(&ada, "/Trip/x.pdf", pdf("")).await;
    keep(&ada, "/Trip/x.zip", "x").await;
    folder(&ada, "Nothing").await;
    let mut pages = vec![("gone".to_owned(), format!("{}/redir?resid=x", app.url))];
    // Not /docs/try: what it shows is Swagger UI's own.
    pages.push(("docs".to_owned(), format!("{}/docs", app.url)));
    for (path, link_type) in [
        ("/Trip".to_owned(), "view"),
        ("/Trip".to_owned(), "edit"),
        ("/Trip".to_owned(), "createOnly"),
        ("/Nothing".to_owned(), "edit"),
        (format!("/Trip/{long}"), "view"),
        (format!("/Trip/{long}"), "edit"),
        ("/Trip/x.csv".to_owned(), "view"),
        ("/Trip/code.rs".to_owned(), "view"),
        ("/Trip/x.md".to_owned(), "blocksDownload"),
        ("/Trip/x.pdf".to_owned(), "view"),
        ("/Trip/x.zip".to_owned(), "view"),
    ] {
        let link = share(&ada, &path, link_type).await;
        pages.push((format!("{path}, {link_type}"), web_url(&link).to_owned()));
        pages.push((format!("{path}, {link_type}, code"), web_url(&link).replace("/redir", "/qr")));
    }
    let browser = Browser::start().await;
    browser.look(320, 640, "light").await;
    for (what, address) in pages {
        browser.open(&address).await;
        let widths = browser.run("return [document.documentElement.scrollWidth, innerWidth]", &[]).await;
        assert_eq!(widths, json!([320, 320]), "{what}");
    }
}
