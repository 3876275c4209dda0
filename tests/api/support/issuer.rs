//! An OpenID Connect issuer of a test's own: two HTTP addresses and its keys.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub const AUDIENCE: &str = "https://everlink.example";

/// A key that signs tokens.
pub struct SigningKey {
    id: String,
    private: EncodingKey,
    /// As the issuer publishes it.
    public: Value,
    pub modulus: Vec<u8>,
}

impl SigningKey {
    pub fn new(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("DER");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD
                .encode(der.as_ref())
                .as_bytes()
                .chunks(64)
                .map(|line| String::from_utf8_lossy(line))
                .collect::<Vec<_>>()
                .join("\n")
        );
        let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
        let exponent = pair.public_key().exponent().big_endian_without_leading_zero().to_vec();
        let public = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
            "n": URL_SAFE_NO_PAD.encode(&modulus), "e": URL_SAFE_NO_PAD.encode(exponent),
        });
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key");
        Self { id: id.to_owned(), private, public, modulus }
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &self.private).expect("a token")
    }
}

#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    state: web::Data<State>,
}

struct State {
    keys: Mutex<Vec<Value>>,
    fetches: AtomicUsize,
    is_down: AtomicBool,
    url: String,
}

impl Issuer {
    /// Runs for as long as the test does.
    pub fn start(keys: &[&SigningKey]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = web::Data::from(Arc::new(State {
            keys: Mutex::default(),
            fetches: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            url: url.clone(),
        }));
        let issuer = Self { url, state: state.clone() };
        issuer.publish(keys);
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(state.clone())
                        .route("/.well-known/openid-configuration", web::get().to(describe))
                        .route("/keys", web::get().to(list_keys))
                };
                HttpServer::new(app)
                    .workers(1)
                    .listen(listener)
                    .expect("a listener")
                    .run()
                    .await
                    .expect("it runs");
            });
        });
        issuer
    }

    /// From now on these are its keys.
    pub fn publish(&self, keys: &[&SigningKey]) {
        *self.state.keys.lock().expect("no panic") = keys.iter().map(|key| key.public.clone()).collect();
    }

    /// One more, of whatever form.
    pub fn publish_beside(&self, key: Value) {
        self.state.keys.lock().expect("no panic").insert(0, key);
    }

    pub fn go_down(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
    }

    /// How often its keys were fetched.
    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }
}

async fn describe(state: web::Data<State>) -> HttpResponse {
    if state.is_down.load(Ordering::SeqCst) {
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::Ok().json(json!({ "issuer": state.url, "jwks_uri": format!("{}/keys", state.url) }))
}

async fn list_keys(state: web::Data<State>) -> HttpResponse {
    state.fetches.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().json(json!({ "keys": *state.keys.lock().expect("no panic") }))
}
