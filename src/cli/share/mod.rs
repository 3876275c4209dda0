//! `everlink share`: the main job in one go.

mod local;
mod remote;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use reqwest::{Client, Url};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::oneshot;

use crate::auth::{LocalIssuer, NewToken};
use crate::cli::login::Login;
use crate::cli::{Failure, LocalUser, asked_to_stop};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::error::Error;
use crate::keys::Keys;
use crate::server::{self, Stop};
use crate::telemetry::start_logging;

use local::Source;
use remote::SharedLink;

pub(super) use remote::Remote;

#[derive(Args)]
pub struct Share {
    /// Files and folders, or - for standard input; their places in the drive are their places on this disk, so that
    /// sharing one again gives the same link
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What standard input is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[arg(long = "type", value_name = "TYPE", default_value = "view", help = LinkType::names())]
    link_type: LinkType,

    /// anonymous or organization [default: the service's]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<LinkScope>,

    /// Where the service is [default: the one of `everlink login`, else what answers at the listen address; it is
    /// started here where nothing does]
    #[arg(long, env = "EVERLINK_SERVER", value_name = "URL")]
    server: Option<Url>,

    /// Token to use there [default: that of `everlink login`, else one of the local issuer]
    #[arg(long, env = "EVERLINK_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,

    #[command(flatten)]
    local: LocalUser,

    /// Stop when the links are made, even where the service was started here
    #[arg(long)]
    once: bool,

    /// Print one object of JSON a link
    #[arg(long)]
    json: bool,

    /// Put the link into the clipboard, by way of the terminal (OSC 52)
    #[arg(long)]
    copy: bool,

    /// Open the link in the browser
    #[arg(long)]
    open: bool,

    /// Show the link as a QR code
    #[arg(long)]
    qr: bool,

    /// As `everlink serve` has them, where the service is started here
    #[command(flatten)]
    settings: Settings,
}

/// Files that are sent at once.
const AT_ONCE: usize = 4;

