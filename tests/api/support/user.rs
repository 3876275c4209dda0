//! Somebody who calls the service over HTTP.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::importer::Importer;

#[derive(Clone)]
pub struct User {
    http: Client,
    url: String,
    pub token: Option<String>,
    importer: Option<Importer>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Its status is this one; else the test fails and shows the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// It is an error in Graph's shape, with this status and code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code, "{}", answer.text());
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
        for member in ["date", "request-id", "client-request-id"] {
            assert!(error["innerError"][member].is_string(), "{}", answer.text());
        }
        assert_eq!(error["innerError"]["request-id"], answer.header("request-id"));
        answer
    }
}

impl User {
    pub fn new(http: Client, url: String, token: Option<String>) -> Self {
        Self { http, url, token, importer: None }
    }

    /// The same user, whose new files are imported rather than uploaded where there is an importer.
    pub fn importing(self, importer: Option<Importer>) -> Self {
        Self { importer, ..self }
    }

    /// What addresses of the service start with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request to a path of the service, or to a whole URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.expect("a whole body").to_vec();
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::PUT, path).body(body)).await
    }

    /// Uploads a file by its path in the user's drive; gives its id.
    pub async fn upload(&self, path: &str, body: &str) -> String {
        if let Some(id) = self.import(path, body).await {
            return id;
        }
        let answer = self.put(&format!("/drive/root:{path}:/content"), body.to_owned()).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Imports a file in its place where there is none yet. None where the user uploads, or the name is one that an
    /// import spells otherwise.
    async fn import(&self, path: &str, body: &str) -> Option<String> {
        let importer = self.importer.as_ref()?;
        let address = format!("/drive/root:{path}");
        let plain = path.starts_with('/') && !path.contains(['%', '?', '#']);
        if !plain || self.get(&address).await.status != StatusCode::NOT_FOUND {
            return None;
        }
        importer.import(path, body);
        let found = self.get(&address).await;
        (found.status == StatusCode::OK).then(|| found.json()["id"].as_str().expect("an id").to_owned())
    }

    /// The permission that `createLink` answers with.
    pub async fn link(&self, item: &str, link_type: &str) -> Value {
        let answer =
            self.post(&format!("/drive/items/{item}/createLink"), json!({ "type": link_type })).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.json()
    }

    /// What a link's URL opens, as bytes.
    pub async fn open(&self, permission: &Value) -> Answer {
        self.get(&download_path(permission)).await
    }
}

/// A link's URL with `download` in the place of `redir`, without the host.
pub fn download_path(permission: &Value) -> String {
    let (_, query) = web_url(permission).split_once('?').expect("a query");
    format!("/download?{query}")
}

/// A link's URL, without the host.
pub fn page_path(permission: &Value) -> String {
    let (_, query) = web_url(permission).split_once('?').expect("a query");
    format!("/redir?{query}")
}

pub fn web_url(permission: &Value) -> &str {
    permission["link"]["webUrl"].as_str().expect("a webUrl")
}
