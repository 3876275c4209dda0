//! Links that show something.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;

use crate::browser::Browser;
use crate::samples::{ada, folder, keep, pdf, png, share, wav};
use crate::support::{Kind, TestApp, web_url};

#[tokio::test]
async fn a_link_shows_the_current_version_until_it_is_revoked() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let (first, second) = (png(300, 200, [0, 90, 60]), png(500, 100, [90, 0, 60]));
    let item = keep(&ada, "/Valley.png", first.clone()).await;
    let link = ada.link(&item, "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    assert_eq!(browser.texts("h1").await, ["Valley.png"]);
    browser.sees("Shared by Ada Lovelace").await;
    browser.until("document.querySelector('.stage img').naturalWidth === 300").await;
    browser.press("Download").await;
    assert_eq!(browser.downloaded("Valley.png").await, first);
    keep(&ada, "/Valley.png", second.clone()).await;
    browser.driver.refresh().await.expect("a page");
    browser.until("document.querySelector('.stage img').naturalWidth === 500").await;
    browser.press("Download").await;
    assert_eq!(browser.downloaded("Valley.png").await, second);
    let preview = browser.run("return document.querySelector('.stage img').src", &[]).await;
    let preview = preview.as_str().expect("an address").to_owned();
    let id = link["id"].as_str().expect("an id");
    ada.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
    browser.driver.refresh().await.expect("a page");
    browser.sees("This link doesn’t open anything").await;
    assert!(!browser.text().await.contains("Valley"));
    app.anybody().get(&preview).await.expect(404);
    browser.open(&preview).await;
    browser.sees("This link doesn’t open anything").await;
}

#[tokio::test]
async fn a_folder_leads_three_levels_down_and_back() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    keep(&ada, "/private/Trip/Day 1/Morning/Walk.txt", "along the river").await;
    let link = share(&ada, "/private/Trip", "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    for (name, crumbs) in [
        ("Day 1", &["Trip"][..]),
        ("Morning", &["Trip", "Day 1"]),
        ("Walk.txt", &["Trip", "Day 1", "Morning"]),
    ] {
        browser.press(name).await;
        browser.until(&format!("document.querySelector('h1').textContent === '{name}'")).await;
        assert_eq!(browser.texts(".crumbs a").await, crumbs);
        assert!(!browser.text().await.contains("private"));
    }
    browser.sees("along the river").await;
    browser.press("Day 1").await;
    browser.until("document.querySelector('h1').textContent === 'Day 1'").await;
    browser.press("Trip").await;
    browser.until("document.querySelector('h1').textContent === 'Trip'").await;
    assert!(browser.texts(".crumbs a").await.is_empty());
    browser.press("Download all").await;
    let bytes = browser.downloaded("Trip.zip").await;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let walk = archive.by_name("Day 1/Morning/Walk.txt").expect("a file");
    assert_eq!(std::io::read_to_string(walk).expect("text"), "along the river");
}

#[tokio::test]
async fn a_thousand_entries_are_reached_by_next_in_the_order_of_a_column() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let big = folder(&ada, "big").await;
    app.database.fill(&big, 1000, "Folder ").await;
    let link = ada.link(&big, "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.sees("1,000 items").await;
    assert_eq!(browser.texts("[aria-sort=ascending]").await, ["Name"]);
    browser.press("Name").await;
    browser.until("document.querySelector('[aria-sort=descending]')").await;
    let mut all = Vec::new();
    loop {
        let names = browser.texts(".nm a").await;
        let first = names[0].clone();
        all.extend(names);
        if browser.texts("a[rel=next]").await.is_empty() {
            break;
        }
        browser.click("a[rel=next]").await;
        let first = serde_json::to_string(&first).expect("a text");
        browser.until(&format!("document.querySelector('.nm a').textContent !== {first}")).await;
    }
    browser.sees("801–1000 of 1000").await;
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (1000, 1000));
    assert!(all.is_sorted_by(|a, b| a > b), "{all:?}");
}

/// How much of a picture of the window is red, as the browser itself counts it.
const RED: &str = "
    const image = new Image();
    image.src = 'data:image/png;base64,' + arguments[0];
    return image.decode().then(() => {
        const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
        canvas.drawImage(image, 0, 0);
        const { data } = canvas.getImageData(0, 0, image.width, image.height);
        let red = 0;
        for (let at = 0; at < data.length; at += 4) red += data[at] > 200 && data[at + 1] < 60 && data[at + 2] < 60;
        return red / (data.length / 4);
    });";

#[tokio::test]
async fn a_pdf_is_shown_by_the_browsers_own_viewer() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let item = keep(&ada, "/Red.pdf", pdf("")).await;
    let link = ada.link(&item, "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    crate::support::eventually("the page of the document is seen", async || {
        let shot = browser.driver.screenshot_as_png_base64().await.expect("a picture");
        browser.run(RED, &[json!(shot)]).await.as_f64().expect("a number") > 0.1
    })
    .await;
}

#[tokio::test]
async fn a_recording_is_played_from_its_midst_without_its_beginning() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    let sound = wav(300);
    let size = sound.len();
    let item = keep(&ada, "/Talk.wav", sound).await;
    let link = ada.link(&item, "view").await;
    let browser = Browser::start().await;
    browser.open(web_url(&link)).await;
    browser.until("document.querySelector('audio').readyState > 0").await;
    assert_eq!(
        browser.run("return document.querySelector('audio').duration", &[]).await.as_f64(),
        Some(300.0)
    );
    browser.messages("").await;
    let seek = "const audio = document.querySelector('audio');
                return new Promise((done) => {
                    audio.onseeked = () => done(audio.currentTime);
                    audio.currentTime = 200;
                });";
    assert_eq!(browser.run(seek, &[]).await.as_f64(), Some(200.0));
    let answers = browser.messages("Network.responseReceived").await;
    let starts = answers.iter().filter(|answer| answer["response"]["status"] == 206).map(|answer| {
        let headers = answer["response"]["headers"].as_object().expect("headers");
        let range =
            headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-range")).expect("a range").1;
        let start =
            range.as_str().expect("a text").trim_start_matches("bytes ").split('-').next().expect("a start");
        start.parse::<usize>().expect("a number")
    });
    let starts: Vec<usize> = starts.collect();
    assert!(starts.iter().any(|start| *start > size / 2), "{starts:?}: {answers:?}");
}

#[tokio::test]
async fn a_page_that_was_left_open_for_hours_still_downloads() {
    let app = TestApp::start(Kind::Sqlite).await;
    let ada = ada(&app);
    keep(&ada, "/Trip/Notes.txt", "by the river").await;
    let (file, folder) = (share(&ada, "/Trip/Notes.txt", "view").await, share(&ada, "/Trip", "view").await);
    let browser = Browser::start().await;
    browser.open(web_url(&file)).await;
    app.pass(TimeDelta::hours(2));
    browser.press("Download").await;
    assert_eq!(browser.downloaded("Notes.txt").await, b"by the river");
    browser.open(web_url(&folder)).await;
    app.pass(TimeDelta::hours(2));
    browser.click("[aria-label='Download Notes.txt']").await;
    assert_eq!(browser.downloaded("Notes.txt").await, b"by the river");
    browser.press("Download all").await;
    assert!(browser.downloaded("Trip.zip").await.starts_with(b"PK"));
}
