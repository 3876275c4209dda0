//! The database as a task keeps it for itself: those that answer batches, and what asks whether it is well.
//!
//! A pool's connection is taken, tried and given back at every use, by whichever thread; that costs more than a short
//! statement does. So the tasks that answer batches keep theirs on their own thread. It is always the same, too, so
//! that what it has come to see means something to the next batch.

use std::time::Instant;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::QueryAs;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{Connection, FromRow, PgConnection, Postgres, Sqlite, SqliteConnection};

use crate::error::{Error, Result};
use crate::service::store::connect::{CONNECTION_LIFETIME, Pools};
use crate::service::store::errors::is_busy;
use crate::service::store::statement::within_limit;

/// Where a task's batches go. It connects when it is first used.
pub(super) struct OwnDatabase {
    options: Options,
    idle: Option<Idle>,
    times_connected: u64,
}

enum Options {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

struct Idle {
    connection: OwnConnection,
    made_at: Instant,
    /// The run of the server that it leads to. SQLite's is in this process, always the same.
    run: i64,
}

enum OwnConnection {
    Postgres(Box<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// Beyond what all connections are told: statements that take arrays must not be planned by chance. PostgreSQL plans
/// them when a table may still be empty, and what suits an empty table reads a large one whole.
const JOINED_AS_WRITTEN: (&str, &str) = ("join_collapse_limit", "1");

/// KiB (so SQLite reads a negative number) of pages that a connection keeps: there are many, and the file is mapped.
const LITTLE_MEMORY: &str = "-256";

/// Which run of the server a connection leads to: another one may lack changes, and count them again. A standby is
/// nobody else's run.
pub(super) const WHICH_RUN: &str = "
    SELECT hashtextextended(CASE WHEN pg_is_in_recovery() THEN gen_random_uuid()::text ELSE
               concat_ws(' ', pg_postmaster_start_time(), left(pg_walfile_name(pg_current_wal_lsn()), 8),
                         (SELECT oid FROM pg_database WHERE datname = current_database()),
                         inet_server_addr(), inet_server_port()) END, 0)";

impl OwnDatabase {
    /// For batches.
    pub fn of(pools: &Pools) -> Self {
        Self::with(match pools {
            Pools::Postgres { pool, .. } => {
                let options = (*pool.connect_options()).clone().options([JOINED_AS_WRITTEN]);
                Options::Postgres(Box::new(options))
            }
            Pools::Sqlite { readers, .. } => {
                let options = (*readers.connect_options()).clone().pragma("cache_size", LITTLE_MEMORY);
                Options::Sqlite(Box::new(options))
            }
        })
    }

    /// By a connection like those that write.
    pub fn to_write(pools: &Pools) -> Self {
        Self::with(match pools {
            Pools::Postgres { pool, .. } => Options::Postgres(Box::new((*pool.connect_options()).clone())),
            Pools::Sqlite { writer, .. } => Options::Sqlite(Box::new((*writer.connect_options()).clone())),
        })
    }

    fn with(options: Options) -> Self {
        Self { options, idle: None, times_connected: 0 }
    }

    /// Connects, where that is not done, or was too long ago. Gives which run of which database it leads to.
    pub async fn connect(&mut self) -> Result<i64> {
        if let Some(idle) = self.idle.as_ref().filter(|idle| idle.made_at.elapsed() < CONNECTION_LIFETIME) {
            return Ok(idle.run);
        }
        self.idle = None;
        self.times_connected += 1;
        let (connection, run) = match &self.options {
            Options::Postgres(options) => {
                let mut connection = within_limit(PgConnection::connect_with(options)).await?;
                let run = within_limit(sqlx::query_scalar(WHICH_RUN).fetch_one(&mut connection)).await?;
                (OwnConnection::Postgres(Box::new(connection)), run)
            }
            Options::Sqlite(options) => {
                let connection = within_limit(SqliteConnection::connect_with(options)).await?;
                (OwnConnection::Sqlite(Box::new(connection)), 0)
            }
        };
        self.idle = Some(Idle { connection, made_at: Instant::now(), run });
        Ok(run)
    }

    /// Tells connections apart.
    pub fn times_connected(&self) -> u64 {
        self.times_connected
    }

    /// Runs one of two statements, that of PostgreSQL or that of SQLite.
    pub async fn fetch_all<'q, R>(
        &mut self,
        on_postgres: impl FnOnce() -> QueryAs<'q, Postgres, R, PgArguments>,
        on_sqlite: impl FnOnce() -> QueryAs<'q, Sqlite, R, SqliteArguments>,
    ) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin + 'q,
    {
        let mut idle = self.take().await?;
        let running = match &mut idle.connection {
            OwnConnection::Postgres(connection) => within_limit(on_postgres().fetch_all(&mut **connection)),
            OwnConnection::Sqlite(connection) => within_limit(on_sqlite().fetch_all(&mut **connection)),
        };
        let rows = running.await;
        self.put_back(idle, rows)
    }

    /// Runs a statement that only PostgreSQL is asked.
    pub async fn fetch_all_on_postgres<R>(
        &mut self,
        query: QueryAs<'_, Postgres, R, PgArguments>,
    ) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut idle = self.take().await?;
        let OwnConnection::Postgres(connection) = &mut idle.connection else {
            return Err(Error::internal("SQLite is asked otherwise"));
        };
        let rows = within_limit(query.fetch_all(&mut **connection)).await;
        self.put_back(idle, rows)
    }

    async fn take(&mut self) -> Result<Idle> {
        if self.idle.is_none() {
            self.connect().await?;
        }
        self.idle.take().ok_or_else(|| Error::internal("a connection is not kept"))
    }

    /// After a failure that may be the connection's, the next use makes a new one.
    fn put_back<R>(&mut self, idle: Idle, rows: Result<Vec<R>>) -> Result<Vec<R>> {
        let is_well = match (&rows, &idle.connection) {
            (Ok(_), _) => true,
            (Err(error), OwnConnection::Postgres(_)) => !error.is_away(),
            (Err(error), OwnConnection::Sqlite(_)) => is_busy(error),
        };
        if is_well {
            self.idle = Some(idle);
        }
        rows
    }
}
