//! An installation as those see it who answer for it: what commands ask of it and do with it. Nothing is served, so
//! there are no queues.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::config::{DatabaseUrl, Settings};
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::service::key_check;
use crate::service::store::Store;
use crate::telemetry::Metrics;

pub use crate::service::store::{EpochUse, LinkFilter, PlacedLink, Readiness};

pub struct Installation {
    store: Store,
}

/// The database, with its tables in this program's state.
pub(super) async fn open_store(settings: &Settings, metrics: Arc<Metrics>) -> Result<Store> {
    let url = settings.database().map_err(Error::internal)?;
    if settings.database_url.is_none() {
        std::fs::create_dir_all(&settings.data_dir).map_err(Error::internal)?;
    }
    let store = Store::connect(&url, settings, metrics).await?;
    if !settings.no_migrate {
        store.migrate().await?;
    } else if !store.is_migrated().await? {
        return Err(Error::internal("the database's tables are not this program's: run `everlink migrate`"));
    }
    Ok(store)
}

impl Installation {
    /// Brings the tables to this program's state; a database is made where there is none.
    pub async fn migrate(settings: &Settings) -> Result<Self> {
        let settings = Settings { no_migrate: false, ..settings.clone() };
        Ok(Self { store: open_store(&settings, Arc::default()).await? })
    }

    /// One that is there already: nothing is made, and the tables stay as they are.
    pub async fn open(settings: &Settings) -> Result<Self> {
        if let DatabaseUrl::Sqlite(path) = settings.database().map_err(Error::internal)?
            && !path.exists()
        {
            let path = path.display();
            return Err(Error::internal(format!(
                "there is no database at {path}: say which by DATABASE_URL"
            )));
        }
        let settings = Settings { no_migrate: true, ..settings.clone() };
        Ok(Self { store: open_store(&settings, Arc::default()).await? })
    }

    /// Whatever state its tables are in.
    pub async fn examine(url: &DatabaseUrl, settings: &Settings) -> Result<Self> {
        Ok(Self { store: Store::connect(url, settings, Arc::default()).await? })
    }

    /// Which database it is.
    pub fn database(&self) -> &'static str {
        self.store.name()
    }

    /// Lets a role of PostgreSQL read the admins' views, and nothing else.
    pub async fn grant_views(&self, role: &str) -> Result<()> {
        self.store.grant_views(role).await
    }

    pub async fn is_migrated(&self) -> Result<bool> {
        self.store.is_migrated().await
    }

    pub async fn readiness(&self, now: Timestamp) -> Readiness {
        self.store.readiness(now).await
    }

    /// Live links, by owner, item and time.
    pub async fn links(&self, filter: &LinkFilter) -> Result<Vec<PlacedLink>> {
        self.store.read("links").await?.find_links(filter).await
    }

    /// Ends links; gives how many of them were still there.
    pub async fn revoke_links(&self, links: &[PlacedLink], actor: &str, now: Timestamp) -> Result<usize> {
        self.store.revoke_links(links, actor, now).await
    }

    /// Whether these are the secrets that the database's links are signed with.
    pub async fn check_keys(&self, keys: &Keys) -> Result<()> {
        key_check::check(&self.store, keys).await
    }

    /// The epochs that servers came with so far.
    pub async fn epochs(&self) -> Result<Vec<i16>> {
        let known = self.store.read("key_epochs").await?.key_epochs().await?;
        Ok(known.into_iter().map(|(epoch, _)| epoch).collect())
    }

    /// The same, since when, and how many live links each has signed.
    pub async fn epoch_uses(&self) -> Result<Vec<EpochUse>> {
        self.store.read("epoch_uses").await?.epoch_uses().await
    }

    /// Forgets an epoch that no server has any more.
    pub async fn forget_epoch(&self, epoch: u8) -> Result<()> {
        self.store.write("forget_key_epoch", async |tx| tx.forget_key_epoch(epoch).await).await
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