impl Share {
    pub async fn run(mut self) -> Result<(), Failure> {
        // Between the progress and the links only what is wrong is worth a line.
        self.settings.logging.log = self.settings.logging.log.min(tracing::Level::WARN);
        start_logging(&self.settings.logging);
        let sources = self.sources()?;
        let login = if self.server.is_none() { Login::remembered()? } else { None };
        let named = self.server.clone().or_else(|| login.as_ref().map(|login| login.server.clone()));
        let base = match &named {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.settings.listen),
        };
        let keys = match (&self.token, &login) {
            (None, None) => {
                let key_file = self.settings.storage.keys.key_file();
                Some(Keys::load_or_create(&key_file).map_err(Error::internal)?)
            }
            _ => None,
        };
        let token = match (&self.token, login, &keys) {
            (Some(token), ..) => token.clone(),
            (None, Some(login), _) => login.token,
            (None, None, Some(keys)) => self.local_token(keys)?,
            (None, None, None) => return Err(Failure("there is no token".to_owned())),
        };
        let remote = Remote::new(http_client(named.as_ref())?, base.clone(), token);
        let is_there = match &keys {
            Some(keys) => remote.has_secret(&keys.local_issuer).await? && remote.is_there().await?,
            None => remote.is_there().await?,
        };
        if is_there {
            return self.share_or_stop(&remote, &sources).await;
        }
        if named.is_some() {
            return Err(Failure(format!("no service answers at {base}")));
        }
        let server = server::bind(&self.settings, Clock::system()).await?;
        let remote = remote.at(format!("http://{}", server.api));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = actix_web::rt::spawn(server.run(async {
            // Whoever holds the other end may also just be gone.
            let _ = stopped.await;
            Stop::AtOnce
        }));
        let shared = self.share_or_stop(&remote, &sources).await;
        if shared.is_ok() && !self.once {
            eprintln!("Serving until Ctrl-C.");
            asked_to_stop().await;
        }
        drop(stop);
        running.await.map_err(Error::internal)??;
        shared
    }

    fn sources(&self) -> Result<Vec<Source>, Failure> {
        let is_stdin = |file: &PathBuf| file.as_os_str() == "-";
        if self.name.is_some() && !self.files.iter().any(is_stdin) {
            return Err(Failure("--name is for standard input: share -".to_owned()));
        }
        let source = |file: &PathBuf| match (is_stdin(file), &self.name) {
            (false, _) => Source::open(file),
            (true, Some(name)) => Source::read_stdin(name),
            (true, None) => Err(Failure("standard input has no name: say --name".to_owned())),
        };
        self.files.iter().map(source).collect()
    }

    fn local_token(&self, keys: &Keys) -> Result<SecretString, Failure> {
        let token = NewToken {
            user: Some(self.local.name().to_owned()),
            user_name: None,
            application: "everlink-cli".to_owned(),
            application_name: Some("Everlink command line".to_owned()),
            tenant: "default".to_owned(),
            scope: "Files.ReadWrite".to_owned(),
            lifetime: Duration::from_secs(24 * 3600),
        };
        Ok(SecretString::from(LocalIssuer::new(&keys.local_issuer).issue(&token, Clock::system().now())?))
    }

    /// Shares all, unless somebody wants it stopped: then what is half sent is taken back.
    async fn share_or_stop(&self, remote: &Remote, sources: &[Source]) -> Result<(), Failure> {
        tokio::select! {
            shared = self.share_all(remote, sources) => shared,
            _ = asked_to_stop() => {
                remote.cancel_uploads().await;
                Err(Failure("stopped: what was half sent is not kept".to_owned()))
            }
        }
    }

    async fn share_all(&self, remote: &Remote, sources: &[Source]) -> Result<(), Failure> {
        let total = sources.iter().flat_map(|source| &source.files).map(|file| file.size).sum();
        let bar = ProgressBar::new(total).with_style(
            ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}")
                .expect("the template is right")
                .progress_chars("=> "),
        );
        for source in sources {
            bar.set_message(source.shown.clone());
            let shared = self.share(remote, source, &bar).await;
            if shared.is_err() {
                bar.finish_and_clear();
            }
            let link = shared?;
            bar.suspend(|| self.show(source, &link))?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    async fn share(
        &self,
        remote: &Remote,
        source: &Source,
        bar: &ProgressBar,
    ) -> Result<SharedLink, Failure> {
        // Who wants it seen by few is told of a link for many before anything is sent.
        if self.scope == Some(LinkScope::Organization) && remote.find(&source.path).await?.is_some() {
            self.link(remote, source).await?;
        }
        for folder in &source.folders {
            remote.make_folder(folder).await?;
        }
        stream::iter(&source.files)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |file| remote.send(file, bar))
            .await?;
        self.link(remote, source).await
    }

    async fn link(&self, remote: &Remote, source: &Source) -> Result<SharedLink, Failure> {
        let link = remote.create_link(&source.path, self.link_type, self.scope).await?;
        if self.scope == Some(LinkScope::Organization) && link.scope != LinkScope::Organization.as_str() {
            return Err(Failure(format!(
                "{}: it has a link for anybody already, {}\nRemove that first (everlink links revoke '{}'), or share \
                 it with --scope {}",
                source.shown, link.web_url, link.web_url, link.scope
            )));
        }
        Ok(link)
    }

    /// The link alone goes to standard output.
    fn show(&self, source: &Source, link: &SharedLink) -> Result<(), Failure> {
        let url = &link.web_url;
        let mut out = std::io::stdout().lock();
        if self.json {
            let object = json!({
                "path": source.shown,
                "webUrl": url,
                "shareId": link.share_id,
                "id": link.id,
                "type": link.link_type,
                "scope": link.scope,
                "created": link.created,
            });
            writeln!(out, "{object}")?;
        } else {
            writeln!(out, "{url}")?;
        }
        out.flush()?;
        if self.scope.is_some_and(|scope| scope.as_str() != link.scope) {
            eprintln!("It was there already, with scope {}: a link keeps its scope.", link.scope);
        }
        if Url::parse(url).is_ok_and(|url| is_here(&url)) {
            eprintln!("This address opens on this machine only: see EVERLINK_PUBLIC_URL.");
        }
        if self.qr {
            let code = QrCode::new(url).map_err(|error| Failure(format!("no QR code: {error}")))?;
            eprintln!("{}", code.render::<Dense1x2>().build());
        }
        if self.copy {
            // The terminal does it, be it on another machine: `xterm` calls this «Manipulate Selection Data».
            eprint!("\x1b]52;c;{}\x07", STANDARD.encode(url));
        }
        if self.open {
            open::that_detached(url)
                .map_err(|error| Failure(format!("no browser could be opened: {error}")))?;
        }
        Ok(())
    }
}

/// A proxy to the world is not asked for what is on this machine.
pub(super) fn http_client(url: Option<&Url>) -> Result<Client, Failure> {
    let builder = match url {
        Some(url) if !is_here(url) => Client::builder(),
        _ => Client::builder().no_proxy(),
    };
    Ok(builder.build().map_err(Error::internal)?)
}

/// Whether a URL is of this machine.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
