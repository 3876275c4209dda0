//! `--dev`: what other programs are tested against.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everlink::dev::{CONTROLS, PROVIDER};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, DevApp, TestApp, User, on_each_database, web_url};

on_each_database!(without_it_none_of_its_addresses_is_there);

const SEED: &str = r#"
users:
  - name: alice
    displayName: Alice Adams
    folders: [empty/inside]
    files:
      docs/a.txt: "hello"
      docs/b.bin: { base64: AAEC }
      docs/c.txt: { from: c.txt }
    links:
      - { path: docs/a.txt, type: view, application: my-app }
      - { path: docs, type: edit, scope: organization }
  - name: only@contoso.example
    tenant: contoso
    files: { mine.txt: "" }
applications:
  - { id: my-app, displayName: My application }
"#;

async fn seeded(folder: &tempfile::TempDir) -> DevApp {
    std::fs::write(folder.path().join("c.txt"), "from disk").expect("a file");
    DevApp::with_seed(folder.path(), SEED).await
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A token's claims.
fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("a token");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON")
}

async fn without_it_none_of_its_addresses_is_there(app: TestApp) {
    for (method, pattern) in CONTROLS.iter().chain(PROVIDER) {
        let path = pattern.replace("{tenant}", "common").replace("{user}", "alice");
        let method: Method = method.parse().expect("a method");
        let anybody = app.anybody();
        let answer = anybody.send(anybody.request(method, &path)).await;
        answer.expect_error(404, "itemNotFound");
    }
    // Nor is a token of its key believed.
    let dev = DevApp::start(&[]).await;
    let token = dev.user("user=alice").await.token.expect("a token");
    app.bearer(&token).get("/me/drive").await.expect(401);
}

#[tokio::test]
async fn it_refuses_to_start_where_links_may_matter() {
    let is_refused = async |flags: &[&str], word: &str| {
        let refusal = DevApp::refusal(flags).await.unwrap_or_else(|| panic!("{flags:?} were taken"));
        let why = refusal.inside().expect("who starts it may know");
        assert!(why.contains(word), "{why}");
    };
    is_refused(&["--oidc-issuer=https://login.example", "--oidc-audience=x"], "EVERLINK_OIDC_ISSUER").await;
    is_refused(&["--public-url=https://files.example"], "EVERLINK_PUBLIC_URL").await;
    is_refused(&["--public-url=http://192.0.2.1:8080"], "EVERLINK_PUBLIC_URL").await;
    is_refused(&["--database-url=postgres://db/links", "--dev-anyway"], "DATABASE_URL").await;
    is_refused(&["--content-url=s3://bucket", "--dev-anyway"], "EVERLINK_CONTENT_URL").await;
    for flags in [
        &["--public-url=https://localhost:8443"][..],
        &["--public-url=http://127.0.0.1:1"],
        &["--public-url=https://files.example", "--dev-anyway"],
    ] {
        assert!(DevApp::refusal(flags).await.is_none(), "{flags:?} were refused");
    }
}

