//! `everlink doctor`: finds what is wrong before users do. Changes nothing but what it tries writing with.

use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use url::{Host, Url};

use crate::auth::OidcIssuer;
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{ContentUrl, DatabaseUrl, Settings, reachable_url};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::keys::{self, Keys};
use crate::service::installation::Installation;
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct Doctor {
    /// Ask the service that runs with these settings whether it is ready, and check nothing else
    #[arg(long)]
    probe: bool,
    #[command(flatten)]
    settings: Settings,
}

/// How long another service may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// With less room than this a disk is as good as full.
const LEAST_SPACE: ByteSize = ByteSize::mib(512);

impl Doctor {
    pub async fn run(&self) -> Result<(), Failure> {
        if self.probe { probe(&self.settings).await } else { examine(&self.settings).await }
    }
}

fn http() -> Result<reqwest::Client, Failure> {
    Ok(reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT).build().map_err(Error::internal)?)
}

async fn probe(settings: &Settings) -> Result<(), Failure> {
    let url = format!("{}/readyz", reachable_url(settings.admin_listen));
    let failed = |error: reqwest::Error| {
        let why = Error::internal(error).inside().unwrap_or_default();
        Failure(format!("{url} does not answer: {why}"))
    };
    let answer = http()?.get(&url).send().await.map_err(failed)?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(Failure(answer.text().await.map_err(failed)?))
}

async fn examine(settings: &Settings) -> Result<(), Failure> {
    start_logging(&settings.logging);
    let mut report = Report::default();
    check_address(settings.listen, "listen", "/", &mut report).await?;
    check_address(settings.admin_listen, "admin listen", "/healthz", &mut report).await?;
    check_public_url(settings, &mut report);
    check_issuer(settings, &mut report).await;
    let installation = check_database(settings, &mut report).await;
    check_keys(settings, installation.as_ref(), &mut report).await;
    check_content(settings, installation.as_ref(), &mut report).await;
    check_space(settings, &mut report);
    if let Some(installation) = installation {
        installation.close().await;
    }
    match report.problems {
        0 => Ok(()),
        1 => Err(Failure("1 problem".to_owned())),
        problems => Err(Failure(format!("{problems} problems"))),
    }
}

/// A service that runs with these settings is no problem; another program at its address is one.
async fn check_address(
    address: SocketAddr,
    what: &str,
    path: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    match TcpListener::bind(address) {
        Ok(_) => report.good(what, format_args!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let answer = http()?.get(format!("{}{path}", reachable_url(address))).send().await;
            if answer.is_ok_and(|answer| is_of_everlink(path, &answer)) {
                report.good(what, format_args!("{address}: Everlink runs there"));
            } else {
                report.bad(what, format_args!("{address} is taken by another program"));
            }
        }
        Err(error) => report.bad(what, format_args!("{address} can't be listened on: {error}")),
    }
    Ok(())
}

fn is_of_everlink(path: &str, answer: &reqwest::Response) -> bool {
    path == "/healthz" && answer.status().is_success() || answer.headers().contains_key("request-id")
}

fn check_public_url(settings: &Settings, report: &mut Report) {
    let (url, said) = match &settings.public_url {
        Some(url) => (url.clone(), ""),
        None => (reachable_url(settings.listen), "default: "),
    };
    let is_loopback = Url::parse(&url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    });
    if is_loopback {
        report.note("public URL", format_args!("{said}{url}: its links open on this machine only"));
    } else {
        report.good("public URL", format_args!("{said}{url}"));
    }
}

async fn check_issuer(settings: &Settings, report: &mut Report) {
    let Some(url) = &settings.oidc_issuer else {
        report.good("issuer", "default: the tokens of `everlink token` are believed");
        return;
    };
    let issuer = match OidcIssuer::new(url, &settings.oidc_audience, &settings.oidc_algorithms) {
        Ok(issuer) => issuer,
        Err(error) => return report.bad("issuer", reason(&error)),
    };
    match issuer.check().await {
        Ok(()) => report.good("issuer", url),
        Err(cause) => {
            let why = reason(&Error::Internal(cause));
            report.bad("issuer", format_args!("{url} gives no keys to check tokens by: {why}"));
        }
    }
}

/// In one sentence.
fn reason(error: &Error) -> String {
    error.inside().unwrap_or_else(|| error.to_string())
}

