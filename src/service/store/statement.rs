//! How a statement is run: on either database, by one text, within a limit, in a transaction that has a name.
//!
//! A statement is written once and runs on PostgreSQL and on SQLite with the same binds, by the `on!` macro. So it
//! may use `$1`, `ON CONFLICT`, `RETURNING` and recursive queries; it may not use arrays, `::` casts, `FOR UPDATE`,
//! `now()` or constraint names.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Postgres, Sqlite, Transaction};

use crate::error::{Error, Result};

/// How long one statement may take. Most read or write a few rows by key.
pub const STATEMENT_LIMIT: Duration = Duration::from_millis(1_400);
/// How long a statement may take that concerns all that is below a folder, or all links.
pub const LONG_LIMIT: Duration = Duration::from_secs(60);

/// One transaction. It lasts when it is committed, and is undone when it is dropped.
pub struct Tx {
    /// What it does, for logs.
    pub(super) step: &'static str,
    pub(super) connection: TxConnection,
}

pub(super) enum TxConnection {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Runs a statement on whichever database the transaction is of.
macro_rules! on {
    ($tx:expr, |$connection:ident| $statement:expr) => {
        $crate::service::store::statement::on!(
            $tx,
            $crate::service::store::statement::STATEMENT_LIMIT,
            |$connection| $statement
        )
    };
    ($tx:expr, $limit:expr, |$connection:ident| $statement:expr) => {
        match &mut $tx.connection {
            $crate::service::store::statement::TxConnection::Postgres(tx) => {
                let $connection = &mut **tx;
                $crate::service::store::statement::within_step($tx.step, $limit, $statement).await
            }
            $crate::service::store::statement::TxConnection::Sqlite(tx) => {
                let $connection = &mut **tx;
                $crate::service::store::statement::within_step($tx.step, $limit, $statement).await
            }
        }
    };
}
pub(super) use on;

/// Like `on!`, for a statement that returns no rows: gives the number of rows it changed.
macro_rules! execute {
    ($tx:expr, $query:expr) => {
        $crate::service::store::statement::on!($tx, |connection| futures_util::TryFutureExt::map_ok(
            $query.execute(connection),
            |done| done.rows_affected()
        ))
    };
}
pub(super) use execute;

/// Like `execute!`, for a statement that may change many rows, and take its time.
macro_rules! execute_many {
    ($tx:expr, $query:expr) => {
        $crate::service::store::statement::on_many!($tx, |connection| futures_util::TryFutureExt::map_ok(
            $query.execute(connection),
            |done| done.rows_affected()
        ))
    };
}
pub(super) use execute_many;

/// Like `on!`, for a statement that concerns all that is below a folder, or all links: it may take its time.
macro_rules! on_many {
    ($tx:expr, |$connection:ident| $statement:expr) => {{
        $tx.allow_long_statements().await?;
        $crate::service::store::statement::on!(
            $tx,
            $crate::service::store::statement::LONG_LIMIT,
            |$connection| $statement
        )
    }};
}
pub(super) use on_many;

/// Runs a statement about what is asked for of a drive, `$1`: numbers or texts, `$2`, which come to PostgreSQL as an
/// array and to SQLite as JSON. The text has it as `ASKED`, a query of two columns: `drive_id`, and `asked` for each
/// of them. Further binds count from `$3` on.
///
/// The drive is a column there, and no `drive_id = $1` besides: of a drive that PostgreSQL has not looked at since it
/// grew, it believes that it is empty, and then reads all of it for each that is asked for. Of a column it can't.
macro_rules! on_items {
    (
        $tx:expr, $limit:expr, $make:ident, $drive:expr, $numbers:expr, $text:expr, [$($bind:expr),*],
        |$query:ident, $connection:ident| $statement:expr
    ) => {
        match &mut $tx.connection {
            $crate::service::store::statement::TxConnection::Postgres(tx) => {
                const TEXT: &str = const_format::str_replace!(
                    $text,
                    "ASKED",
                    "SELECT $1 AS drive_id, unnest($2) AS asked"
                );
                let $connection = &mut **tx;
                let $query = sqlx::$make(TEXT).bind($drive).bind($numbers) $(.bind($bind))*;
                $crate::service::store::statement::within_step($tx.step, $limit, $statement).await
            }
            $crate::service::store::statement::TxConnection::Sqlite(tx) => {
                const TEXT: &str = const_format::str_replace!(
                    $text,
                    "ASKED",
                    "SELECT $1 AS drive_id, value AS asked FROM json_each($2)"
                );
                let $connection = &mut **tx;
                let numbers = serde_json::json!($numbers).to_string();
                let $query = sqlx::$make(TEXT).bind($drive).bind(numbers) $(.bind($bind))*;
                $crate::service::store::statement::within_step($tx.step, $limit, $statement).await
            }
        }
    };
}
pub(super) use on_items;

/// Like `on_items!`: gives the rows, which may be many.
macro_rules! fetch_for_items {
    ($tx:expr, $drive:expr, $numbers:expr, $text:expr $(, $bind:expr)*) => {
        $crate::service::store::statement::on_items!(
            $tx, $crate::service::store::statement::LONG_LIMIT, query_as, $drive, $numbers, $text, [$($bind),*],
            |query, connection| query.fetch_all(connection)
        )
    };
}
pub(super) use fetch_for_items;

/// Like `on_items!`, for a statement that returns no rows: gives the number of rows it changed.
macro_rules! execute_for_items {
    ($tx:expr, $drive:expr, $numbers:expr, $text:literal $(, $bind:expr)*) => {
        $crate::service::store::statement::on_items!(
            $tx, $crate::service::store::statement::STATEMENT_LIMIT, query, $drive, $numbers, $text, [$($bind),*],
            |query, connection| {
                futures_util::TryFutureExt::map_ok(query.execute(connection), |done| done.rows_affected())
            }
        )
    };
}
pub(super) use execute_for_items;

/// Gives up on a database that has gone silent in the middle of a statement.
pub fn within_limit<'s, T: 's>(
    statement: impl Future<Output = sqlx::Result<T>> + Send + 's,
) -> BoxFuture<'s, Result<T>> {
    within(STATEMENT_LIMIT, statement)
}

