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
                let options = (*pool.connect_options()).clone().options(PLANNED_ONCE);
                Self::Postgres(Box::new(OwnConnection::new(options)))
            }
            Pools::Sqlite { writer, readers, .. } => {
                Self::Sqlite { writer: writer.clone(), readers: readers.clone() }
            }
        }
    }
}

/// Beyond what all connections are told: statements that take arrays must not be planned by chance.
/// PostgreSQL plans them once, when a table may still be empty, and what suits an empty table reads a
/// large one whole. So they are planned without a look at their values, joining in the order that is written.
const PLANNED_ONCE: [(&str, &str); 2] =
    [("plan_cache_mode", "force_generic_plan"), ("join_collapse_limit", "1")];

pub(super) struct OwnConnection {
    options: PgConnectOptions,
    idle: Option<(PgConnection, Instant)>,
}

impl OwnConnection {
    /// Connects when it is first used.
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options, idle: None }
    }

    /// After a failure that may be the connection's, the next use makes a new one.
    pub async fn fetch_all<R>(&mut self, query: QueryAs<'_, Postgres, R, PgArguments>) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let kept = self.idle.take().filter(|(_, made_at)| made_at.elapsed() < CONNECTION_LIFETIME);
        let (mut connection, made_at) = match kept {
            Some(kept) => kept,
            None => (within_limit(PgConnection::connect_with(&self.options)).await?, Instant::now()),
        };
        let rows = within_limit(query.fetch_all(&mut connection)).await;
        if !rows.as_ref().is_err_and(Error::is_away) {
            self.idle = Some((connection, made_at));
        }
        rows
    }
}
