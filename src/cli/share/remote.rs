//! The service that things are shared with: a client of the API, as any other.

use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use indicatif::ProgressBar;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use crate::cli::Failure;
use crate::cli::share::local::{DrivePath, LocalFile};
use crate::clock::random_bytes;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::error::Error;
use crate::keys::{KeyRing, Secret};

/// Bytes that are uploaded in one request; what is larger goes in ranges.
const IN_ONE_REQUEST: u64 = 100 * 1024 * 1024;
/// Bytes of a range: a multiple of 320 KiB, as Microsoft's service wants it.
const RANGE: u64 = 10 * 1024 * 1024;
/// How long a service may take to say that it is there.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

pub struct Remote {
    http: Client,
    /// Without a slash at its end.
    base: String,
    token: SecretString,
    /// URLs of the upload sessions that are under way.
    sessions: Mutex<Vec<String>>,
}

/// A link, and whether it was made just now.
pub struct SharedLink {
    pub id: String,
    pub web_url: String,
    pub share_id: String,
    pub link_type: String,
    pub scope: String,
    pub created: bool,
}

/// What is at a path already.
pub struct Existing {
    size: u64,
    /// None for a folder.
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct ProofBody {
    proof: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionBody {
    upload_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PermissionBody {
    id: String,
    share_id: String,
    link: LinkBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkBody {
    r#type: String,
    scope: String,
    web_url: String,
}

impl Remote {
    pub fn new(http: Client, base: String, token: SecretString) -> Self {
        Self { http, base, token, sessions: Mutex::default() }
    }

    /// The same at another URL.
    pub fn at(self, base: String) -> Self {
        Self { base, ..self }
    }

    /// Whether a service that takes the token answers; false where nothing does.
    pub async fn is_there(&self) -> Result<bool, Failure> {
        let base = &self.base;
        let request = self.http.get(format!("{base}/v1.0/me/drive")).timeout(PROBE_LIMIT);
        match request.bearer_auth(self.token.expose_secret()).send().await {
            Err(error) if error.is_connect() => Ok(false),
            Err(error) => Err(Error::internal(error).into()),
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => Err(Failure(format!(
                "the service at {base} does not take the token: give --token, its --key-file, or `everlink login`"
            ))),
            Ok(answer) if !answer.headers().contains_key("request-id") => Err(Failure(format!(
                "something that is not Everlink answers at {base}: give --server or --listen"
            ))),
            Ok(answer) => succeeded(answer).await.map(|_| true),
        }
    }

    /// Whether a service answers that has a key file's secret; false where nothing does. What else answers gets no
    /// token that the secret signs.
    pub async fn has_secret(&self, secret: &Secret) -> Result<bool, Failure> {
        let base = &self.base;
        let challenge = Uuid::from_bytes(random_bytes()).simple().to_string();
        let url = format!("{base}/.well-known/everlink?challenge={challenge}");
        let answer = match self.http.get(url).timeout(PROBE_LIMIT).send().await {
            Err(error) if error.is_connect() => return Ok(false),
            Err(error) => return Err(Error::internal(error).into()),
            Ok(answer) => answer,
        };
        let is_everlink = answer.headers().contains_key("request-id");
        let shown: Option<ProofBody> = answer.json().await.ok();
        match shown {
            Some(shown) if shown.proof == KeyRing::prove_issuer(secret, &challenge) => Ok(true),
            _ if is_everlink => Err(Failure(format!(
                "the service at {base} does not take the token of this key file: give --token, its --key-file, or \
                 `everlink login`"
            ))),
            _ => Err(Failure(format!(
                "something that is not Everlink answers at {base}: give --server or --listen"
            ))),
        }
    }

    fn request(&self, method: Method, path: &DrivePath, what: &str) -> RequestBuilder {
        let names =
            path.0.iter().map(|name| utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC).to_string());
        let base = &self.base;
        let url = match names.collect::<Vec<_>>().join("/") {
            root if root.is_empty() => format!("{base}/v1.0/me/drive/root{what}"),
            path if what.is_empty() => format!("{base}/v1.0/me/drive/root:/{path}"),
            path => format!("{base}/v1.0/me/drive/root:/{path}:{what}"),
        };
        self.http.request(method, url).bearer_auth(self.token.expose_secret())
    }

    pub async fn find(&self, path: &DrivePath) -> Result<Option<Existing>, Failure> {
        let answer = self.request(Method::GET, path, "").send().await.map_err(Error::internal)?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let item: Value = succeeded(answer).await?.json().await.map_err(Error::internal)?;
        let sha256 = item["file"]["hashes"]["sha256Hash"].as_str().map(str::to_owned);
        Ok(Some(Existing { size: item["size"].as_u64().unwrap_or_default(), sha256 }))
    }

    /// Makes a folder, and those it is in, where they are not there yet.
    pub async fn make_folder(&self, path: &DrivePath) -> Result<(), Failure> {
        let mut missing = vec![path.clone()];
        while let Some(next) = missing.last() {
            let Some((above, name)) = next.parent() else { break };
            let body = json!({ "name": name.as_str(), "folder": {}, "@microsoft.graph.conflictBehavior": "replace" });
            let make = self.request(Method::POST, &above, "/children").json(&body);
            let answer = make.send().await.map_err(Error::internal)?;
            if answer.status() == StatusCode::NOT_FOUND && !above.0.is_empty() {
                missing.push(above);
            } else {
                succeeded(answer).await?;
                missing.pop();
            }
        }
        Ok(())
    }

    /// Sends a file, unless just these bytes are there.
    pub async fn send(&self, file: &LocalFile, bar: &ProgressBar) -> Result<(), Failure> {
        let there = self.find(&file.path).await?;
        if let Some(Existing { size, sha256: Some(sha256) }) = there
            && size == file.size
            && file.sha256().map_err(|error| file.failed(error))? == sha256
        {
            bar.inc(file.size);
            return Ok(());
        }
        let sent = if file.size <= IN_ONE_REQUEST {
            self.send_whole(file, bar).await
        } else {
            self.send_in_ranges(file, bar).await
        };
        sent.map_err(|Failure(reason)| file.failed(reason))
    }

    async fn send_whole(&self, file: &LocalFile, bar: &ProgressBar) -> Result<(), Failure> {
        let progress = bar.clone();
        // No more than was said: a file may grow meanwhile.
        let reader = tokio::fs::File::from_std(file.open()?).take(file.size);
        let chunks = futures_util::stream::try_unfold(reader, async |mut reader| {
            let mut chunk = bytes::BytesMut::with_capacity(64 * 1024);
            let read = reader.read_buf(&mut chunk).await?;
            Ok::<_, std::io::Error>((read > 0).then(|| (chunk.freeze(), reader)))
        })
        .inspect_ok(move |chunk| progress.inc(chunk.len() as u64));
        let upload = self
            .request(Method::PUT, &file.path, "/content")
            .header(header::CONTENT_LENGTH, file.size)
            .body(reqwest::Body::wrap_stream(chunks));
        succeeded(upload.send().await.map_err(Error::internal)?).await.map(|_| ())
    }

    async fn send_in_ranges(&self, file: &LocalFile, bar: &ProgressBar) -> Result<(), Failure> {
        let mut reader = file.open()?;
        let told =
            json!({ "item": { "@microsoft.graph.conflictBehavior": "replace", "fileSize": file.size } });
        let create = self.request(Method::POST, &file.path, "/createUploadSession").json(&told);
        let answer = succeeded(create.send().await.map_err(Error::internal)?).await?;
        let url = answer.json::<SessionBody>().await.map_err(Error::internal)?.upload_url;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(url.clone());
        let sent = async {
            let mut first = 0;
            while first < file.size {
                let length = usize::try_from(RANGE.min(file.size - first)).map_err(Error::internal)?;
                let mut range = vec![0; length];
                reader.read_exact(&mut range)?;
                let end = first + range.len() as u64;
                let put = self
                    .http
                    .put(&url)
                    .header(header::CONTENT_RANGE, format!("bytes {first}-{}/{}", end - 1, file.size))
                    .body(Bytes::from(range));
                succeeded(put.send().await.map_err(Error::internal)?).await?;
                bar.inc(end - first);
                first = end;
            }
            Ok(())
        }
        .await;
        if sent.is_err() {
            self.cancel(&url).await;
        }
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).retain(|open| *open != url);
        sent
    }

    /// Takes back what is half sent.
    pub async fn cancel_uploads(&self) {
        let open = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        for url in open {
            self.cancel(&url).await;
        }
    }

    /// The service does it later where this fails.
    async fn cancel(&self, url: &str) {
        let _ = self.http.delete(url).timeout(PROBE_LIMIT).send().await;
    }

    pub async fn create_link(
        &self,
        path: &DrivePath,
        link_type: LinkType,
        scope: Option<LinkScope>,
    ) -> Result<SharedLink, Failure> {
        let mut body = json!({ "type": link_type.as_str() });
        if let Some(scope) = scope {
            body["scope"] = json!(scope.as_str());
        }
        let create = self.request(Method::POST, path, "/createLink").json(&body);
        let answer = succeeded(create.send().await.map_err(Error::internal)?).await?;
        let created = answer.status() == StatusCode::CREATED;
        let permission: PermissionBody = answer.json().await.map_err(Error::internal)?;
        Ok(SharedLink {
            id: permission.id,
            web_url: permission.link.web_url,
            share_id: permission.share_id,
            link_type: permission.link.r#type,
            scope: permission.link.scope,
            created,
        })
    }
}

/// The answer, if it is not an error; else what the service says is wrong.
async fn succeeded(answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body: Value = answer.json().await.unwrap_or_default();
    let message = body["error"]["message"].as_str().unwrap_or("no reason given");
    Err(Failure(format!("{status}: {message}")))
}
