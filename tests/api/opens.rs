//! How often links are opened.

use chrono::TimeDelta;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::support::{TestApp, User, download_path, on_each_database, page_path};

on_each_database!(
    opens_are_counted_to_the_last_over_two_servers_and_a_stop,
    opens_are_written_down_by_a_server_that_stops_in_the_middle_of_other_work,
    all_is_written_down_where_it_is_more_than_one_statement_takes,
    what_nobody_opens_is_not_counted,
    an_application_reads_how_often_an_item_was_opened,
);

const OPENS: i64 = 10_000;
const AT_ONCE: usize = 64;

/// Views and downloads of all links, as an admin reads them.
async fn counted(app: &TestApp) -> (i64, i64) {
    let views = app.database.number("SELECT CAST(coalesce(sum(views), 0) AS bigint) FROM admin_links").await;
    let downloads =
        app.database.number("SELECT CAST(coalesce(sum(downloads), 0) AS bigint) FROM admin_links").await;
    (views, downloads)
}

async fn link(alice: &User, path: &str) -> Value {
    let item = alice.upload(path, "0123456789").await;
    alice.link(&item, "view").await
}

async fn opens_are_counted_to_the_last_over_two_servers_and_a_stop(mut app: TestApp) {
    let alice = app.user("alice");
    let link = link(&alice, "/a.txt").await;
    let mut other = app.second().await;
    let (pages, bytes) = (page_path(&link), download_path(&link));
    let opens = (0..OPENS).map(|number| {
        let user = if number % 2 == 0 { app.anybody() } else { other.anybody() };
        let path = if number % 4 == 0 { bytes.clone() } else { pages.clone() };
        async move { user.get(&path).await.expect(200) }
    });
    let all: Vec<_> = futures_util::stream::iter(opens).buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(all.len() as i64, OPENS);
    other.stop().await;
    app.stop().await;
    assert_eq!(counted(&app).await, (OPENS * 3 / 4, OPENS / 4));
}

/// The connections to the database that were just in use are not there any more once the server's threads have ended.
async fn opens_are_written_down_by_a_server_that_stops_in_the_middle_of_other_work(app: TestApp) {
    const ROUNDS: i64 = 5;
    let alice = app.user("alice");
    let link = link(&alice, "/a.txt").await;
    for _ in 0..ROUNDS {
        let mut server = app.second().await;
        server.anybody().get(&page_path(&link)).await.expect(200);
        let alice = server.user("alice");
        let uploads = (0..16).map(|number| {
            let (alice, path) = (&alice, format!("/drive/root:/{number}.txt:/content"));
            async move { alice.put(&path, "x").await }
        });
        futures_util::future::join_all(uploads).await;
        server.stop().await;
    }
    assert_eq!(counted(&app).await, (ROUNDS, 0));
}

/// Each day of a link is written down for itself.
async fn all_is_written_down_where_it_is_more_than_one_statement_takes(mut app: TestApp) {
    const DAYS: i64 = 2_500;
    let alice = app.user("alice");
    let link = link(&alice, "/a.txt").await;
    for _ in 0..DAYS {
        app.pass(TimeDelta::days(1));
        app.anybody().get(&page_path(&link)).await.expect(200);
    }
    app.stop().await;
    assert_eq!(counted(&app).await, (DAYS, 0));
    assert_eq!(app.database.number("SELECT count(*) FROM link_opens").await, DAYS);
}

async fn what_nobody_opens_is_not_counted(mut app: TestApp) {
    let alice = app.user("alice");
    let link = link(&alice, "/a.txt").await;
    let anybody = app.anybody();
    let (page, bytes) = (page_path(&link), download_path(&link));
    let with = async |method: Method, path: &str, name: &str, value: &str| {
        anybody.send(anybody.request(method, path).header(name, value)).await
    };
    for path in [&page, &bytes] {
        with(Method::HEAD, path, "accept", "*/*").await.expect(200);
        with(Method::GET, path, "user-agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")
            .await
            .expect(200);
        alice.get(path).await.expect(200);
        anybody.get(&path.replace("authkey=!A", "authkey=!B")).await.expect(404);
    }
    let etag = with(Method::HEAD, &bytes, "accept", "*/*").await.header("etag").to_owned();
    with(Method::GET, &bytes, "range", "bytes=4-").await.expect(206);
    with(Method::GET, &bytes, "if-none-match", &etag).await.expect(304);
    anybody.get(&page.replace("/redir", "/qr")).await.expect(200);
    // These are.
    with(Method::GET, &bytes, "range", "bytes=0-3").await.expect(206);
    with(Method::GET, &page, "accept", "application/json").await.expect(200);
    app.stop().await;
    assert_eq!(counted(&app).await, (1, 1));
}

async fn an_application_reads_how_often_an_item_was_opened(app: TestApp) {
    let alice = app.user("alice");
    let link = link(&alice, "/a.txt").await;
    for _ in 0..3 {
        app.anybody().get(&page_path(&link)).await.expect(200);
    }
    let analytics = "/drive/root:/a.txt:/analytics";
    crate::support::eventually("what was counted is written down", async || {
        let told = alice.get(&format!("{analytics}/allTime")).await.expect(200).json();
        told["access"]["actionCount"] == 3
    })
    .await;
    let told = alice.get(analytics).await.expect(200).json();
    assert_eq!(told["allTime"]["access"]["actionCount"], 3);
    assert_eq!(told["lastSevenDays"]["access"]["actionCount"], 3);
    app.pass(chrono::TimeDelta::days(8));
    let alice = app.user("alice");
    let told = alice.get(analytics).await.expect(200).json();
    assert_eq!(told["allTime"]["access"]["actionCount"], 3);
    assert_eq!(told["lastSevenDays"]["access"]["actionCount"], 0);
}
