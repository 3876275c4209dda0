//! The database: all SQL is in this folder, and nothing else is. Only the operations can name it.
//!
//! What starts at few rows is joined by `CROSS JOIN` and `WHERE`: SQLite then joins in that order, and
//! does not read a whole table for each step of a recursion. To PostgreSQL it is a join like any.

mod admin_role;
mod all_links;
mod applications;
mod asked;
mod audit;
mod bin;
mod change;
mod connect;
mod contents;
mod copies;
mod drives;
mod errors;
mod finding;
mod imports;
mod installation;
mod item_links;
mod items;
mod key_epochs;
mod known;
mod links;
mod making;
mod migrations;
mod opening;
mod opens;
mod outside;
mod own_connection;
mod own_links;
mod pending_content;
mod pieces;
mod queue;
mod queues;
mod readiness;
mod repeating;
mod sessions;
mod snapshot;
mod standing;
mod statement;
mod statistics;
mod subtree_changes;
mod together;
mod tree;
mod uploads;
mod versions;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sqlx::PgPool;

use crate::clock::Timestamp;
use crate::config::DatabaseUrl;
use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::telemetry::{Metrics, SPANS};
use applications::KnownApplications;
use connect::{Pools, begin};
use known::Known;
use outside::KnownPlaces;
use readiness::Probe;
use statement::TxConnection;
use together::Lanes;

pub use all_links::{LinkFilter, PlacedLink};
pub use change::Change;
pub use contents::KnownContent;
pub use copies::{Copied, FirstName};
pub use drives::DriveInUse;
pub use imports::{Imported, ImportedFolder, NewImported, NewImportedFile, Occupied};
pub use item_links::ItemsOfLinks;
pub use items::{NewItem, Place};
pub use key_epochs::EpochUse;
pub use known::{Era, KnownItem, KnownPage, Lineage, PageAsked, Way};
pub use making::NewLink;
pub use opening::OpenedLink;
pub use opens::{DayOfLink, OpensOfLink};
pub use outside::{OutsideContent, PlaceInImport, ThroughFolder, Undigested};
pub use own_links::{LinkCounts, OwnLinkFilter};
pub use pieces::Piece;
pub use queues::Queues;
pub use readiness::Readiness;
pub use sessions::SessionRow;
pub use standing::{PageItems, PageStanding};
pub use statement::Tx;
pub use subtree_changes::{SubtreeChange, SubtreeWork};
pub use together::Together;
pub use tree::{Below, Folders, TreeItem};
pub use uploads::UploadRange;

/// How often a transaction is tried that others kept from running.
const TRIES: u32 = 5;

/// The database, and what is remembered of it. Its copies are the same.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    applications: Arc<KnownApplications>,
    places: Arc<KnownPlaces>,
    known: Arc<Known>,
    probe: Arc<Probe>,
    lanes: Arc<Lanes>,
    metrics: Arc<Metrics>,
}

impl Store {
    /// Copies SQLite's database into a file that is not there yet, as it is at one moment.
    pub async fn back_up(&self, to: &Path) -> Result<()> {
        let Pools::Sqlite { writer, .. } = &self.pools else {
            return Err(Error::internal(
                "PostgreSQL has programs of its own for that: pg_dump, or pg_basebackup",
            ));
        };
        let to = to.to_str().ok_or_else(|| Error::internal("the file's name is not UTF-8"))?;
        sqlx::query("VACUUM INTO $1").bind(to).execute(writer).await?;
        Ok(())
    }

    /// `connections` is how many there may be to PostgreSQL; `room` the bytes of what is kept of what was read.
    pub async fn connect(
        url: &DatabaseUrl,
        password_file: Option<&Path>,
        connections: u32,
        room: u64,
        metrics: Arc<Metrics>,
    ) -> Result<Self> {
        let pools = connect::connect(url, password_file, connections).await?;
        let probe = Arc::new(Probe::of(&pools));
        let known = Arc::new(Known::new(room));
        Ok(Self {
            pools,
            applications: Arc::default(),
            places: Arc::default(),
            known,
            probe,
            lanes: Arc::default(),
            metrics,
        })
    }

    /// A transaction that only reads, and sees one moment throughout: one after it began. Failures are logged under
    /// its name.
    #[tracing::instrument(target = SPANS, name = "read", skip_all, fields(step = step))]
    pub async fn read(&self, step: &'static str) -> Result<Tx> {
        let begun = match &self.pools {
            Pools::Postgres { pool, .. } => read_postgres(pool).await,
            Pools::Sqlite { readers, .. } => begin(readers.begin()).await.map(TxConnection::Sqlite),
        };
        begun.map(|connection| Tx { step, connection }).map_err(|error| error.in_step(step))
    }

    /// The same for what looks at many rows, by connections of its own. Its statements may take a minute.
    #[tracing::instrument(target = SPANS, name = "slow read", skip_all, fields(step = step))]
    pub async fn read_slowly(&self, step: &'static str) -> Result<Tx> {
        let begun = match &self.pools {
            Pools::Postgres { slow, .. } => read_postgres(slow).await,
            Pools::Sqlite { slow, .. } => begin(slow.begin()).await.map(TxConnection::Sqlite),
        };
        begun.map(|connection| Tx { step, connection }).map_err(|error| error.in_step(step))
    }

