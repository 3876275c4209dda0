//! What Everlink does, whoever asks for it and however: [`rights`] tells who may do what, [`links`] and [`drive`] are
//! the operations, which take rights. The database is theirs alone: nothing outside of this module can name it.
//!
//! A handler that names the database does not compile:
//!
//! ```compile_fail,E0603
//! use everlink::service::store::Store;
//! ```
//!
//! An operation without a right does not compile, however well its caller is known:
//!
//! ```compile_fail,E0308
//! # use everlink::domain::{grant::{FilesReadWrite, Granted}, preconditions::Preconditions};
//! # use everlink::service::{Service, drive};
//! async fn handler(service: &Service, granted: &Granted<FilesReadWrite>) {
//!     let _ = drive::delete_item(service, granted, &Preconditions::default()).await;
//! }
//! ```
//!
//! This one does:
//!
//! ```
//! # use everlink::domain::{grant::FilesReadWrite, preconditions::Preconditions};
//! # use everlink::service::{Service, drive, rights::Managed};
//! async fn handler(service: &Service, item: &Managed<FilesReadWrite>) {
//!     let _ = drive::delete_item(service, item, &Preconditions::default()).await;
//! }
//! ```
//!
//! A token that grants only to read changes nothing:
//!
//! ```compile_fail,E0308
//! # use everlink::domain::{grant::FilesRead, preconditions::Preconditions};
//! # use everlink::service::{Service, drive, rights::Managed};
//! async fn handler(service: &Service, item: &Managed<FilesRead>) {
//!     let _ = drive::delete_item(service, item, &Preconditions::default()).await;
//! }
//! ```
//!
//! What a link opens is not what it lets its bearer write to: that takes the right to write, which a link of another
//! type does not turn into.
//!
//! ```compile_fail,E0308
//! # use bytes::Bytes;
//! # use everlink::error::Result;
//! # use everlink::service::{Service, drive, rights::ToRead};
//! # use everlink::domain::{name::ItemPath, preconditions::Preconditions, upload::Conflict};
//! async fn handler(service: &Service, opened: &ToRead, path: ItemPath, preconditions: Preconditions) {
//!     let target = drive::Upload { to: opened, path: &path, conflict: Conflict::Fail, preconditions: &preconditions };
//!     let body = futures_util::stream::empty::<Result<Bytes>>();
//!     let _ = drive::upload(service, &target, 0, body).await;
//! }
//! ```

pub mod drive;
pub mod installation;
pub mod links;
pub mod opens;
pub mod recovery;
pub mod rights;
pub mod sessions;
pub mod snapshot;

mod author;
mod content_check;
mod key_check;
mod new_ids;
mod outside;
mod pace;
mod pieces;
mod placed;
mod shown;
mod store;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Settings;
use crate::content::Content;
use crate::domain::link_scope::LinkScope;
use crate::error::{Error, Result};
use crate::keys::{KeyRing, Secret};
use crate::limits::{Limits, Turns};
use crate::telemetry::Metrics;
use new_ids::NewIds;
use opens::Opens;
use store::{Queues, Store};

pub use placed::PlacedItem;
pub use shown::Shown;
pub use store::Readiness;

/// How long a server that starts waits for the content store.
const CONTENT_PATIENCE: Duration = Duration::from_secs(5);

/// What the operations work with. Each worker thread has one: its queues are its own, the rest is shared.
pub struct Service {
    store: Store,
    queues: Queues,
    content: Content,
    keys: Arc<KeyRing>,
    /// How often the database was recovered from a backup.
    pub incarnation: i64,
    /// Scope of a link where the request names none.
    default_scope: LinkScope,
    /// Bytes that a drive may hold.
    quota: i64,
    /// Bytes of imported files that are digested in a second.
    digest_rate: u64,
    new_ids: Arc<NewIds>,
    pub clock: Clock,
    pub limits: Limits,
    pub turns: Arc<Turns>,
    pub metrics: Arc<Metrics>,
    pub opens: Arc<Opens>,
    writing_through: Arc<drive::WritingThrough>,
}