/// The part of a disk that is free where a file is, or would be made; none where that can't be told.
fn free_space(path: &Path) -> Option<ByteSize> {
    let there = path.ancestors().find(|folder| folder.exists())?;
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(ByteSize::b(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

fn check_space(settings: &Settings, report: &mut Report) {
    let mut folders = vec![settings.storage.keys.data_dir()];
    if let Ok(DatabaseUrl::Sqlite(path)) = settings.storage.database() {
        folders.extend(path.parent().map(Path::to_owned));
    }
    if let Ok(ContentUrl::Folder(folder)) = settings.content() {
        folders.push(folder);
    }
    // One line, of where there is least.
    let least = folders.iter().filter_map(|folder| Some((free_space(folder)?, folder))).min();
    let Some((free, folder)) = least else { return };
    let said = format!("{} free in {}", free.display().iec(), folder.display());
    if free < LEAST_SPACE {
        report.bad("space", format_args!("only {said}"));
    } else {
        report.good("space", said);
    }
}

#[derive(Default)]
struct Report {
    problems: usize,
}

impl Report {
    fn good(&self, what: &str, how: impl Display) {
        println!("ok       {what:<12} {how}");
    }

    /// What may well be meant.
    fn note(&self, what: &str, how: impl Display) {
        println!("note     {what:<12} {how}");
    }

    fn bad(&mut self, what: &str, why: impl Display) {
        self.problems += 1;
        println!("problem  {what:<12} {why}");
    }

    fn tell<T>(&mut self, what: &str, outcome: Result<T>, how: impl Display) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.good(what, how);
                Some(value)
            }
            Err(error) => {
                self.bad(what, reason(&error));
                None
            }
        }
    }
}

async fn check_database(settings: &Settings, report: &mut Report) -> Option<Installation> {
    let url = match settings.storage.database() {
        Ok(url) => url,
        Err(error) => {
            report.bad("database", error);
            return None;
        }
    };
    let said = if settings.storage.database_url.is_some() { "" } else { "default: " };
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
    {
        let path = path.display();
        report.good("database", format_args!("{said}{path} is not there yet; `everlink serve` makes it"));
        return None;
    }
    let how = format!("{said}{}", url.display());
    let installation = report.tell("database", Installation::examine(&url, &settings.storage).await, how)?;
    let readiness = installation.readiness(Clock::system().now()).await;
    match readiness.is_primary {
        Ok(true) => report.good("primary", "it is no standby"),
        Ok(false) => report.bad("primary", "it is a standby: revoked links would open for a while"),
        Err(error) => report.bad("primary", reason(&error)),
    }
    match readiness.is_migrated {
        Ok(true) => {
            report.good("migrations", "current");
            report.tell("writing", readiness.is_writable, "it takes writes");
        }
        Ok(false) if settings.no_migrate => report.bad("migrations", "not current: run `everlink migrate`"),
        Ok(false) => report.good("migrations", "not current; `everlink serve` applies them"),
        Err(error) => report.bad("migrations", reason(&error)),
    }
    Some(installation)
}

async fn check_keys(settings: &Settings, installation: Option<&Installation>, report: &mut Report) {
    let path = settings.storage.keys.key_file();
    let said = if settings.storage.keys.key_file.is_some() { "" } else { "default: " };
    match Keys::load(&path) {
        Err(error) => report.bad("key file", error),
        Ok(None) => {
            let is_new = match installation {
                None => true,
                Some(installation) => has_no_epochs(installation).await,
            };
            if is_new {
                let path = path.display();
                report.good(
                    "key file",
                    format_args!("{said}{path} is not there yet; `everlink serve` makes it"),
                );
            } else {
                report.bad("key file", keys::BadKeys::Missing(path));
            }
        }
        Ok(Some(keys)) => {
            if keys::is_exposed(&path).unwrap_or(true) {
                report.bad("key file", format_args!("{}: others may read it, chmod 600", path.display()));
            } else {
                report.good("key file", format_args!("{said}{}", path.display()));
            }
            if let Some(installation) = installation
                && installation.is_migrated().await.unwrap_or(false)
            {
                report.tell("keys", installation.check_keys(&keys).await, "they fit the database");
            }
        }
    }
}

/// A database without tables has none either.
async fn has_no_epochs(installation: &Installation) -> bool {
    match installation.has_tables().await {
        Ok(true) => installation.epochs().await.is_ok_and(|epochs| epochs.is_empty()),
        Ok(false) => true,
        Err(_) => false,
    }
}

async fn check_content(settings: &Settings, installation: Option<&Installation>, report: &mut Report) {
    let url = match settings.content() {
        Ok(url) => url,
        Err(error) => return report.bad("content", error),
    };
    let said = if settings.content_url.is_some() { "" } else { "default: " };
    if let ContentUrl::Folder(folder) = &url
        && !folder.exists()
    {
        let folder = folder.display();
        report.good("content", format_args!("{said}{folder} is not there yet; `everlink serve` makes it"));
        return;
    }
    let tried = match Content::open(&url, settings.content_presigned, 0) {
        Ok(content) => match is_its_own(installation, &content).await {
            Ok(()) => content.try_out().await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    report.tell("content", tried, format_args!("{said}{url}"));
}

/// Whether a content store is the one that the database knows.
async fn is_its_own(installation: Option<&Installation>, content: &Content) -> Result<()> {
    match installation {
        Some(installation) if installation.is_migrated().await.unwrap_or(false) => {
            installation.check_content(content).await
        }
        _ => Ok(()),
    }
}
