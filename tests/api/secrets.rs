//! What is in the database opens nothing, what is guessed opens nothing, and no secret gets into a log.

use std::collections::HashSet;
use std::io::Read;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Answer, Kind, Process, TestApp, download_path, on_each_database, web_url};

on_each_database!(
    nothing_in_the_database_opens_anything,
    whatever_is_wrong_with_a_link_gets_one_and_the_same_answer,
    a_wrong_key_asks_the_database_nothing,
    nothing_secret_is_logged_at_any_level,
);

/// An answer without what differs between any two requests.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let ids = ["request-id", "client-request-id", "date"];
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !ids.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    headers.sort();
    let mut text = answer.text();
    if let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) {
        for id in ids {
            body["error"]["innerError"].as_object_mut().expect("an error").remove(id);
        }
        text = body.to_string();
    }
    (answer.status.as_u16(), headers, text)
}

async fn nothing_in_the_database_opens_anything(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/a/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    alice.link(&item, "edit").await;
    let mut guesses = HashSet::new();
    for value in app.database.everything().await {
        let bare = value.replace('-', "");
        let mut forms =
            vec![value.clone(), bare.clone(), value.to_uppercase(), value.chars().rev().collect()];
        let hex: Option<Vec<u8>> =
            (0..bare.len()).step_by(2).map(|at| u8::from_str_radix(bare.get(at..at + 2)?, 16).ok()).collect();
        let raw = STANDARD.decode(&value).or_else(|_| URL_SAFE_NO_PAD.decode(&value)).ok();
        for bytes in [Some(value.clone().into_bytes()), hex, raw].into_iter().flatten() {
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                forms.push(engine.encode(&bytes));
            }
        }
        for form in forms {
            for start in ["", "!", "s!", "u!"] {
                guesses.insert(format!("{start}{form}"));
            }
        }
    }
    assert!(guesses.len() > 500, "only {} guesses", guesses.len());
    let anybody = app.anybody();
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for guess in guesses.iter().filter(|guess| guess.len() < 4_000) {
        let opened = anybody.get(&format!("/download?resid={item}&authkey={}", encode(guess))).await;
        assert_eq!(opened.status.as_u16(), 404, "{guess}");
        let path = format!("/shares/{}/driveItem", encode(guess).replace('+', "%20"));
        assert_eq!(anybody.get(&path).await.status.as_u16(), 404, "{guess}");
        let path = format!("/download/{}", encode(guess).replace('+', "%20"));
        assert_eq!(anybody.get(&path).await.status.as_u16(), 404, "{guess}");
    }
    assert_eq!(anybody.open(&link).await.expect(200).text(), "one");
}

