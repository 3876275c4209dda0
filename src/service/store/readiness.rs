//! Whether the database answers, and takes what is written.
//!
//! It is asked by a connection of its own: however many requests wait for the others, a service is ready as long
//! as its database is. And it is asked by writing, for a full disk is still good to read.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::service::store::Store;
use crate::service::store::connect::Pools;
use crate::service::store::errors::is_busy;
use crate::service::store::migrations::NEWEST_MIGRATION;
use crate::service::store::own_connection::OwnConnection;
use crate::service::store::statement::within_limit;

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

/// The connection by which it is asked, made when it is first used.
pub(super) struct Probe(Mutex<ProbeConnection>);

enum ProbeConnection {
    Postgres(Box<OwnConnection>),
    Sqlite { options: Box<SqliteConnectOptions>, idle: Option<SqliteConnection> },
}

impl Probe {
    /// By a connection like those that write.
    pub fn of(pools: &Pools) -> Self {
        Self(Mutex::new(match pools {
            Pools::Postgres { pool, .. } => {
                let options = (*pool.connect_options()).clone();
                ProbeConnection::Postgres(Box::new(OwnConnection::new(options)))
            }
            Pools::Sqlite { writer, .. } => {
                let options = Box::new((*writer.connect_options()).clone());
                ProbeConnection::Sqlite { options, idle: None }
            }
        }))
    }
}

impl ProbeConnection {
    async fn is_primary(&mut self) -> Result<bool> {
        match self {
            Self::Postgres(connection) => {
                let standby: Vec<(bool,)> =
                    connection.fetch_all(sqlx::query_as("SELECT pg_is_in_recovery()")).await?;
                Ok(standby == [(false,)])
            }
            Self::Sqlite { options, idle } => {
                if idle.is_none() {
                    *idle = Some(within_limit(SqliteConnection::connect_with(options)).await?);
                }
                Ok(true)
            }
        }
    }

    async fn newest_migration(&mut self) -> Result<Option<i64>> {
        let newest: Vec<(Option<i64>,)> = match self {
            Self::Postgres(connection) => connection.fetch_all(sqlx::query_as(NEWEST_MIGRATION)).await?,
            Self::Sqlite { idle, .. } => {
                let connection = idle.as_mut().ok_or_else(|| Error::unavailable("not connected"))?;
                within_limit(sqlx::query_as(NEWEST_MIGRATION).fetch_all(connection)).await?
            }
        };
        Ok(newest.first().and_then(|(newest,)| *newest))
    }

    async fn write(&mut self, now: Timestamp) -> Result<()> {
        const WRITE: &str = "UPDATE readiness SET at = $1 WHERE probe = 1 RETURNING probe";
        match self {
            Self::Postgres(connection) => {
                let _: Vec<(i16,)> = connection.fetch_all(sqlx::query_as(WRITE).bind(now)).await?;
                Ok(())
            }
            Self::Sqlite { idle, .. } => {
                let mut connection = idle.take().ok_or_else(|| Error::unavailable("not connected"))?;
                match within_limit(sqlx::query(WRITE).bind(now).execute(&mut connection)).await {
                    // Others write: so it can be written.
                    Err(error) if is_busy(&error) => *idle = Some(connection),
                    // The next time, by a new connection.
                    Err(error) => return Err(error),
                    Ok(_) => *idle = Some(connection),
                }
                Ok(())
            }
        }
    }
}

impl Store {
    pub async fn readiness(&self, now: Timestamp) -> Readiness {
        let mut probe = self.probe.0.lock().await;
        let not_tried = || Error::unavailable("not tried");
        let is_primary = probe.is_primary().await;
        if is_primary.is_err() {
            // It would take as long again to say the same.
            return Readiness { is_primary, is_migrated: Err(not_tried()), is_writable: Err(not_tried()) };
        }
        let is_migrated = self.is_newest(probe.newest_migration().await);
        let is_writable = match (&is_primary, &is_migrated) {
            (Ok(true), Ok(true)) => probe.write(now).await,
            _ => Err(not_tried()),
        };
        Readiness { is_primary, is_migrated, is_writable }
    }
}
