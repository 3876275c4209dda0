//! Whether the database answers, and takes what is written.
//!
//! It is asked by a connection of its own: however many requests wait for the others, a service is ready as long
//! as its database is. And it is asked by writing, for a full disk is still good to read.

use tokio::sync::Mutex;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::service::store::Store;
use crate::service::store::connect::Pools;
use crate::service::store::errors::is_busy;
use crate::service::store::migrations::NEWEST_MIGRATION;
use crate::service::store::own_connection::OwnDatabase;

/// How the database stands.
#[derive(Debug)]
pub struct Readiness {
    /// True where it is the primary: a standby still shows links that are revoked.
    pub is_primary: Result<bool>,
    /// Whether its tables are this program's.
    pub is_migrated: Result<bool>,
    /// Whether it takes what is written. Not tried where the rest is not well.
    pub is_writable: Result<()>,
}

/// The connection by which it is asked.
pub(super) struct Probe(Mutex<OwnDatabase>);

impl Probe {
    pub fn of(pools: &Pools) -> Self {
        Self(Mutex::new(OwnDatabase::to_write(pools)))
    }
}

async fn is_primary(database: &mut OwnDatabase) -> Result<bool> {
    let on_postgres = || sqlx::query_as("SELECT pg_is_in_recovery()");
    let standby: Vec<(bool,)> = database.fetch_all(on_postgres, || sqlx::query_as("SELECT FALSE")).await?;
    Ok(standby == [(false,)])
}

async fn newest_migration(database: &mut OwnDatabase) -> Result<Option<i64>> {
    let (on_postgres, on_sqlite) = (|| sqlx::query_as(NEWEST_MIGRATION), || sqlx::query_as(NEWEST_MIGRATION));
    let newest: Vec<(Option<i64>,)> = database.fetch_all(on_postgres, on_sqlite).await?;
    Ok(newest.first().and_then(|(newest,)| *newest))
}

async fn write(database: &mut OwnDatabase, now: Timestamp) -> Result<()> {
    const WRITE: &str = "UPDATE readiness SET at = $1 WHERE probe = 1 RETURNING probe";
    let (on_postgres, on_sqlite) = (|| sqlx::query_as(WRITE).bind(now), || sqlx::query_as(WRITE).bind(now));
    let written: Result<Vec<(i16,)>> = database.fetch_all(on_postgres, on_sqlite).await;
    match written {
        // Others write: so it can be written.
        Err(error) if is_busy(&error) => Ok(()),
        written => written.map(|_| ()),
    }
}

impl Store {
    pub async fn readiness(&self, now: Timestamp) -> Readiness {
        let mut database = self.probe.0.lock().await;
        let not_tried = || Error::unavailable("not tried");
        let is_primary = is_primary(&mut database).await;
        if is_primary.is_err() {
            // It would take as long again to say the same.
            return Readiness { is_primary, is_migrated: Err(not_tried()), is_writable: Err(not_tried()) };
        }
        let is_migrated = self.is_newest(newest_migration(&mut database).await);
        let is_writable = match (&is_primary, &is_migrated) {
            (Ok(true), Ok(true)) => write(&mut database, now).await,
            _ => Err(not_tried()),
        };
        Readiness { is_primary, is_migrated, is_writable }
    }
}
