//! Traces tell a collector how requests went, and no secret.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use reqwest::Method;

use crate::support::{Process, TestApp, download_path, eventually, on_each_database};

on_each_database!(
    a_collector_is_told_of_each_request_and_what_it_waited_for,
    a_collector_that_is_away_disturbs_nobody,
);

/// Keeps what it is sent.
#[derive(Clone)]
struct Collector {
    url: String,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    /// Runs for as long as the test does.
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let collector = Self { url, received: Arc::default() };
        let shared = web::Data::new(collector.clone());
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    App::new().app_data(shared.clone()).route("/v1/traces", web::post().to(Self::receive))
                };
                let server = HttpServer::new(app).workers(1).listen(listener).expect("a listener");
                server.run().await.expect("it runs");
            });
        });
        collector
    }

    async fn receive(collector: web::Data<Self>, body: web::Bytes) -> HttpResponse {
        collector.received.lock().expect("no panic").extend_from_slice(&body);
        HttpResponse::Ok().content_type("application/x-protobuf").finish()
    }

    /// Whether it was sent these bytes. Texts and ids are plain in what is sent.
    fn received(&self, bytes: &[u8]) -> bool {
        self.received.lock().expect("no panic").windows(bytes.len()).any(|window| window == bytes)
    }
}

fn serve(app: &TestApp, endpoint: &str) -> Process {
    Process::serve_with(&app.data_dir(), &app.database, Stdio::null(), |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    })
}

async fn a_collector_is_told_of_each_request_and_what_it_waited_for(app: TestApp) {
    let collector = Collector::start();
    let mut process = serve(&app, &collector.url);
    let alice = process.user(&app.user("alice"));
    let item = alice.upload("/private name.txt".replace(' ', "%20").as_str(), "one").await;
    let link = alice.link(&item, "view").await;
    let path = download_path(&link);
    let caller = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request =
        alice.request(Method::GET, &path).header("traceparent", format!("00-{caller}-00f067aa0ba902b7-01"));
    let opened = alice.send(request).await.expect(200);
    eventually("the request's span is sent", async || {
        collector.received(opened.header("request-id").as_bytes())
    })
    .await;
    assert!(process.signal("TERM").success());

    // What was still to be sent is sent before the service ends. The caller's trace goes on here.
    let trace = u128::from_str_radix(caller, 16).expect("a number").to_be_bytes();
    assert!(collector.received(&trace), "the caller's trace");
    for told in [
        "everlink",
        "POST /item/createLink",
        "GET /download",
        "transaction",
        "batch",
        "open",
        "make",
        "http.route",
    ] {
        assert!(collector.received(told.as_bytes()), "{told}");
    }
    let key = path.split("authkey=!").nth(1).expect("a key").split('&').next().expect("its end");
    let token = alice.token.expect("a token");
    for secret in [key, &token, "authkey", "private", link["shareId"].as_str().expect("an id")] {
        assert!(!collector.received(secret.as_bytes()), "{secret}");
    }
}

async fn a_collector_that_is_away_disturbs_nobody(app: TestApp) {
    let mut process = serve(&app, "http://127.0.0.1:1");
    let alice = process.user(&app.user("alice"));
    let item = alice.upload("/a.txt", "one").await;
    alice.link(&item, "view").await;
    assert!(process.signal("TERM").success());
}
