//! `everlink share`: the main job in one go.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use clap::Args;
use futures_util::TryStreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

use crate::auth::{LocalIssuer, NewToken};
use crate::cli::{Failure, asked_to_stop};
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::Error;
use crate::keys::Keys;
use crate::server;
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct Share {
    /// The file; its place in the drive is its place on this disk, so that sharing it again gives the
    /// same link a new version
    file: PathBuf,

    /// view or edit
    #[arg(long = "type", default_value = "view", value_parser = ["view", "edit"])]
    link_type: String,

    /// anonymous or organization [default: the service's]
    #[arg(long, value_parser = ["anonymous", "organization"])]
    scope: Option<String>,

    /// Where the service is; it is started here where nothing answers [default: the listen address]
    #[arg(long, env = "EVERLINK_SERVER", value_name = "URL")]
    server: Option<Url>,

    /// Token to use there [default: one of the local issuer]
    #[arg(long, env = "EVERLINK_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,

    /// Whose drive it goes to, with a token of the local issuer
    #[arg(long, env = "USER", default_value = "me")]
    user: String,

    /// Stop when the link is made, even where the service was started here
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    settings: Settings,
}

/// Bytes that are uploaded in one request; what is larger goes in ranges.
const IN_ONE_REQUEST: u64 = 100 * 1024 * 1024;
/// Bytes of a range: a multiple of 320 KiB, as Microsoft's service wants it.
const RANGE: u64 = 10 * 1024 * 1024;
/// How long a service may take to say that it is there.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

impl Share {
    pub async fn run(mut self) -> Result<(), Failure> {
        // Between the progress and the link only what is wrong is worth a line.
        self.settings.log = self.settings.log.min(tracing::Level::WARN);
        start_logging(&self.settings, None);
        let file = LocalFile::open(&self.file).await?;
        let token = self.token()?;
        let http = match &self.server {
            Some(url) if !is_here(url) => Client::builder(),
            // A proxy to the world is not asked for what is on this machine.
            _ => Client::builder().no_proxy(),
        };
        let http = http.build().map_err(Error::internal)?;
        let base = match &self.server {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.settings.listen),
        };
        if is_there(&http, &base, &token).await? {
            println!("{}", self.share(&http, &base, &token, file).await?);
            return Ok(());
        }
        if self.server.as_ref().is_some_and(|url| !is_here(url)) {
            return Err(Failure(format!("no service answers at {base}")));
        }
        let server = server::bind(&self.settings, Clock::system()).await?;
        let base = format!("http://{}", server.api);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = actix_web::rt::spawn(server.run(async {
            // Whoever holds the other end may also just be gone.
            let _ = stopped.await;
        }));
        let shared = self.share(&http, &base, &token, file).await;
        if let Ok(url) = &shared {
            println!("{url}");
            if !self.once {
                eprintln!("Serving it until Ctrl-C.");
                asked_to_stop().await;
            }
        }
        drop(stop);
        running.await.map_err(Error::internal)??;
        shared.map(|_| ())
    }

    fn token(&self) -> Result<SecretString, Failure> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let keys = Keys::load_or_create(&self.settings.key_file()).map_err(Error::internal)?;
        let token = NewToken {
            user: Some(self.user.clone()),
            user_name: None,
            application: "everlink-cli".to_owned(),
            application_name: Some("Everlink command line".to_owned()),
            tenant: "default".to_owned(),
            scope: "Files.ReadWrite".to_owned(),
            lifetime: Duration::from_secs(3600),
        };
        Ok(SecretString::from(LocalIssuer::new(&keys.local_issuer).issue(&token, Clock::system().now())?))
    }

    /// Uploads the file and gives its link's URL.
    async fn share(
        &self,
        http: &Client,
        base: &str,
        token: &SecretString,
        file: LocalFile,
    ) -> Result<String, Failure> {
        let item = format!("{base}/v1.0/me/drive/root:/{}:", file.path);
        let bar = ProgressBar::new(file.size).with_style(
            ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}")
                .expect("the template is right")
                .progress_chars("=> "),
        );
        bar.set_message(file.name.clone());
        let uploaded = match file.size {
            size if size <= IN_ONE_REQUEST => upload_whole(http, &item, token, file, &bar).await,
            _ => upload_in_ranges(http, &item, token, file, &bar).await,
        };
        bar.finish_and_clear();
        uploaded?;
        let mut request = json!({ "type": self.link_type });
        if let Some(scope) = &self.scope {
            request["scope"] = json!(scope);
        }
        let create =
            http.post(format!("{item}/createLink")).bearer_auth(token.expose_secret()).json(&request);
        let answer = succeeded(create.send().await.map_err(Error::internal)?).await?;
        let permission: PermissionBody = answer.json().await.map_err(Error::internal)?;
        Ok(permission.link.web_url)
    }
}

