//! Which bearer tokens are believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Answer, Issuer, Kind, SigningKey, TestApp, on_each_database};

on_each_database!(
    a_local_token_is_good_until_it_expires,
    a_local_token_that_was_tampered_with_is_refused,
    the_header_is_read_as_rfc_6750_says,
);

async fn drive(app: &TestApp, token: &str) -> Answer {
    app.bearer(token).get("/v1.0/me/drive").await
}

async fn refused(app: &TestApp, token: &str, why: &str) {
    let answer = drive(app, token).await;
    assert_eq!(answer.status.as_u16(), 401, "{why}: {}", answer.text());
    let answer = answer.expect_error(401, "InvalidAuthenticationToken");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

async fn a_local_token_is_good_until_it_expires(app: TestApp) {
    let token = app.user("alice").token.expect("a token");
    drive(&app, &token).await.expect(200);
    app.pass(TimeDelta::minutes(59));
    drive(&app, &token).await.expect(200);
    app.pass(TimeDelta::minutes(1));
    let answer = drive(&app, &token).await.expect_error(401, "InvalidAuthenticationToken");
    assert_eq!(answer.json()["error"]["message"], "Access token has expired or is not yet valid.");
}

async fn a_local_token_that_was_tampered_with_is_refused(app: TestApp) {
    let token = app.user("alice").token.expect("a token");
    let parts: Vec<&str> = token.split('.').collect();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).expect("base64")).expect("JSON");
    let bob = URL_SAFE_NO_PAD.encode(claims.replace("alice", "bob"));
    refused(&app, &format!("{}.{bob}.{}", parts[0], parts[2]), "other claims").await;
    let none = URL_SAFE_NO_PAD.encode("{\"alg\":\"none\",\"typ\":\"JWT\"}");
    refused(&app, &format!("{none}.{}.", parts[1]), "alg none").await;
    refused(&app, &format!("{none}.{}.{}", parts[1], parts[2]), "alg none with a signature").await;
    let wrong = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &serde_json::from_str::<Value>(&claims).expect("JSON"),
        &EncodingKey::from_secret(&[1; 32]),
    );
    refused(&app, &wrong.expect("a token"), "wrong key").await;
    // Signed by the right key, but to be understood by what nobody understands here, or good for ever.
    let keys =
        everlink::keys::Keys::load(&app.settings.storage.keys.key_file()).expect("keys").expect("keys");
    let key = EncodingKey::from_secret(secrecy::ExposeSecret::expose_secret(&keys.local_issuer));
    let sign = |header: &str, claims: &str| {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let code = jsonwebtoken::crypto::sign(text.as_bytes(), &key, Algorithm::HS256).expect("a code");
        format!("{text}.{code}")
    };
    let plain = r#"{"alg":"HS256","typ":"JWT"}"#;
    drive(&app, &sign(plain, &claims)).await.expect(200);
    refused(&app, &sign(r#"{"alg":"HS256","crit":["x"],"x":1}"#, &claims), "crit").await;
    let mut lasting: Value = serde_json::from_str(&claims).expect("JSON");
    for exp in ["1e308", "1e13", "-1"] {
        lasting["exp"] = serde_json::from_str(exp).expect("a number");
        refused(&app, &sign(plain, &lasting.to_string()), exp).await;
    }
    for nonsense in ["", "x", "..", "a.b.c", &"x".repeat(5_000)] {
        refused(&app, nonsense, nonsense).await;
    }
}

async fn the_header_is_read_as_rfc_6750_says(app: TestApp) {
    let token = app.user("alice").token.expect("a token");
    let with = async |value: String| {
        let request = app.http.get(format!("{}/drive", app.url)).header("authorization", value);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(with(format!("Bearer {token}")).await, 200);
    assert_eq!(with(format!("bearer {token}")).await, 200);
    assert_eq!(with(format!("BEARER  {token}")).await, 200);
    assert_eq!(with(format!("Basic {token}")).await, 401);
    assert_eq!(with(token.clone()).await, 401);
    assert_eq!(with("Bearer".to_owned()).await, 401);
}

async fn app_of(issuer: &Issuer) -> TestApp {
    let flags = [format!("--oidc-issuer={}", issuer.url), format!("--oidc-audience={AUDIENCE}")];
    TestApp::start_with(Kind::Sqlite, &[&flags[0], &flags[1]]).await
}

fn claims(app: &TestApp, issuer: &Issuer) -> Value {
    let now = app.now().timestamp();
    json!({
        "iss": issuer.url, "aud": AUDIENCE, "sub": "pairwise", "oid": "alice", "tid": "contoso",
        "nbf": now - 10, "iat": now - 10, "exp": now + 600, "scp": "Files.ReadWrite", "appid": "1234",
        "app_displayname": "Sample Application", "name": "Alice",
    })
}

/// The claims with one of them changed, or left out.
fn with(claims: &Value, name: &str, value: Option<Value>) -> Value {
    let mut changed = claims.clone();
    let members = changed.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    changed
}

#[tokio::test]
async fn an_issuers_token_makes_a_caller_of_its_claims() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let claims = claims(&app, &issuer);
    let answer = drive(&app, &key.sign(&claims)).await.expect(200).json();
    assert_eq!(answer["owner"]["user"], json!({ "id": "alice", "displayName": "Alice" }));
    // The same user, by whichever application.
    for (name, value) in [("azp", "5678"), ("client_id", "5678")] {
        let other = with(&with(&claims, "appid", None), name, Some(json!(value)));
        assert_eq!(drive(&app, &key.sign(&other)).await.expect(200).json()["id"], answer["id"]);
    }
    let by_scope = with(&with(&claims, "scp", None), "scope", Some(json!("openid Files.ReadWrite")));
    drive(&app, &key.sign(&by_scope)).await.expect(200);
    let several = with(&claims, "aud", Some(json!(["other", AUDIENCE])));
    drive(&app, &key.sign(&several)).await.expect(200);
    // Without oid and tid, sub and the issuer stand for them.
    let plain = with(&with(&claims, "oid", None), "tid", None);
    let other = drive(&app, &key.sign(&plain)).await.expect(200).json();
    assert_eq!(other["owner"]["user"]["id"], "pairwise");
    // A role of a user's token is no right of its application's.
    let roles = with(&with(&claims, "scp", None), "roles", Some(json!(["Files.ReadWrite.All"])));
    drive(&app, &key.sign(&roles)).await.expect_error(403, "accessDenied");
}

#[tokio::test]
async fn an_issuers_token_that_lacks_anything_is_refused() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let claims = claims(&app, &issuer);
    let now = app.now().timestamp();
    drive(&app, &key.sign(&claims)).await.expect(200);
    for required in ["iss", "aud", "exp", "sub", "appid"] {
        refused(&app, &key.sign(&with(&claims, required, None)), &format!("no {required}")).await;
        refused(&app, &key.sign(&with(&claims, required, Some(json!(null)))), &format!("null {required}"))
            .await;
    }
    for (name, wrong) in [
        ("iss", json!("https://elsewhere.example")),
        ("iss", json!(format!("{}/", issuer.url))),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("exp", json!(now - 61)),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!("")),
        ("nbf", json!(now + 120)),
        ("nbf", json!((now - 10).to_string())),
        ("sub", json!(7)),
        ("oid", json!("")),
        ("oid", json!("a\u{0}b")),
        ("oid", json!("x".repeat(300))),
        ("tid", json!(7)),
        ("appid", json!("a\nb")),
    ] {
        refused(&app, &key.sign(&with(&claims, name, Some(wrong.clone()))), &format!("{name} {wrong}")).await;
    }
}