    /// Does `work` in one transaction, and commits it. Work that the database refused because others
    /// were in its way is done again, so it must have no effects but on the transaction. Failures are logged under
    /// its name, and so are its durations and retries in the metrics.
    ///
    /// Not to be called where a client that goes away drops the future: see
    /// `server::middleware`.
    #[tracing::instrument(target = SPANS, name = "transaction", skip_all, fields(step = step))]
    pub async fn write<T>(
        &self,
        step: &'static str,
        mut work: impl AsyncFnMut(&mut Tx) -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let mut retries = 0;
        let done = loop {
            match self.try_to_write(step, &mut work).await {
                Err(error) if errors::is_in_the_way(&error) && retries + 1 < TRIES => retries += 1,
                done => break done,
            }
        };
        self.metrics.transaction_ended(step, started.elapsed(), retries);
        done
    }

    /// The same in a transaction that others share who write at the same moment: it is committed for all of them at
    /// once. For what is short, and done by many at once. As [`Self::write`], not to be called where a client that goes
    /// away drops the future: the others' work would wait for the next who comes.
    #[tracing::instrument(target = SPANS, name = "transaction", skip_all, fields(step = step))]
    pub async fn write_together<T>(
        &self,
        step: &'static str,
        together: Together,
        mut work: impl AsyncFnMut(&mut Tx) -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let together = if matches!(self.pools, Pools::Sqlite { .. }) { Together::All } else { together };
        let lane = self.lanes.of(together);
        let done = Box::pin(lane.write(step, async || self.begin_write(step).await, &mut work)).await;
        self.lanes.leave(together, lane);
        match done {
            Some(done) => {
                self.metrics.transaction_ended(step, started.elapsed(), 0);
                done
            }
            None => Box::pin(self.write(step, work)).await,
        }
    }

    async fn try_to_write<T>(
        &self,
        step: &'static str,
        work: &mut impl AsyncFnMut(&mut Tx) -> Result<T>,
    ) -> Result<T> {
        let mut tx = self.begin_write(step).await?;
        let value = work(&mut tx).await?;
        tx.commit().await.map(|()| value)
    }

    async fn begin_write(&self, step: &'static str) -> Result<Tx> {
        let begun = match &self.pools {
            Pools::Postgres { pool, .. } => begin(pool.begin()).await.map(TxConnection::Postgres),
            Pools::Sqlite { writer, .. } => {
                begin(writer.begin_with("BEGIN IMMEDIATE")).await.map(TxConnection::Sqlite)
            }
        };
        begun.map(|connection| Tx { step, connection }).map_err(|error| error.in_step(step))
    }

    /// Connections to the database: all there are, and those that wait for work.
    pub fn connections(&self) -> (u32, usize) {
        let (size, idle) = self.pools.each().into_iter().unzip::<_, _, Vec<u32>, Vec<usize>>();
        (size.into_iter().sum(), idle.into_iter().sum())
    }

    /// Bytes of what is kept of what was read, roughly.
    pub fn bytes_known(&self) -> u64 {
        self.known.bytes()
    }

    /// To be asked before a transaction in which something is read that is to be kept.
    pub fn era(&self) -> Era {
        self.known.era()
    }

    /// What is known of an item, and how its drive stood then: nothing before it is proven to stand so still.
    pub fn known_item(&self, way: &Way) -> Option<(Lineage, i64, KnownItem)> {
        self.known.item(way)
    }

    pub fn keep_item(&self, way: Way, standing: (Lineage, i64), item: KnownItem) {
        self.known.keep_item(way, standing, item);
    }

    /// A page as it was written, and how its drive stood then: nothing before that is proven to stand so still.
    pub fn known_page(&self, asked: &PageAsked, now: Timestamp) -> Option<(Lineage, i64, KnownPage)> {
        self.known.page(asked, now)
    }

    pub fn keep_page(&self, asked: PageAsked, standing: (Lineage, i64), page: KnownPage) {
        self.known.keep_page(asked, standing, page);
    }

    /// The drive that a user had last.
    pub fn known_drive(&self, tenant: &str, owner: &str) -> Option<DriveId> {
        self.known.drive_of(tenant, owner)
    }

    pub fn keep_drive(&self, tenant: &str, owner: &str, drive: DriveId) {
        self.known.keep_drive(tenant, owner, drive);
    }

    /// Lets nothing of what was read before count: numbers go back.
    pub fn begin_era(&self) {
        self.known.begin_era();
    }

    pub fn name(&self) -> &'static str {
        match &self.pools {
            Pools::Postgres { .. } => "PostgreSQL",
            Pools::Sqlite { .. } => "SQLite",
        }
    }

    /// The same with connections of its own.
    pub fn afresh(&self) -> Self {
        Self { pools: self.pools.afresh(), ..self.clone() }
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}

async fn read_postgres(pool: &PgPool) -> Result<TxConnection> {
    let beginning = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    begin(beginning).await.map(TxConnection::Postgres)
}