/// Uploads a file whose address is `item` in one request.
async fn upload_whole(
    http: &Client,
    item: &str,
    token: &SecretString,
    file: LocalFile,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let progress = bar.clone();
    let size = file.size;
    let chunks = futures_util::stream::try_unfold(file.handle, async |mut file| {
        let mut chunk = bytes::BytesMut::with_capacity(64 * 1024);
        let read = file.read_buf(&mut chunk).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (chunk.freeze(), file)))
    })
    .inspect_ok(move |chunk| progress.inc(chunk.len() as u64));
    let upload = http
        .put(format!("{item}/content"))
        .bearer_auth(token.expose_secret())
        .header(reqwest::header::CONTENT_LENGTH, size)
        .body(reqwest::Body::wrap_stream(chunks));
    succeeded(upload.send().await.map_err(Error::internal)?).await.map(|_| ())
}

/// As [`upload_whole`], of a file that is too large for one request.
async fn upload_in_ranges(
    http: &Client,
    item: &str,
    token: &SecretString,
    mut file: LocalFile,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let replacing = json!({ "item": { "@microsoft.graph.conflictBehavior": "replace" } });
    let create =
        http.post(format!("{item}/createUploadSession")).bearer_auth(token.expose_secret()).json(&replacing);
    let answer = succeeded(create.send().await.map_err(Error::internal)?).await?;
    let session: SessionBody = answer.json().await.map_err(Error::internal)?;
    let mut first = 0;
    while first < file.size {
        let mut range = vec![0; usize::try_from(RANGE.min(file.size - first)).map_err(Error::internal)?];
        file.handle.read_exact(&mut range).await?;
        let end = first + range.len() as u64;
        let content_range = format!("bytes {first}-{}/{}", end - 1, file.size);
        let put =
            http.put(&session.upload_url).header(reqwest::header::CONTENT_RANGE, content_range).body(range);
        succeeded(put.send().await.map_err(Error::internal)?).await?;
        bar.inc(end - first);
        first = end;
    }
    Ok(())
}

#[derive(Deserialize)]
struct SessionBody {
    #[serde(rename = "uploadUrl")]
    upload_url: String,
}

#[derive(Deserialize)]
struct PermissionBody {
    link: LinkBody,
}

#[derive(Deserialize)]
struct LinkBody {
    #[serde(rename = "webUrl")]
    web_url: String,
}

/// A file to share.
struct LocalFile {
    handle: tokio::fs::File,
    size: u64,
    name: String,
    /// Its absolute path, encoded for a URL, without the first slash.
    path: String,
}

impl LocalFile {
    async fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure(format!("{}: {error}", path.display()));
        let real = tokio::fs::canonicalize(path).await.map_err(failed)?;
        let file = tokio::fs::File::open(&real).await.map_err(failed)?;
        let metadata = file.metadata().await.map_err(failed)?;
        if !metadata.is_file() {
            return Err(Failure(format!("{}: not a file", path.display())));
        }
        let names: Option<Vec<&str>> = real
            .components()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name.to_str()),
                _ => None,
            })
            .collect();
        let names = names.ok_or_else(|| Failure(format!("{}: the path is not UTF-8", path.display())))?;
        let encoded: Vec<String> =
            names.iter().map(|name| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()).collect();
        let name = names.last().copied().unwrap_or_default().to_owned();
        Ok(Self { handle: file, size: metadata.len(), name, path: encoded.join("/") })
    }
}

/// Whether a service that takes the token answers at the URL; false where nothing does.
async fn is_there(http: &Client, base: &str, token: &SecretString) -> Result<bool, Failure> {
    let request =
        http.get(format!("{base}/v1.0/me/drive")).bearer_auth(token.expose_secret()).timeout(PROBE_LIMIT);
    match request.send().await {
        Err(error) if error.is_connect() => Ok(false),
        Err(error) => Err(Failure::from(Error::internal(error))),
        Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => Err(Failure(format!(
            "the service at {base} does not take the token: give --token, or its --key-file"
        ))),
        Ok(answer) if !answer.headers().contains_key("request-id") => Err(Failure(format!(
            "something that is not Everlink answers at {base}: give --server or --listen"
        ))),
        Ok(answer) => succeeded(answer).await.map(|_| true),
    }
}

/// Whether a URL is of this machine, where a service can be started.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The answer, if it is not an error; else what the service says is wrong.
async fn succeeded(answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body: serde_json::Value = answer.json().await.unwrap_or_default();
    let message = body["error"]["message"].as_str().unwrap_or("no reason given");
    Err(Failure(format!("{status}: {message}")))
}