#[tokio::test]
async fn tokens_of_the_usual_issuers_are_believed() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let now = app.now().timestamp();
    let common = json!({ "iss": issuer.url, "sub": "u-1", "iat": now, "exp": now + 600 });
    for (kind, claims) in [
        (
            "Okta",
            json!({ "aud": AUDIENCE, "cid": "0oa1", "uid": "00u1", "scp": ["Files.ReadWrite"], "ver": 1 }),
        ),
        (
            "Auth0",
            json!({ "aud": [AUDIENCE, "https://x/userinfo"], "azp": "abc", "scope": "openid Files.ReadWrite" }),
        ),
        (
            "Keycloak",
            json!({ "aud": [AUDIENCE, "account"], "azp": "web", "scope": "openid Files.ReadWrite" }),
        ),
        ("Cognito", json!({ "client_id": AUDIENCE, "scope": "Files.ReadWrite", "token_use": "access" })),
        ("RFC 9068", json!({ "aud": AUDIENCE, "client_id": "web", "scope": "Files.ReadWrite", "jti": "1" })),
        (
            "Entra v1",
            json!({ "aud": AUDIENCE, "appid": "a-1", "oid": "o", "tid": "t", "scp": "Files.ReadWrite", "nbf": now }),
        ),
        (
            "Entra v2",
            json!({ "aud": AUDIENCE, "azp": "a-1", "oid": "o", "tid": "t", "scp": "Files.ReadWrite", "nbf": now }),
        ),
    ] {
        let mut all = common.clone();
        all.as_object_mut().expect("an object").extend(claims.as_object().expect("an object").clone());
        let answer = drive(&app, &key.sign(&all)).await;
        assert_eq!(answer.status.as_u16(), 200, "{kind}: {}", answer.text());
    }
    // A client of another name is no audience.
    let mut other = common.clone();
    other["client_id"] = json!("elsewhere");
    other["scope"] = json!("Files.ReadWrite");
    refused(&app, &key.sign(&other), "a client that is not the audience").await;
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let claims = claims(&app, &issuer);
    let now = app.now().timestamp();
    for (name, at) in [("exp", now - 30), ("nbf", now + 30)] {
        drive(&app, &key.sign(&with(&claims, name, Some(json!(at))))).await.expect(200);
    }
}

