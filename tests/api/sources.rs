//! How often somebody may.

use crate::support::{Kind, TestApp, User, page_path};

/// Somebody at an address, as a proxy that is trusted tells it.
async fn get_from(app: &TestApp, client: &str, path: &str) -> crate::support::Answer {
    let anybody = app.anybody();
    anybody.send(anybody.request(reqwest::Method::GET, path).header("x-forwarded-for", client)).await
}

#[tokio::test]
async fn who_guesses_keys_is_told_to_wait_and_links_open_all_the_same() {
    let flags = ["--wrong-keys-per-minute=20", "--trusted-proxies=127.0.0.0/8"];
    let app = TestApp::start_with(Kind::Sqlite, &flags).await;
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/a.txt", "one").await, "view").await;
    let right = page_path(&link);
    let wrong = right.replace("authkey=!A", "authkey=!B");
    let share = link["shareId"].as_str().expect("an id");
    let share = format!("/shares/{}{}", &share[..share.len() - 8], "A".repeat(8));
    let ways = [wrong.clone(), wrong.replace("/redir", "/download"), share, "/upload/x".to_owned()];
    for number in 0..20 {
        get_from(&app, "192.0.2.7", &ways[number % ways.len()]).await.expect(404);
    }
    // One more comes to be allowed every three seconds.
    let is_told_to_wait = async |client: &str, path: &str| {
        for _ in 0..5 {
            let told = get_from(&app, client, path).await;
            if told.status.as_u16() == 429 {
                return told.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=60).contains(&wait));
            }
        }
        false
    };
    for way in &ways {
        assert!(is_told_to_wait("192.0.2.7", way).await, "{way}");
    }
    // Whoever has a link opens it, from there as from elsewhere.
    for _ in 0..50 {
        get_from(&app, "192.0.2.7", &right).await.expect(200);
    }
    get_from(&app, "192.0.2.8", &wrong).await.expect(404);
    // What a client says of itself is not believed.
    assert!(is_told_to_wait("198.51.100.1, 192.0.2.7", &wrong).await);
    // A header that shows nothing changes nothing.
    let anybody = app.anybody();
    let ask = || {
        let request = anybody.request(reqwest::Method::GET, &wrong).header("authorization", "x");
        anybody.send(request.header("x-forwarded-for", "192.0.2.7"))
    };
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(ask().await.status.as_u16());
    }
    assert!(told.contains(&429), "{told:?}");
    // Nor does what a proxy leaves as its client wrote it.
    let request = anybody.request(reqwest::Method::GET, &wrong).header("forwarded", "for=203.0.113.9");
    let forged = anybody.send(request.header("x-forwarded-for", "192.0.2.7")).await.status.as_u16();
    assert!([404, 429].contains(&forged));
    // Who is known is told what is there.
    alice.get("/drive/root:/nothing").await.expect(404);
}

#[tokio::test]
async fn users_and_applications_have_limits_where_that_is_wanted() {
    let flags = ["--user-requests-per-minute=20", "--application-requests-per-minute=30"];
    let app = TestApp::start_with(Kind::Sqlite, &flags).await;
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let many = async |user: &User, count: usize| {
        let mut answers = Vec::new();
        for _ in 0..count {
            answers.push(user.get("/drive").await.status.as_u16());
        }
        answers.iter().filter(|status| **status == 200).count()
    };
    assert_eq!(many(&alice, 25).await, 20);
    alice.get("/drive").await.expect_error(429, "activityLimitReached");
    // What Alice was refused counts for the application, too.
    assert!((1..10).contains(&many(&bob, 10).await));
    let other = app.user_with(|token| {
        token.user = Some("bob".to_owned());
        token.application = "other".to_owned();
    });
    assert!(many(&other, 20).await > 10);
}
