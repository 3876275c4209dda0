//! `everlink doctor`: finds what is wrong before users do. Changes nothing but what it tries writing with.

use std::fmt::Display;
use std::time::Duration;

use clap::Args;

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

impl Doctor {
    pub async fn run(&self) -> Result<(), Failure> {
        if self.probe { probe(&self.settings).await } else { examine(&self.settings).await }
    }
}

async fn probe(settings: &Settings) -> Result<(), Failure> {
    let url = format!("{}/readyz", reachable_url(settings.admin_listen));
    let failed = |error: reqwest::Error| Failure(format!("{url} does not answer: {error}"));
    let http =
        reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().map_err(failed)?;
    let answer = http.get(&url).send().await.map_err(failed)?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(Failure(answer.text().await.map_err(failed)?))
}

async fn examine(settings: &Settings) -> Result<(), Failure> {
    start_logging(settings, None);
    let mut report = Report::default();
    let installation = check_database(settings, &mut report).await;
    check_keys(settings, installation.as_ref(), &mut report).await;
    check_content(settings, &mut report).await;
    if let Some(installation) = installation {
        installation.close().await;
    }
    match report.problems {
        0 => Ok(()),
        1 => Err(Failure("1 problem".to_owned())),
        problems => Err(Failure(format!("{problems} problems"))),
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

    fn bad(&mut self, what: &str, why: impl Display) {
        self.problems += 1;
        println!("problem  {what:<12} {why}");
    }

    fn note<T>(&mut self, what: &str, outcome: Result<T>, how: impl Display) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.good(what, how);
                Some(value)
            }
            Err(error) => {
                self.bad(what, error.inside().unwrap_or_else(|| error.to_string()));
                None
            }
        }
    }
}

async fn check_database(settings: &Settings, report: &mut Report) -> Option<Installation> {
    let url = report.note("setting", settings.database().map_err(Error::internal), "DATABASE_URL")?;
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
    {
        report
            .good("database", format_args!("{} is not there yet; `everlink serve` makes it", path.display()));
        return None;
    }
    let installation = report.note("database", Installation::examine(&url, settings).await, url.display())?;
    let readiness = installation.readiness(Clock::system().now()).await;
    match readiness.is_primary {
        Ok(true) => report.good("primary", "it is no standby"),
        Ok(false) => report.bad("primary", "it is a standby: revoked links would open for a while"),
        Err(error) => report.bad("primary", error.inside().unwrap_or_default()),
    }
    if matches!(readiness.is_migrated, Ok(true)) {
        report.note("writing", readiness.is_writable, "it takes writes");
    }
    match readiness.is_migrated {
        Ok(true) => report.good("migrations", "current"),
        Ok(false) if settings.no_migrate => report.bad("migrations", "not current: run `everlink migrate`"),
        Ok(false) => report.good("migrations", "not current; `everlink serve` applies them"),
        Err(error) => report.bad("migrations", error.inside().unwrap_or_default()),
    }
    Some(installation)
}

async fn check_keys(settings: &Settings, installation: Option<&Installation>, report: &mut Report) {
    let path = settings.key_file();
    match Keys::load(&path) {
        Err(error) => report.bad("key file", Failure::from(Error::internal(error))),
        Ok(None) => {
            let is_new = match installation {
                None => true,
                Some(installation) => has_no_epochs(installation).await,
            };
            if is_new {
                report.good(
                    "key file",
                    format_args!("{} is not there yet; `everlink serve` makes it", path.display()),
                );
            } else {
                report.bad("key file", keys::BadKeys::Missing(path));
            }
        }
        Ok(Some(keys)) => {
            if keys::is_exposed(&path).unwrap_or(true) {
                report.bad("key file", format_args!("{}: others may read it, chmod 600", path.display()));
            } else {
                report.good("key file", path.display());
            }
            if let Some(installation) = installation
                && installation.is_migrated().await.unwrap_or(false)
            {
                report.note("keys", installation.check_keys(&keys).await, "they fit the database");
            }
        }
    }
}

async fn has_no_epochs(installation: &Installation) -> bool {
    installation.epochs().await.is_ok_and(|epochs| epochs.is_empty())
}

async fn check_content(settings: &Settings, report: &mut Report) {
    let Some(url) =
        report.note("setting", settings.content().map_err(Error::internal), "EVERLINK_CONTENT_URL")
    else {
        return;
    };
    if let ContentUrl::Folder(folder) = &url
        && !folder.exists()
    {
        report.good(
            "content",
            format_args!("{} is not there yet; `everlink serve` makes it", folder.display()),
        );
        return;
    }
    let tried = match Content::open(&url, settings.content_presigned) {
        Ok(content) => content.try_out().await,
        Err(error) => Err(error),
    };
    report.note("content", tried, url);
}