/// On the heap: what sqlx keeps while a statement runs takes kilobytes. Else they would be part of the
/// future of each request that may need the statement, and be moved about with it where it does not.
pub fn within<'s, T: 's>(
    limit: Duration,
    statement: impl Future<Output = sqlx::Result<T>> + Send + 's,
) -> BoxFuture<'s, Result<T>> {
    Box::pin(limited(limit, statement))
}

async fn limited<T>(limit: Duration, statement: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, statement).await {
        Ok(done) => Ok(done?),
        Err(elapsed) => Err(Error::unavailable(elapsed)),
    }
}

/// The same, of a named transaction.
pub(super) fn within_step<'s, T: 's>(
    step: &'static str,
    limit: Duration,
    statement: impl Future<Output = sqlx::Result<T>> + Send + 's,
) -> BoxFuture<'s, Result<T>> {
    Box::pin(async move { limited(limit, statement).await.map_err(|error| error.in_step(step)) })
}

impl Tx {
    /// For the rest of the transaction.
    pub(super) async fn allow_long_statements(&mut self) -> Result<()> {
        if let TxConnection::Postgres(tx) = &mut self.connection {
            let limit = LONG_LIMIT.as_millis().to_string();
            let setting = sqlx::query("SELECT set_config('statement_timeout', $1, true)").bind(limit);
            within_step(self.step, STATEMENT_LIMIT, setting.execute(&mut **tx)).await?;
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<()> {
        match self.connection {
            TxConnection::Postgres(tx) => within_step(self.step, STATEMENT_LIMIT, tx.commit()).await,
            TxConnection::Sqlite(tx) => within_step(self.step, STATEMENT_LIMIT, tx.commit()).await,
        }
    }
}