#[tokio::test]
async fn an_applications_role_may_be_a_text_and_audiences_several() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let flags = [format!("--oidc-issuer={}", issuer.url), format!("--oidc-audience=other,{AUDIENCE}")];
    let app = TestApp::start_with(Kind::Sqlite, &[&flags[0], &flags[1]]).await;
    let claims = claims(&app, &issuer);
    let drive_id = drive(&app, &key.sign(&claims)).await.expect(200).json()["id"].clone();
    let other = with(&claims, "aud", Some(json!("other")));
    drive(&app, &key.sign(&other)).await.expect(200);
    let daemon = with(&with(&claims, "scp", None), "idtyp", Some(json!("app")));
    let daemon = with(&daemon, "roles", Some(json!("Files.ReadWrite.All")));
    let path = format!("/drives/{}", drive_id.as_str().expect("an id"));
    app.bearer(&key.sign(&daemon)).get(&path).await.expect(200);
}

#[tokio::test]
async fn a_key_that_can_not_be_read_is_passed_over() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    issuer.publish_beside(json!({ "kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AAAA" }));
    issuer.publish_beside(json!({ "kty": "OKP", "crv": "Ed448", "kid": "e4", "x": "AAAA", "use": "sig" }));
    issuer.publish_beside(json!("no key at all"));
    let app = app_of(&issuer).await;
    drive(&app, &key.sign(&claims(&app, &issuer))).await.expect(200);
}

#[tokio::test]
async fn a_signature_by_anything_but_the_issuers_key_is_refused() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let claims = claims(&app, &issuer);
    let encode =
        |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &claims, key).expect("a token");
    refused(&app, &SigningKey::new("1").sign(&claims), "another key of the same id").await;
    refused(&app, &SigningKey::new("2").sign(&claims), "an unknown key").await;
    // What verifies a signature is public, so it must not pass for a shared secret.
    let public = EncodingKey::from_secret(&key.modulus);
    let hs256 = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::HS256) };
    refused(&app, &encode(&hs256, &public), "HS256 with the public key").await;
    let good = key.sign(&claims);
    let parts: Vec<&str> = good.split('.').collect();
    for header in
        ["{\"alg\":\"none\"}", "{\"alg\":\"RS512\",\"kid\":\"1\"}", "{\"alg\":\"HS256\",\"kid\":\"1\"}", "{}"]
    {
        let header = URL_SAFE_NO_PAD.encode(header);
        refused(&app, &format!("{header}.{}.{}", parts[1], parts[2]), "another header").await;
        refused(&app, &format!("{header}.{}.", parts[1]), "no signature").await;
    }
    drive(&app, &good).await.expect(200);
}

