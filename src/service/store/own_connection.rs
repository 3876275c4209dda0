//! The database as a task that answers batches keeps it for itself.
//!
//! A pool's connection to PostgreSQL is taken, tried and given back at every use, by whichever thread; that costs
//! more than a short statement does. So the tasks that answer batches keep theirs on their own thread.

use std::time::Instant;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::QueryAs;
use sqlx::{Connection, FromRow, PgConnection, Postgres, SqlitePool};

use crate::error::{Error, Result};
use crate::service::store::connect::{CONNECTION_LIFETIME, Pools};
use crate::service::store::statement::within_limit;

/// Where a task's batches go.
pub(super) enum OwnDatabase {
    Postgres(Box<OwnConnection>),
    /// SQLite's connections have threads of their own already.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
}

impl OwnDatabase {
    pub fn of(pools: &Pools) -> Self {
        match pools {
            Pools::Postgres { pool, .. } => {
                let options = (*pool.connect_options()).clone().options([JOINED_AS_WRITTEN]);
                Self::Postgres(Box::new(OwnConnection::new(options)))
            }
            Pools::Sqlite { writer, readers, .. } => {
                Self::Sqlite { writer: writer.clone(), readers: readers.clone() }
            }
        }
    }
}

impl OwnDatabase {
    /// Connects, where that is not done. Gives which run of which database it leads to: SQLite's is in this process,
    /// always the same.
    pub async fn connect(&mut self) -> Result<i64> {
        match self {
            Self::Postgres(connection) => connection.connect().await,
            Self::Sqlite { .. } => Ok(0),
        }
    }
}

/// Beyond what all connections are told: statements that take arrays must not be planned by chance. PostgreSQL plans
/// them when a table may still be empty, and what suits an empty table reads a large one whole.
const JOINED_AS_WRITTEN: (&str, &str) = ("join_collapse_limit", "1");

/// Which run of the server a connection leads to: another one may lack changes, and count them again. A standby is
/// nobody else's run.
pub(super) const WHICH_RUN: &str = "
    SELECT hashtextextended(CASE WHEN pg_is_in_recovery() THEN gen_random_uuid()::text ELSE
               concat_ws(' ', pg_postmaster_start_time(), left(pg_walfile_name(pg_current_wal_lsn()), 8),
                         (SELECT oid FROM pg_database WHERE datname = current_database()),
                         inet_server_addr(), inet_server_port()) END, 0)";

pub(super) struct OwnConnection {
    options: PgConnectOptions,
    idle: Option<Idle>,
}

struct Idle {
    connection: PgConnection,
    made_at: Instant,
    /// The run of the server that it leads to.
    run: i64,
}

impl OwnConnection {
    /// Connects when it is first used.
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options, idle: None }
    }

    /// Connects, where that is not done, or was too long ago. Gives the run of the server.
    async fn connect(&mut self) -> Result<i64> {
        if let Some(idle) = self.idle.as_ref().filter(|idle| idle.made_at.elapsed() < CONNECTION_LIFETIME) {
            return Ok(idle.run);
        }
        self.idle = None;
        let mut connection = within_limit(PgConnection::connect_with(&self.options)).await?;
        let run = within_limit(sqlx::query_scalar(WHICH_RUN).fetch_one(&mut connection)).await?;
        self.idle = Some(Idle { connection, made_at: Instant::now(), run });
        Ok(run)
    }

    /// After a failure that may be the connection's, the next use makes a new one.
    pub async fn fetch_all<R>(&mut self, query: QueryAs<'_, Postgres, R, PgArguments>) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut idle = match self.idle.take() {
            Some(idle) => idle,
            None => {
                self.connect().await?;
                self.idle.take().ok_or_else(|| Error::internal("a connection is not kept"))?
            }
        };
        let rows = within_limit(query.fetch_all(&mut idle.connection)).await;
        if !rows.as_ref().is_err_and(Error::is_away) {
            self.idle = Some(idle);
        }
        rows
    }
}