async fn whatever_is_wrong_with_a_link_gets_one_and_the_same_answer(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let item = alice.upload("/b.txt", "one").await;
    let sibling = alice.upload("/c.txt", "two").await;
    let foreign = bob.upload("/b.txt", "three").await;
    let (link, edit) = (alice.link(&item, "view").await, alice.link(&item, "edit").await);
    let other = alice.link(&sibling, "view").await;
    let foreign_link = bob.link(&foreign, "view").await;
    let revoked = app.user_with(|token| token.application = "5678".to_owned()).link(&item, "view").await;
    let id = revoked["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
    let binned = alice.upload("/d.txt", "four").await;
    let binned_link = alice.link(&binned, "view").await;
    alice.delete(&format!("/drive/items/{binned}")).await.expect(204);
    let key = |link: &Value| {
        let url = web_url(link);
        let start = url.find("authkey=").expect("a key") + 8;
        url[start..start + 45].to_owned()
    };
    let random = format!("!{}", URL_SAFE_NO_PAD.encode(everlink::clock::random_bytes::<33>()));
    let mut last_changed = key(&link);
    let last = if last_changed.pop() == Some('A') { 'B' } else { 'A' };
    last_changed.push(last);
    let wrong = [
        (item.clone(), key(&other)),
        (sibling.clone(), key(&link)),
        (sibling.clone(), key(&edit)),
        (foreign.clone(), key(&link)),
        (item.clone(), key(&foreign_link)),
        (item.clone(), key(&revoked)),
        (binned, key(&binned_link)),
        (item.clone(), last_changed),
        (item.clone(), key(&link).to_lowercase()),
        (item.clone(), key(&link)[1..].to_owned()),
        (item.clone(), format!("{}=", key(&link))),
        (item.clone(), String::new()),
        (format!("{item}0"), key(&link)),
        (item.replace('!', "!0"), key(&link)),
        ("x".to_owned(), key(&link)),
        (String::new(), key(&link)),
    ];
    let anybody = app.anybody();
    let get = async |page: &str, resid: &str, authkey: &str, accept: &str| {
        let path = format!("/{page}?resid={resid}&authkey={authkey}");
        let request = anybody.request(reqwest::Method::GET, &path).header("accept", accept);
        comparable(&anybody.send(request).await)
    };
    for accept in ["application/json", "text/html"] {
        for page in ["redir", "download", "embed"] {
            let expected = get(page, &item, &random, accept).await;
            assert_eq!(expected.0, 404);
            for (resid, authkey) in &wrong {
                let answer = get(page, resid, authkey, accept).await;
                assert_eq!(answer, expected, "{page} {resid} {authkey}");
            }
        }
    }
    let share = async |id: &str| comparable(&anybody.get(&format!("/v1.0/shares/{id}/driveItem")).await);
    let random = format!("s!{}", URL_SAFE_NO_PAD.encode(everlink::clock::random_bytes::<50>()));
    let expected = share(&random).await;
    assert_eq!(expected.0, 404);
    for dead in [&revoked, &binned_link] {
        assert_eq!(share(dead["shareId"].as_str().expect("an id")).await, expected);
    }
    for (resid, authkey) in &wrong {
        let url = format!("{}/redir?resid={resid}&authkey={authkey}", app.url);
        assert_eq!(share(&format!("u!{}", URL_SAFE_NO_PAD.encode(url))).await, expected);
    }
    // A refused write says no more than a refused read.
    let written = anybody.put(&format!("/shares/{random}/driveItem/content"), "x").await;
    let view = link["shareId"].as_str().expect("an id");
    let by_view = anybody.put(&format!("/shares/{view}/driveItem/content"), "x").await;
    assert_eq!(comparable(&written), comparable(&by_view));
    // And the right ones open.
    assert_eq!(anybody.open(&link).await.expect(200).text(), "one");
    assert_eq!(anybody.open(&other).await.expect(200).text(), "two");
}

async fn a_wrong_key_asks_the_database_nothing(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    alice.link(&item, "view").await;
    // Without its tables the database has an answer to nothing.
    app.database.run("ALTER TABLE links RENAME TO hidden_links").await;
    app.database.run("ALTER TABLE items RENAME TO hidden_items").await;
    let random = URL_SAFE_NO_PAD.encode(everlink::clock::random_bytes::<33>());
    let anybody = app.anybody();
    anybody.get(&format!("/download?resid={item}&authkey=!{random}")).await.expect(404);
    let random = URL_SAFE_NO_PAD.encode(everlink::clock::random_bytes::<50>());
    anybody.get(&format!("/shares/s!{random}/driveItem")).await.expect_error(404, "itemNotFound");
    alice.get(&format!("/drive/items/{item}")).await.expect_error(503, "serviceNotAvailable");
}

async fn nothing_secret_is_logged_at_any_level(app: TestApp) {
    let mut process = Process::serve(&app.data_dir(), &app.database, Stdio::piped());
    let alice = process.user(&app.user("alice"));
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let permission = link["id"].as_str().expect("an id");
    let path = download_path(&link);
    alice.get(&path).await.expect(200);
    alice.get(web_url(&link)).await.expect(200);
    let share = link["shareId"].as_str().expect("an id");
    let content = alice.get(&format!("/shares/{share}/driveItem/content?x=querystring")).await.expect(302);
    let ticket = content.header("location").to_owned();
    alice.get(&ticket).await.expect(200);
    process.user(&app.bearer("a.wrong.token")).get("/drive?querystring").await.expect(401);
    alice
        .post(&format!("/drive/items/{item}/createLink"), json!({ "type": "querystring" }))
        .await
        .expect(400);
    alice.get(&format!("{path}querystring")).await.expect(200);
    alice.get("/nonsense/querystring").await.expect(404);
    alice.delete(&format!("/drive/items/{item}/permissions/{permission}")).await.expect(204);
    assert!(process.signal("TERM").success());
    let mut log = String::new();
    process.child.stderr.take().expect("it is piped").read_to_string(&mut log).expect("text");
    assert!(log.contains("/item/createLink") && log.contains("\"request_id\""), "{log}");
    let key = path.split("authkey=!").nth(1).expect("a key").split('&').next().expect("its end");
    let token = alice.token.expect("a token");
    let (_, ticket) = ticket.rsplit_once('/').expect("a ticket");
    for secret in [key, &share[2..], &token, ticket, "wrong.token", "querystring", "authkey"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    if app.database.kind == Kind::Postgres {
        assert!(!log.contains(&app.database.url));
    }
}