#[tokio::test]
async fn it_is_served_over_https_by_a_certificate_whose_authority_clients_trust() {
    let dev = DevApp::start(&["--dev-names=files.example"]).await;
    let pem = dev.anybody().get("/dev/ca.pem").await.expect(200).text();
    assert_eq!(pem, dev.authority);
    let alice = dev.user("user=alice").await;
    let drive = alice.get(&format!("{}/v1.0/me/drive/root", dev.secure)).await.expect(200).json();
    let port = dev.secure.rsplit(':').next().expect("a port");
    // Links start with what each client calls the service.
    assert!(drive["webUrl"].as_str().expect("a URL").starts_with(&dev.secure), "{drive}");
    let plain = alice.get("/v1.0/me/drive/root").await.expect(200).json();
    assert!(plain["webUrl"].as_str().expect("a URL").starts_with(&dev.url), "{plain}");
    let trusted = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    for (name, is_good) in [("graph", true), ("files.example", true), ("other.example", false)] {
        let client = Client::builder()
            .tls_certs_only([trusted.clone()])
            .resolve(name, ([127, 0, 0, 1], 0).into())
            .build()
            .expect("a client");
        let answer = client.get(format!("https://{name}:{port}/dev/clock")).send().await;
        assert_eq!(answer.is_ok(), is_good, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_named_keeps_all_but_the_authoritys_key() {
    let folder = folder();
    let data = folder.path().join("data");
    let flags = ["--data-dir", data.to_str().expect("UTF-8")];
    let mut dev = DevApp::start(&flags).await;
    let alice = dev.user("user=alice").await;
    let file = alice.upload("/a.txt", "kept").await;
    let link = alice.link(&file, "view").await;
    let permission = link["id"].as_str().expect("an id");
    let gone = alice.link(&file, "edit").await;
    let gone_id = gone["id"].as_str().expect("an id");
    alice.delete(&format!("/me/drive/items/{file}/permissions/{gone_id}")).await.expect(204);
    let authority = dev.authority.clone();
    dev.stop().await;

    assert_eq!(std::fs::read_to_string(data.join("ca.pem")).expect("a file"), authority);
    for entry in std::fs::read_dir(&data).expect("a folder").flatten().filter(|entry| entry.path().is_file())
    {
        let text = std::fs::read(entry.path()).expect("a file");
        let keys = String::from_utf8_lossy(&text).matches("PRIVATE KEY-----").count();
        // The beginning and the end of the one of the certificate itself.
        assert!(keys == 0 || entry.file_name() == "tls.json" && keys == 2, "{:?}", entry.path());
    }
    let dev = DevApp::start(&flags).await;
    assert_eq!(dev.authority, authority);
    let alice = dev.user("user=alice").await;
    assert_eq!(alice.open(&link).await.expect(200).text(), "kept");
    assert_eq!(alice.link(&file, "view").await["id"], permission);
    // What has ended stays so, though ids begin anew in each run.
    let again = alice.link(&file, "edit").await;
    assert_ne!(again["id"], gone["id"]);
    alice.open(&gone).await.expect(404);
}

#[tokio::test]
async fn what_the_seed_says_is_there_at_first_and_has_the_same_addresses_in_every_run() {
    let folder = folder();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut dev = seeded(&folder).await;
        let alice = dev.user("user=alice&app=my-app").await;
        for (path, content) in
            [("docs/a.txt", &b"hello"[..]), ("docs/b.bin", b"\x00\x01\x02"), ("docs/c.txt", b"from disk")]
        {
            let answer = alice.get(&format!("/me/drive/root:/{path}:/content")).await.expect(302);
            assert_eq!(alice.get(answer.header("location")).await.expect(200).body, content);
        }
        alice.get("/me/drive/root:/empty/inside").await.expect(200);
        let file = alice.get("/me/drive/root:/docs/a.txt").await.expect(200).json();
        assert_eq!(file["createdBy"]["user"]["displayName"], "Alice Adams");
        let item = file["id"].as_str().expect("an id");
        // It was made by this application, which is told that it is there.
        let body = json!({ "type": "view" });
        let link = alice.post(&format!("/me/drive/items/{item}/createLink"), body).await.expect(200).json();
        assert_eq!(link["link"]["application"]["displayName"], "My application");
        let shared = alice.get("/me/drive/root:/docs:/permissions").await.expect(200).json();
        assert_eq!(shared["value"][1]["link"]["scope"], "organization", "{shared}");
        // What a test makes is the same in each run, too.
        let made = alice.link(item, "edit").await;
        let made_id = made["id"].as_str().expect("an id");
        alice.delete(&format!("/me/drive/items/{item}/permissions/{made_id}")).await.expect(204);
        let again = alice.link(item, "edit").await;
        assert_ne!(web_url(&made), web_url(&again));
        let path = |link: &Value| web_url(link).trim_start_matches(&dev.url).to_owned();
        let token = alice.token.clone().expect("a token");
        seen.push((path(&link), path(&made), path(&again), token));
        let theirs = dev.user("user=only@contoso.example&tenant=contoso").await;
        theirs.get("/me/drive/root:/mine.txt").await.expect(200);
        dev.stop().await;
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_seed_that_can_not_be_used_says_what_is_wrong() {
    let folder = folder();
    for (seed, word) in [
        ("users: [", "line"),
        ("user: []", "user"),
        ("users: [{ name: a, files: { a.txt: { form: x } } }]", "SeedFile"),
        ("users: [{ name: a, files: { a.txt: { from: missing } } }]", "missing"),
        ("users: [{ name: a, files: { a.txt: { base64: '!' } } }]", "base64"),
        ("users: [{ name: a, files: { 'a*.txt': x } }]", "a*"),
        ("users: [{ name: a, links: [{ path: a.txt, type: view }] }]", "could not be found"),
        ("users: [{ name: a, files: { a: x }, links: [{ path: a, type: views }] }]", "not one of"),
    ] {
        let file = folder.path().join("seed.yaml");
        std::fs::write(&file, seed).expect("a file");
        let refusal = DevApp::refusal(&["--seed", file.to_str().expect("UTF-8")]).await;
        let why = refusal.unwrap_or_else(|| panic!("{seed} was taken")).inside().expect("a reason");
        assert!(why.contains(word), "{seed}: {why}");
    }
}

#[tokio::test]
async fn a_reset_brings_back_what_the_seed_says_and_nothing_else() {
    let folder = folder();
    let dev = seeded(&folder).await;
    let anybody = dev.anybody();
    let alice = dev.user("user=alice&app=my-app").await;
    let bob = dev.user("user=bob").await;
    let file = alice.get("/me/drive/root:/docs/a.txt").await.json()["id"].as_str().expect("an id").to_owned();
    let link = alice.link(&file, "view").await;
    // All there is, but for the tickets, which tell when they were given.
    let all = async || {
        let mut all = alice.get("/me/drive/root/delta").await.expect(200).json()["value"].clone();
        for item in all.as_array_mut().expect("a list") {
            item.as_object_mut().expect("an item").remove("@microsoft.graph.downloadUrl");
            item.as_object_mut().expect("an item").remove("@content.downloadUrl");
        }
        all
    };
    let before = all().await;
    for _ in 0..3 {
        // Everything that one can do to it, and a content that goes for good.
        alice.upload("/docs/a.txt", "other").await;
        alice.upload("/more/deep/x.txt", "x").await;
        let made = alice.link(&file, "edit").await;
        let secret = bob.upload("/bobs.txt", "bob").await;
        let bobs = bob.link(&secret, "view").await;
        let id = link["id"].as_str().expect("an id");
        alice.delete(&format!("/me/drive/items/{file}/permissions/{id}")).await.expect(204);
        alice.delete("/me/drive/root:/docs/c.txt").await.expect(204);
        let binary = alice.get("/me/drive/root:/docs/b.bin").await.json()["id"].clone();
        let binary = binary.as_str().expect("an id");
        alice.post(&format!("/me/drive/items/{binary}/permanentDelete"), json!({})).await.expect(204);
        let session = json!({ "item": { "@microsoft.graph.conflictBehavior": "replace" } });
        let session =
            alice.post("/me/drive/root:/docs/s.bin:/createUploadSession", session).await.expect(200);
        let session = session.json()["uploadUrl"].as_str().expect("a URL").to_owned();

        anybody.post("/dev/reset", json!({})).await.expect(204);
        assert_eq!(all().await, before);
        assert_eq!(alice.open(&link).await.expect(200).text(), "hello");
        alice.open(&made).await.expect(404);
        alice.open(&bobs).await.expect(404);
        alice.get(&session).await.expect(404);
        let quota = bob.get("/me/drive").await.expect(200).json()["quota"].clone();
        assert_eq!((&quota["used"], &quota["deleted"]), (&json!(0), &json!(0)));
        let answer = alice.get("/me/drive/root:/docs/b.bin:/content").await.expect(302);
        assert_eq!(alice.get(answer.header("location")).await.expect(200).body, b"\x00\x01\x02");
    }
}

#[tokio::test]
async fn the_seeds_contents_outlive_what_tests_delete_for_good() {
    let folder = folder();
    let dev = seeded(&folder).await;
    let alice = dev.user("user=alice").await;
    let item = alice.get("/me/drive/root:/docs/a.txt").await.json()["id"].as_str().expect("an id").to_owned();
    alice.post(&format!("/me/drive/items/{item}/permanentDelete"), json!({})).await.expect(204);
    // Long after what was deleted may be read.
    dev.anybody().post("/dev/clock", json!({ "advance": 86_400 })).await.expect(200);
    dev.anybody().post("/dev/reset", json!({})).await.expect(204);
    let answer = alice.get("/me/drive/root:/docs/a.txt:/content").await.expect(302);
    assert_eq!(alice.get(answer.header("location")).await.expect(200).text(), "hello");
}

#[tokio::test]
async fn tenants_are_reset_each_by_itself_and_get_the_seed_of_all() {
    let folder = folder();
    let dev = seeded(&folder).await;
    let work = async |tenant: &str| {
        let alice = dev.user(&format!("user=alice&tenant={tenant}")).await;
        let anybody = dev.anybody();
        for turn in 0..20 {
            anybody.post(&format!("/dev/reset?tenant={tenant}"), json!({})).await.expect(204);
            let children = alice.get("/me/drive/root/children").await.expect(200).json();
            let names: Vec<&str> = children["value"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|one| one["name"].as_str())
                .collect();
            assert_eq!(names, ["docs", "empty"], "{tenant}, turn {turn}");
            alice.upload(&format!("/{tenant}.txt"), "mine").await;
            let fault = json!({ "match": { "tenant": tenant, "method": "DELETE" }, "status": 503 });
            anybody.post("/dev/faults", fault).await.expect(201);
            alice
                .delete(&format!("/me/drive/root:/{tenant}.txt"))
                .await
                .expect_error(503, "serviceNotAvailable");
            alice.delete(&format!("/me/drive/root:/{tenant}.txt")).await.expect(204);
            let asked = anybody.get(&format!("/dev/requests?tenant={tenant}&method=DELETE")).await.json();
            assert_eq!(asked["value"].as_array().expect("a list").len(), 2, "{asked}");
        }
    };
    tokio::join!(work("one"), work("two"), work("three"));
}

#[tokio::test]
async fn the_clock_is_moved_and_stopped_and_tokens_go_by_the_real_time() {
    let dev = DevApp::start(&[]).await;
    let (anybody, alice) = (dev.anybody(), dev.user("user=alice").await);
    let to = json!({ "now": "2031-05-06T07:08:09Z", "frozen": true });
    let shown = anybody.post("/dev/clock", to).await.expect(200).json();
    assert_eq!(shown, json!({ "now": "2031-05-06T07:08:09Z", "frozen": true }));
    let made = alice.put("/me/drive/root:/a.txt:/content", "a").await.expect(201).json();
    assert_eq!(made["createdDateTime"], "2031-05-06T07:08:09.000Z");
    anybody.post("/dev/clock", json!({ "advance": 3600.5 })).await.expect(200);
    let made = alice.put("/me/drive/root:/b.txt:/content", "b").await.expect(201).json();
    assert_eq!(made["createdDateTime"], "2031-05-06T08:08:09.500Z");
    let signed_in = sign_in(&dev, &[]).await.expect(200).json();
    let signed_in = dev.bearer(signed_in["access_token"].as_str().expect("a token").to_owned());
    anybody.post("/dev/clock", json!({ "frozen": false, "advance": -3600 })).await.expect(200);
    signed_in.get("/users/alice/drive").await.expect(200);
    for bad in [
        json!({ "now": "yesterday" }),
        json!({ "advance": "1h" }),
        json!({ "advance": 1e18 }),
        json!({ "advanced": 1 }),
        json!({ "now": "9999-01-01T00:00:00Z" }),
    ] {
        anybody.post("/dev/clock", bad).await.expect_error(400, "invalidRequest");
    }
    let shown = anybody.delete("/dev/clock").await.expect(200).json();
    let now: everlink::clock::Timestamp = serde_json::from_value(shown["now"].clone()).expect("a time");
    assert!((everlink::clock::Clock::system().now() - now).num_seconds().abs() < 60, "{shown}");
}

#[tokio::test]
async fn requests_fail_and_wait_as_tests_order() {
    let dev = DevApp::start(&[]).await;
    let (anybody, alice, bob) =
        (dev.anybody(), dev.user("user=alice").await, dev.user("user=bob&app=other").await);
    let match_ = json!({ "method": "put", "path": "*/drive/root:/*:/content", "user": "alice" });
    let fault = json!({ "match": match_, "status": 429, "retryAfter": 7, "times": 2 });
    anybody.post("/dev/faults", fault.clone()).await.expect(201);
    assert_eq!(anybody.get("/dev/faults").await.expect(200).json()["value"], json!([fault]));
    let put = async |user: &User| user.put("/me/drive/root:/a.txt:/content", "a").await;
    put(&bob).await.expect(201);
    for _ in 0..2 {
        let answer = put(&alice).await.expect_error(429, "activityLimitReached");
        assert_eq!(answer.header("retry-after"), "7");
    }
    put(&alice).await.expect(201);
    assert_eq!(anybody.get("/dev/faults").await.json()["value"], json!([]));

    let own = json!({ "status": 507, "code": "quotaLimitReached", "match": { "application": "other" } });
    anybody.post("/dev/faults", own).await.expect(201);
    put(&alice).await.expect(200);
    put(&bob).await.expect_error(507, "quotaLimitReached");

    anybody.post("/dev/faults", json!({ "delay": 0.3 })).await.expect(201);
    let began = Instant::now();
    alice.get("/me/drive").await.expect(200);
    assert!(began.elapsed() >= Duration::from_millis(300));

    // A batch's requests, each by itself; and the provider's own addresses.
    let fault = json!({ "match": { "path": "*/root/children" }, "status": 503 });
    anybody.post("/dev/faults", fault).await.expect(201);
    let requests = json!([
        { "id": "1", "method": "GET", "url": "/me/drive/root/children" },
        { "id": "2", "method": "GET", "url": "/me/drive" },
    ]);
    let answers = alice.post("/v1.0/$batch", json!({ "requests": requests })).await.expect(200).json();
    let by_id: HashMap<&str, i64> = answers["responses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["id"].as_str().expect("an id"), one["status"].as_i64().expect("a status")))
        .collect();
    assert_eq!(by_id, HashMap::from([("1", 503), ("2", 200)]));
    let fault = json!({ "match": { "path": "*/oauth2/v2.0/token" }, "status": 500 });
    anybody.post("/dev/faults", fault).await.expect(201);
    sign_in(&dev, &[]).await.expect(500);
    sign_in(&dev, &[]).await.expect(200);

    for bad in [
        json!({}),
        json!({ "status": 200 }),
        json!({ "status": 600 }),
        json!({ "status": 503, "times": 0 }),
        json!({ "delay": -1 }),
        json!({ "delay": 301 }),
        json!({ "status": 503, "match": { "paths": "/x" } }),
        json!({ "status": 503, "Times": 1 }),
    ] {
        anybody.post("/dev/faults", bad.clone()).await.expect_error(400, "invalidRequest");
    }
    anybody.post("/dev/faults", json!({ "status": 503 })).await.expect(201);
    anybody.delete("/dev/faults").await.expect(204);
    alice.get("/me/drive").await.expect(200);
}

#[tokio::test]
async fn what_was_asked_is_told() {
    let dev = DevApp::start(&[]).await;
    let (anybody, alice) = (dev.anybody(), dev.user("user=alice&app=mine&tenant=contoso").await);
    let request = alice.request(Method::GET, "/me/drive?$select=id").header("client-request-id", "c1");
    alice.send(request).await.expect(200);
    alice.get("/me/drive/items/none").await.expect(404);
    anybody.get("/").await.expect(200);
    let all = anybody.get("/dev/requests").await.expect(200).json();
    let all = all["value"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 3, "what is asked of /dev is not among them: {all:?}");
    let first = &all[0];
    for (member, value) in [
        ("method", json!("GET")),
        ("path", json!("/me/drive")),
        ("query", json!("$select=id")),
        ("tenant", json!("contoso")),
        ("user", json!("alice")),
        ("application", json!("mine")),
        ("clientRequestId", json!("c1")),
        ("status", json!(200)),
        ("fault", json!(false)),
    ] {
        assert_eq!(first[member], value, "{first}");
    }
    let of_path = anybody.get("/dev/requests?path=*/items/*&user=alice").await.json();
    assert_eq!(of_path["value"].as_array().map(Vec::len), Some(1));
    anybody.get("/dev/requests?paths=x").await.expect_error(400, "invalidRequest");
    anybody.delete("/dev/requests?user=alice").await.expect(204);
    assert_eq!(anybody.get("/dev/requests").await.json()["value"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn other_sites_scripts_get_at_no_control() {
    let dev = DevApp::start(&[]).await;
    let anybody = dev.anybody();
    let from_elsewhere = async |path: &str| {
        let request = anybody.request(Method::GET, path).header("origin", "https://evil.example");
        anybody.send(request).await
    };
    assert_eq!(from_elsewhere("/dev/token").await.header("access-control-allow-origin"), "");
    let keys = from_elsewhere("/common/discovery/v2.0/keys").await.expect(200);
    assert_eq!(keys.header("access-control-allow-origin"), "*", "applications in browsers sign in, too");
}

fn as_form<'f>(
    request: RequestBuilder,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
) -> RequestBuilder {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(form)
}

/// Signs an application in, or whoever the fields say.
async fn sign_in(dev: &DevApp, fields: &[(&str, &str)]) -> Answer {
    let anybody = dev.anybody();
    let mut form = HashMap::from([
        ("grant_type", "client_credentials"),
        ("client_id", "app-1"),
        ("client_secret", "any"),
        ("scope", "https://graph.microsoft.com/.default"),
    ]);
    form.extend(fields.iter().copied());
    let request = anybody.request(Method::POST, &format!("{}/contoso/oauth2/v2.0/token", dev.secure));
    anybody.send(as_form(request, form)).await
}

#[tokio::test]
async fn applications_and_users_sign_in_without_registration() {
    let dev = DevApp::start(&[]).await;
    let application = sign_in(&dev, &[]).await.expect(200).json();
    assert_eq!((&application["token_type"], &application["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert!(application["refresh_token"].is_null() && application["id_token"].is_null());
    let token = application["access_token"].as_str().expect("a token");
    let told = claims(token);
    for (claim, value) in [
        ("iss", json!("https://sts.windows.net/contoso/")),
        ("aud", json!("https://graph.microsoft.com")),
        ("ver", json!("1.0")),
        ("appid", json!("app-1")),
        ("idtyp", json!("app")),
        ("tid", json!("contoso")),
        ("roles", json!(["Files.ReadWrite.All", "Sites.ReadWrite.All"])),
    ] {
        assert_eq!(told[claim], value, "{told}");
    }
    // Users are whom it asks for: nobody made their drives.
    let application = dev.bearer(token.to_owned());
    application.get("/v1.0/users/bob%40contoso.example/drive").await.expect(200);
    application.put("/v1.0/users/carol/drive/root:/a.txt:/content", "a").await.expect(201);

    let by_password = [
        ("grant_type", "password"),
        ("username", "carol"),
        ("password", "any"),
        ("scope", "Files.Read openid"),
    ];
    let carol = sign_in(&dev, &by_password).await.expect(200).json();
    let token = carol["access_token"].as_str().expect("a token");
    assert_eq!(claims(token)["scp"], "Files.Read");
    let her = dev.bearer(token.to_owned());
    her.get("/me/drive/root:/a.txt").await.expect(200);
    her.put("/me/drive/root:/b.txt:/content", "b").await.expect(403);
    let id_token = claims(carol["id_token"].as_str().expect("a token"));
    assert_eq!(id_token["iss"], format!("{}/contoso/v2.0", dev.secure));
    for (claim, value) in
        [("aud", "app-1"), ("preferred_username", "carol"), ("tid", "contoso"), ("ver", "2.0")]
    {
        assert_eq!(id_token[claim], value, "{id_token}");
    }
    let refresh = carol["refresh_token"].as_str().expect("a token");
    let more = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", "Files.ReadWrite")];
    let refreshed = sign_in(&dev, &more).await.expect(200).json();
    let refreshed = refreshed["access_token"].as_str().expect("a token");
    dev.bearer(refreshed.to_owned()).put("/me/drive/root:/b.txt:/content", "b").await.expect(201);
    let on_behalf = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", refreshed)];
    let on_behalf = sign_in(&dev, &on_behalf).await.expect(200).json();
    assert_eq!(claims(on_behalf["access_token"].as_str().expect("a token"))["oid"], "carol");
    // What it is to another resource has the other shape.
    let second = sign_in(&dev, &[("scope", "api://app-2/.default")]).await.expect(200).json();
    let second = claims(second["access_token"].as_str().expect("a token"));
    assert_eq!(
        (&second["ver"], &second["azp"], &second["aud"]),
        (&json!("2.0"), &json!("app-1"), &json!("api://app-2"))
    );

    for (fields, status, error) in [
        (&[("client_secret", "wrong")][..], 401, "invalid_client"),
        (&[("grant_type", "password"), ("username", "c"), ("password", "wrong")], 400, "invalid_grant"),
        (&[("grant_type", "password"), ("username", "c")], 400, "invalid_request"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "x")], 400, "invalid_grant"),
        (
            &[("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", "x")],
            400,
            "invalid_grant",
        ),
        (&[("grant_type", "refresh_token"), ("refresh_token", refreshed)], 400, "invalid_grant"),
        (&[("grant_type", "other")], 400, "unsupported_grant_type"),
        (&[("client_id", "")], 400, "invalid_request"),
    ] {
        let refused = sign_in(&dev, fields).await.expect(status).json();
        assert_eq!(refused["error"], error, "{fields:?}");
        assert!(
            refused["error_description"].as_str().is_some_and(|why| why.starts_with("AADSTS")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_browser_is_sent_back_with_a_code_that_is_good_once() {
    let folder = folder();
    let dev = seeded(&folder).await;
    let anybody = dev.anybody();
    let verifier = "a".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let redirect = "http://localhost:5000/callback";
    let asked = format!(
        "{}/default/oauth2/v2.0/authorize?client_id=spa&response_type=code&redirect_uri={}&scope=Files.ReadWrite%20openid\
         &state=s%26t&nonce=n1&code_challenge={challenge}&code_challenge_method=S256&client_info=1",
        dev.secure, "http%3A%2F%2Flocalhost%3A5000%2Fcallback",
    );
    let page = anybody.get(&asked).await.expect(200).text();
    assert!(page.contains("Alice Adams") && page.contains("Somebody else"), "{page}");
    let code_of = async |more: &str| -> HashMap<String, String> {
        let back = anybody.get(&format!("{asked}{more}")).await.expect(302);
        let (place, query) = back.header("location").split_once(['?', '#']).expect("what is told");
        assert_eq!(place, redirect);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    };
    let back = code_of("&as=alice").await;
    assert_eq!(back["state"], "s&t");
    let info = URL_SAFE_NO_PAD.decode(&back["client_info"]).expect("base64url");
    let info: Value = serde_json::from_slice(&info).expect("JSON");
    assert_eq!(info, json!({ "uid": "alice", "utid": "default" }));
    let take = async |code: &str, verifier: &str, redirect: &str, client: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
            ("client_id", client),
            ("scope", ""),
        ];
        sign_in(&dev, &fields).await
    };
    let tokens = take(&back["code"], &verifier, redirect, "spa").await.expect(200).json();
    assert_eq!(claims(tokens["id_token"].as_str().expect("a token"))["nonce"], "n1");
    assert_eq!(claims(tokens["access_token"].as_str().expect("a token"))["name"], "Alice Adams");
    take(&back["code"], &verifier, redirect, "spa").await.expect(400);
    for (verifier, redirect, client) in [
        ("b", redirect, "spa"),
        (verifier.as_str(), "http://localhost:5001/callback", "spa"),
        (verifier.as_str(), redirect, "other"),
    ] {
        let code = &code_of("&login_hint=alice&response_mode=fragment").await["code"];
        assert_eq!(take(code, verifier, redirect, client).await.expect(400).json()["error"], "invalid_grant");
    }
    assert_eq!(code_of("&prompt=none").await["error"], "login_required");
    let posted = anybody.get(&format!("{asked}&as=bob&response_mode=form_post")).await.expect(200);
    assert!(posted.text().contains("data-submit"));
    assert!(posted.header("content-security-policy").contains("form-action 'self' http://localhost:5000;"));
    let script = asked.replace("http%3A%2F%2Flocalhost%3A5000%2Fcallback", "javascript%3Aalert(1)");
    anybody.get(&script).await.expect(400);
}

#[tokio::test]
async fn a_device_waits_until_somebody_types_its_code() {
    let dev = DevApp::start(&[]).await;
    let anybody = dev.anybody();
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let request = anybody.request(Method::POST, &format!("{}{path}", dev.secure));
        anybody.send(as_form(request, fields.iter().copied())).await
    };
    let begun =
        post("/contoso/oauth2/v2.0/devicecode", &[("client_id", "tv"), ("scope", "Files.Read openid")]).await;
    let begun = begun.expect(200).json();
    let text = |name: &str| begun[name].as_str().expect("text").to_owned();
    assert!(text("message").contains(&text("user_code")) && begun["interval"].is_number());
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let code = text("device_code");
    let poll = [("grant_type", grant), ("client_id", "tv"), ("device_code", &code)];
    let waiting = post("/contoso/oauth2/v2.0/token", &poll).await.expect(400).json();
    assert_eq!(waiting["error"], "authorization_pending");
    assert_eq!(text("verification_uri"), format!("{}/devicelogin", dev.secure));
    anybody.get(&text("verification_uri")).await.expect(200);
    let wrong = post("/devicelogin", &[("user_code", "BBBBBBBBB"), ("as", "dora")]).await.expect(200);
    assert!(wrong.text().contains("No device waits"));
    let typed = text("user_code").to_lowercase();
    let done = post("/devicelogin", &[("user_code", &typed), ("as", "dora")]).await.expect(303);
    let page = anybody.get(&format!("{}{}", dev.secure, done.header("location"))).await.expect(200).text();
    assert!(page.contains("signed in") && page.contains("dora"), "{page}");
    let tokens = post("/contoso/oauth2/v2.0/token", &poll).await.expect(200).json();
    assert_eq!(claims(tokens["access_token"].as_str().expect("a token"))["oid"], "dora");
    assert_eq!(tokens["scope"], "Files.Read openid");
    post("/contoso/oauth2/v2.0/token", &poll).await.expect(400);
}

#[tokio::test]
async fn clients_of_the_first_version_are_told_what_they_read() {
    let dev = DevApp::start(&[]).await;
    let anybody = dev.anybody();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "app-1"),
        ("client_secret", "any"),
        ("resource", "https://graph.microsoft.com/"),
    ];
    let request = anybody.request(Method::POST, &format!("{}/contoso/oauth2/token", dev.secure));
    let told = anybody.send(as_form(request, fields)).await.expect(200).json();
    assert_eq!(told["resource"], "https://graph.microsoft.com");
    assert!(told["expires_on"].is_string() && told["not_before"].is_string(), "{told}");
    let token = claims(told["access_token"].as_str().expect("a token"));
    assert_eq!((&token["aud"], &token["ver"]), (&json!("https://graph.microsoft.com"), &json!("1.0")));
}

#[tokio::test]
async fn the_provider_describes_itself_by_the_address_it_is_asked_by() {
    let dev = DevApp::start(&[]).await;
    let anybody = dev.anybody();
    for base in [&dev.secure, &dev.url] {
        for (tenant, shown) in [("contoso", "contoso"), ("common", "common"), ("adfs", "default")] {
            let path = if tenant == "adfs" { "" } else { "/v2.0" };
            let address = format!("{base}/{tenant}{path}/.well-known/openid-configuration");
            let told = anybody.get(&address).await.expect(200).json();
            assert_eq!(told["token_endpoint"], format!("{base}/{shown}/oauth2/v2.0/token"));
            assert!(told["issuer"].as_str().expect("an issuer").starts_with(base.as_str()), "{told}");
            let keys = anybody.get(told["jwks_uri"].as_str().expect("a URL")).await.expect(200).json();
            assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["use"]), (&json!("RSA"), &json!("sig")));
        }
    }
    let instance = anybody.get(&format!("{}/common/discovery/instance", dev.secure)).await.expect(200).json();
    assert_eq!(instance["metadata"][0]["aliases"][0], dev.secure.trim_start_matches("https://"));
    let realm =
        anybody.get(&format!("{}/common/userrealm/a%40b.example", dev.secure)).await.expect(200).json();
    assert_eq!((&realm["account_type"], &realm["domain_name"]), (&json!("Managed"), &json!("b.example")));
}

#[tokio::test]
async fn people_sign_in_at_the_site_as_whoever_they_like() {
    let folder = folder();
    let dev = seeded(&folder).await;
    let anybody = dev.anybody();
    for base in [dev.url.clone(), dev.url.replace("127.0.0.1", "localhost")] {
        let begun = anybody.get(&format!("{base}/signin/start")).await.expect(303);
        let cookie = begun.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let picked = anybody.get(&format!("{}&as=alice", begun.header("location"))).await.expect(302);
        assert!(
            picked.header("location").starts_with(&base),
            "the cookie is of this host: {:?}",
            picked.headers
        );
        let request = anybody.request(Method::GET, picked.header("location")).header("cookie", &cookie);
        let entered = anybody.send(request).await.expect(303);
        let cookies = entered.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let request = anybody
            .request(Method::GET, &format!("{base}{}", entered.header("location")))
            .header("cookie", cookies.join("; "));
        let page = anybody.send(request).await.expect(200).text();
        assert!(page.contains("docs") && page.contains("Alice Adams"), "{page}");
    }
}
