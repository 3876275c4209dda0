//! `everlink keys`: the secrets that sign links, by their epochs. Prints none of them.

use clap::{Args, Subcommand};

use crate::cli::{Actor, Failure, Installed};
use crate::clock::Clock;
use crate::config::Storage;
use crate::keys::{BadKeys, Keys, add_epoch, renew_issuer, withdraw_epoch};
use crate::service::installation::{EpochUse, Installation, LinkFilter};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// List the epochs of the key file and of the database
    List(Box<Installed>),
    /// Add an epoch to the key file; new links are signed by it
    Add(Box<Installed>),
    /// Take an epoch out of the key file
    Withdraw(Box<Withdraw>),
    /// Put a fresh secret for the local issuer's tokens into the key file; those made before end
    RenewIssuer(Box<RenewIssuer>),
}

#[derive(Args)]
pub struct Withdraw {
    /// The epoch's number
    epoch: u8,
    /// Revoke the links that it signed
    #[arg(long)]
    revoke_links: bool,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    installed: Installed,
}

#[derive(Args)]
pub struct RenewIssuer {
    /// The key file has a fresh one already, which was put there by hand
    #[arg(long)]
    from_file: bool,
    #[command(flatten)]
    installed: Installed,
}

/// What is to be done after the key file has changed.
const RESTART: &str =
    "Give all servers this file, and restart them all: one without it refuses what the others sign.";

impl KeysCommand {
    pub async fn run(&self) -> Result<(), Failure> {
        let installed = match self {
            Self::List(installed) | Self::Add(installed) => installed,
            Self::Withdraw(withdraw) => &withdraw.installed,
            Self::RenewIssuer(renew) => &renew.installed,
        };
        let installation = installed.open().await?;
        let path = installed.storage.keys.key_file();
        let keys = Keys::load(&path)?.ok_or(BadKeys::Missing(path))?;
        match self {
            Self::List(_) => list(&keys, &installation).await?,
            Self::Add(_) => add(&installed.storage, &keys, &installation).await?,
            Self::Withdraw(withdraw) => withdraw.run(&keys, &installation).await?,
            Self::RenewIssuer(renew) => renew.run(&keys, &installation).await?,
        }
        installation.close().await;
        Ok(())
    }
}

async fn list(keys: &Keys, installation: &Installation) -> Result<(), Failure> {
    let used = installation.epoch_uses().await?;
    println!("EPOCH  LINKS       SINCE             KEY FILE");
    for EpochUse { epoch, check_value, first_seen_at, links } in &used {
        let ours = u8::try_from(*epoch).ok().and_then(|epoch| keys.ring.check_value(epoch));
        let state = match ours {
            None => "is not in it",
            Some(ours) if ours != *check_value => "has another secret",
            Some(_) if *epoch == i16::from(keys.ring.newest()) => "signs new links",
            Some(_) => "opens its links",
        };
        println!("{epoch:<5}  {links:<10}  {}  {state}", first_seen_at.format("%Y-%m-%d %H:%M"));
    }
    let is_new = |epoch: &u8| used.iter().all(|used| used.epoch != i16::from(*epoch));
    for epoch in keys.ring.epochs().filter(is_new) {
        println!("{epoch:<5}  {:<10}  {:<16}  waits for a server", 0, "");
    }
    Ok(())
}

async fn add(storage: &Storage, keys: &Keys, installation: &Installation) -> Result<(), Failure> {
    installation.check_keys(keys).await?;
    // A number is not used again: the database may know it by another secret.
    let known = installation.epochs().await?;
    let newest = known.into_iter().chain([i16::from(keys.ring.newest())]).max();
    let next = newest.and_then(|newest| u8::try_from(newest + 1).ok());
    let epoch = next.ok_or_else(|| Failure("all 255 epochs are used".to_owned()))?;
    add_epoch(&storage.keys.key_file(), epoch)?;
    println!("Epoch {epoch} is in {}. {RESTART}", storage.keys.key_file().display());
    Ok(())
}

impl Withdraw {
    async fn run(&self, keys: &Keys, installation: &Installation) -> Result<(), Failure> {
        let epoch = self.epoch;
        if keys.ring.check_value(epoch).is_none() {
            return Err(Failure(format!("the key file has no epoch {epoch}")));
        }
        if keys.ring.newest() == epoch {
            return Err(Failure(format!("epoch {epoch} signs new links: add another first")));
        }
        installation.check_keys(keys).await?;
        let newest = i16::from(keys.ring.newest());
        if !installation.epochs().await?.contains(&newest) {
            let problem =
                format!("no server has come with epoch {newest} yet: epoch {epoch} still signs new links");
            return Err(Failure(problem));
        }
        let filter = LinkFilter { key_epoch: Some(epoch), ..LinkFilter::default() };
        let signs = i16::from(epoch);
        let uses = installation.epoch_uses().await?;
        let count = uses.iter().find(|used| used.epoch == signs).map_or(0, |used| used.links);
        if count > 0 && !self.revoke_links {
            return Err(Failure(format!(
                "epoch {epoch} signs {count} live links: --revoke-links revokes them"
            )));
        }
        let mut revoked = 0;
        loop {
            let links = installation.links_after(&filter, None).await?;
            if links.is_empty() {
                break;
            }
            let now = Clock::system().now();
            revoked += installation.revoke_links(&links, &self.actor.name(), now).await?;
        }
        withdraw_epoch(&self.installed.storage.keys.key_file(), epoch)?;
        installation.forget_epoch(epoch).await?;
        let path = self.installed.storage.keys.key_file();
        println!("{revoked} links revoked; epoch {epoch} is no more in {}. {RESTART}", path.display());
        Ok(())
    }
}

impl RenewIssuer {
    async fn run(&self, keys: &Keys, installation: &Installation) -> Result<(), Failure> {
        installation.check_epochs(keys).await?;
        let path = self.installed.storage.keys.key_file();
        if !self.from_file {
            renew_issuer(&path)?;
        } else if installation.check_keys(keys).await.is_ok() {
            let known = "the local_issuer in the key file is the one that servers expect: put a fresh one there first";
            return Err(Failure(known.to_owned()));
        }
        let renewed = Keys::load(&path)?.ok_or_else(|| BadKeys::Missing(path.clone()))?;
        installation.expect_issuer(&renewed).await?;
        println!("The local issuer's secret in {} is the one that holds. {RESTART}", path.display());
        Ok(())
    }
}
