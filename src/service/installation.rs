//! An installation as those see it who answer for it: what commands ask of it and do with it. Nothing is served, so
//! there are no queues.

use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::{DATABASE_CONNECTIONS, DatabaseUrl, Storage};
use crate::content::Content;
use crate::domain::ids::LinkAt;
use crate::error::{Error, Result};
use crate::keys::{KeyRing, Keys};
use crate::service::store::Store;
use crate::service::{content_check, key_check, recovery, sessions, verify};
use crate::telemetry::Metrics;

pub use crate::service::recovery::Recovered;
pub use crate::service::store::{EpochUse, LinkFilter, PlacedLink, Readiness};
pub use crate::service::verify::{Finding, Flaw, Verified};

pub struct Installation {
    store: Store,
}

/// The database, with its tables in this program's state.
pub(super) async fn open_store(
    storage: &Storage,
    connections: u32,
    room: u64,
    may_migrate: bool,
    metrics: Arc<Metrics>,
) -> Result<Store> {
    let url = storage.database().map_err(Error::internal)?;
    if storage.database_url.is_none() {
        std::fs::create_dir_all(storage.keys.data_dir()).map_err(Error::internal)?;
    }
    let password_file = storage.database_password_file.as_deref();
    let store = Store::connect(&url, password_file, connections, room, metrics).await?;
    if may_migrate {
        store.migrate().await?;
    } else if !store.is_migrated().await? {
        return Err(Error::internal("the database's tables are not this program's: run `everlink migrate`"));
    }
    Ok(store)
}

impl Installation {
    /// Brings the tables to this program's state; a database is made where there is none.
    pub async fn migrate(storage: &Storage) -> Result<Self> {
        Ok(Self { store: open_store(storage, DATABASE_CONNECTIONS, 0, true, Arc::default()).await? })
    }

    /// One that is there already: nothing is made, and the tables stay as they are.
    pub async fn open(storage: &Storage) -> Result<Self> {
        if let DatabaseUrl::Sqlite(path) = storage.database().map_err(Error::internal)?
            && !path.exists()
        {
            let path = path.display();
            return Err(Error::internal(format!(
                "there is no database at {path}: say which by DATABASE_URL"
            )));
        }
        Ok(Self { store: open_store(storage, DATABASE_CONNECTIONS, 0, false, Arc::default()).await? })
    }

    /// Whatever state its tables are in.
    pub async fn examine(url: &DatabaseUrl, storage: &Storage) -> Result<Self> {
        let password_file = storage.database_password_file.as_deref();
        let store = Store::connect(url, password_file, DATABASE_CONNECTIONS, 0, Arc::default()).await?;
        Ok(Self { store })
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

    /// Whether it has tables at all, in whatever state.
    pub async fn has_tables(&self) -> Result<bool> {
        self.store.has_tables().await
    }

    pub async fn readiness(&self, now: Timestamp) -> Readiness {
        self.store.readiness(now).await
    }

    /// The next live links after one, or the first ones; none where there are no more. So there may be millions.
    pub async fn links_after(&self, filter: &LinkFilter, after: Option<LinkAt>) -> Result<Vec<PlacedLink>> {
        self.store.read("links").await?.find_links(filter, after).await
    }

    /// A way in to the site that is good for once; gives its secret.
    pub async fn offer_sign_in(
        &self,
        details: &impl Serialize,
        now: Timestamp,
        lasts: TimeDelta,
    ) -> Result<SecretString> {
        let secret = sessions::new_state();
        sessions::offer(&self.store, &secret, details, now, lasts).await?;
        Ok(secret)
    }

    /// How many live links there are.
    pub async fn count_links(&self) -> Result<i64> {
        self.store.read("count_links").await?.count_links().await
    }

    /// Ends links that were looked up together; gives how many of them were still there.
    pub async fn revoke_links(&self, links: &[PlacedLink], actor: &str, now: Timestamp) -> Result<usize> {
        self.store.revoke_links(links, actor, now).await
    }

    /// Whether these are the secrets that the database's links are signed with.
    pub async fn check_keys(&self, keys: &Keys) -> Result<()> {
        key_check::check(&self.store, keys).await
    }

    /// The same but for the local issuer's, which is to be renewed.
    pub async fn check_epochs(&self, keys: &Keys) -> Result<()> {
        key_check::check_epochs(&self.store, keys).await
    }

    /// Servers start with this local issuer's secret from now on, and with no other.
    pub async fn expect_issuer(&self, keys: &Keys) -> Result<()> {
        let check = KeyRing::issuer_check(&keys.local_issuer);
        self.store.write("replace_issuer_check", async |tx| tx.replace_issuer_check(&check).await).await
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

    /// Tells a content store that it is to be this installation's; an error where it is not.
    pub async fn check_content(&self, content: &Content) -> Result<()> {
        let known = self.store.read("installation").await?.installation().await?;
        if !known.is_marked {
            return Ok(());
        }
        content.expect(known.store_id);
        content.check_identity().await
    }

    /// Reads all contents, at so many bytes a second at most.
    pub async fn verify(&self, content: &Content, rate: Option<u64>, told: &dyn Fn(u64)) -> Result<Verified> {
        verify::verify(&self.store, content, rate, told).await
    }

    /// Bytes of all contents, each version's counted for itself.
    pub async fn bytes_of_versions(&self) -> Result<i64> {
        self.store.read("bytes_of_versions").await?.bytes_of_versions().await
    }

    /// After the database was restored from a backup: see [`recovery`].
    pub async fn recover(&self, content: &Content, actor: &str, now: Timestamp) -> Result<Recovered> {
        content_check::adopt_restored(&self.store, content).await?;
        recovery::recover(&self.store, content, actor, now).await
    }

    /// Copies SQLite's database as it is at one moment, while servers run.
    pub async fn back_up(&self, to: &Path) -> Result<()> {
        self.store.back_up(to).await
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