#[tokio::test]
async fn an_issuers_new_key_is_found_and_a_withdrawn_one_forgotten() {
    let (old, new) = (SigningKey::new("old"), SigningKey::new("new"));
    let issuer = Issuer::start(&[&old]);
    let app = app_of(&issuer).await;
    let good = with(&claims(&app, &issuer), "exp", Some(json!(app.now().timestamp() + 86_400)));
    drive(&app, &old.sign(&good)).await.expect(200);
    assert_eq!(issuer.fetches(), 1);
    issuer.publish(&[&new]);
    // Not more than one fetch in ten seconds, whatever keys tokens name.
    for _ in 0..5 {
        refused(&app, &new.sign(&good), "not known yet").await;
    }
    assert_eq!(issuer.fetches(), 1);
    app.pass(TimeDelta::seconds(11));
    drive(&app, &new.sign(&good)).await.expect(200);
    assert_eq!(issuer.fetches(), 2);
    refused(&app, &old.sign(&good), "withdrawn").await;
    // The last good keys stay when the issuer is away.
    issuer.go_down();
    app.pass(TimeDelta::minutes(16));
    drive(&app, &new.sign(&good)).await.expect(200);
}

#[tokio::test]
async fn many_tokens_at_once_make_one_fetch() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let token = key.sign(&claims(&app, &issuer));
    let answers = futures_util::future::join_all((0..50).map(|_| drive(&app, &token))).await;
    assert!(answers.iter().all(|answer| answer.status.as_u16() == 200));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_told_as_unavailable() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    issuer.go_down();
    let app = app_of(&issuer).await;
    let answer = drive(&app, &key.sign(&claims(&app, &issuer))).await;
    let answer = answer.expect_error(503, "serviceNotAvailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
}

#[tokio::test]
async fn an_application_calls_on_its_own_by_its_issuers_word_alone() {
    let key = SigningKey::new("1");
    let issuer = Issuer::start(&[&key]);
    let app = app_of(&issuer).await;
    let of_user = claims(&app, &issuer);
    let alices = drive(&app, &key.sign(&of_user)).await.expect(200).json();
    let drive_of_alice = format!("/drives/{}", alices["id"].as_str().expect("an id"));
    // No scopes, and a role that lets an application into everybody's drive.
    let role = with(&with(&of_user, "scp", None), "roles", Some(json!(["Files.ReadWrite.All"])));
    let nameless = with(&role, "name", None);
    let change = |claims: &Value, changes: &[(&str, Value)]| {
        changes.iter().fold(claims.clone(), |claims, (name, value)| {
            with(&claims, name, (!value.is_null()).then(|| value.clone()))
        })
    };
    let reach =
        async |claims: &Value| app.bearer(&key.sign(claims)).get(&drive_of_alice).await.status.as_u16();
    for (why, claims) in [
        ("idtyp says so", change(&nameless, &[("idtyp", json!("app")), ("oid", json!("daemon"))])),
        (
            "the subject is the application",
            change(&nameless, &[("sub", json!("1234")), ("oid", Value::Null)]),
        ),
        ("one object by both of its names", change(&nameless, &[("sub", json!("sp")), ("oid", json!("sp"))])),
    ] {
        assert_eq!(reach(&claims).await, 200, "{why}");
    }
    let bob = json!("bob");
    for (why, claims) in [
        ("roles beside a user's sub", change(&nameless, &[("sub", bob.clone()), ("oid", Value::Null)])),
        ("roles beside a user's oid", change(&nameless, &[("oid", bob.clone())])),
        (
            "idtyp says that it is a user's",
            change(&nameless, &[("idtyp", json!("user")), ("sub", json!("1234"))]),
        ),
        ("a name", change(&role, &[("sub", bob.clone()), ("oid", bob.clone())])),
        (
            "an address",
            change(
                &nameless,
                &[("sub", bob.clone()), ("oid", bob.clone()), ("preferred_username", json!("b@x"))],
            ),
        ),
        ("no tenant", change(&nameless, &[("sub", bob.clone()), ("oid", bob.clone()), ("tid", Value::Null)])),
        ("scopes beside it", change(&nameless, &[("idtyp", json!("app")), ("scp", json!("User.Read"))])),
        ("empty scopes beside it", change(&nameless, &[("idtyp", json!("app")), ("scp", json!(""))])),
        ("no role", change(&nameless, &[("idtyp", json!("app")), ("roles", json!([]))])),
    ] {
        assert!(matches!(reach(&claims).await, 403 | 404), "{why}");
    }
}