impl Service {
    /// Opens what the settings name: the database (migrated, unless that is forbidden), the keys and the content
    /// store. Gives the local issuer's secret, too.
    pub async fn open(settings: &Settings, clock: Clock, limits: Limits) -> Result<(Self, Secret)> {
        let metrics = Arc::new(Metrics::new());
        let new_ids = NewIds::of(settings)?;
        let store = installation::open_store(
            &settings.storage,
            settings.database_connections,
            u64::from(settings.cache_mib) * 1024 * 1024,
            !settings.no_migrate,
            metrics.clone(),
        )
        .await?;
        let keys = key_check::keys_of(&store, &settings.storage.keys.key_file(), clock.now()).await?;
        let content = Content::open(
            &settings.content().map_err(Error::internal)?,
            settings.content_presigned,
            u64::from(settings.content_cache_mib) * 1024 * 1024,
        )?;
        let known = store.read("installation").await?.installation().await?;
        content.expect(known.store_id);
        let adopting = tokio::time::timeout(CONTENT_PATIENCE, content_check::adopt(&store, &content));
        match adopting.await {
            Ok(Ok(())) => {}
            // It may come yet: until then nothing is ready.
            Ok(Err(error)) => tracing::error!(error = error.inside(), "the content store is not usable"),
            Err(_) => tracing::error!("the content store does not answer"),
        }
        let incarnation = known.incarnation;
        let service = Self {
            queues: Queues::start(&store, settings, &metrics),
            store,
            content,
            keys: Arc::new(keys.ring.in_incarnation(incarnation)),
            incarnation,
            default_scope: settings.default_scope,
            quota: i64::try_from(settings.drive_quota.as_u64()).unwrap_or(i64::MAX),
            digest_rate: settings.digest_rate.as_u64(),
            new_ids: Arc::new(new_ids),
            clock,
            limits,
            turns: Arc::new(Turns::default()),
            metrics,
            opens: Arc::default(),
            writing_through: Arc::default(),
        };
        Ok((service, keys.local_issuer))
    }

    /// The same service for one more thread; called on that thread.
    pub fn for_worker(&self) -> Self {
        Self {
            queues: self.queues.for_worker(&self.store, &self.metrics),
            store: self.store.clone(),
            content: self.content.clone(),
            keys: self.keys.clone(),
            incarnation: self.incarnation,
            default_scope: self.default_scope,
            quota: self.quota,
            digest_rate: self.digest_rate,
            new_ids: self.new_ids.clone(),
            clock: self.clock.clone(),
            limits: self.limits,
            turns: self.turns.clone(),
            metrics: self.metrics.clone(),
            opens: self.opens.clone(),
            writing_through: self.writing_through.clone(),
        }
    }

    /// The same service with connections of its own. What threads have connected to is dead once they have ended, and
    /// whether a commit that was on its way arrived nobody knows.
    pub fn afresh(&self) -> Self {
        Self { store: self.store.afresh(), ..self.for_worker() }
    }

    /// Whether the content store is there, and the right one.
    pub async fn check_content(&self) -> Result<()> {
        match self.content.check_identity().await {
            Ok(()) => Ok(()),
            // It may have come since, and lack its marker yet.
            Err(_) => content_check::adopt(&self.store, &self.content).await,
        }
    }

    /// See `store::statistics`. Where that can't be done, it is the next time.
    pub async fn look_at_grown_tables(&self) {
        if let Err(error) = self.store.look_at_grown_tables().await {
            tracing::debug!(error = error.inside(), "the tables could not be looked at, and are again later");
        }
    }

    /// Which database it is.
    pub fn database(&self) -> &'static str {
        self.store.name()
    }

    pub async fn readiness(&self) -> Readiness {
        self.store.readiness(self.clock.now()).await
    }

    /// Everything there is to tell by metrics, in Prometheus' text format.
    pub fn render_metrics(&self, is_ready: bool, dropped_lines: u64) -> String {
        self.metrics.render(is_ready, dropped_lines, self.store.connections(), self.store.bytes_known())
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
