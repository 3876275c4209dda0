//! What the database's errors mean.

use sqlx::error::DatabaseError;

use crate::error::{Error, Result};

/// Serialisation failures and deadlocks: the same work may well succeed a moment later.
pub fn is_in_the_way(error: &Error) -> bool {
    database_error(error).is_some_and(|error| matches!(error.code().as_deref(), Some("40001" | "40P01")))
}

/// Whether SQLite says that another writes.
pub fn is_busy(error: &Error) -> bool {
    let code = |error: &dyn DatabaseError| error.code().and_then(|code| code.parse::<u32>().ok());
    database_error(error).and_then(code).is_some_and(|code| code & 0xFF == 5)
}

/// Names are unique among a folder's live items; the index has the last word.
pub fn name_taken(written: Result<u64>) -> Result<u64> {
    written.map_err(|error| match database_error(&error) {
        Some(refused) if refused.is_unique_violation() => Error::NameAlreadyExists,
        _ => error,
    })
}

/// Whether a table is not there.
pub fn is_table_missing(error: &Error) -> bool {
    database_error(error).is_some_and(lacks_table)
}

fn lacks_table(error: &dyn DatabaseError) -> bool {
    match error.code().as_deref() {
        Some("42P01") => true,
        // SQLite has one code for all that is wrong with a statement.
        Some("1") => error.message().starts_with("no such table"),
        _ => false,
    }
}

fn database_error(error: &Error) -> Option<&dyn DatabaseError> {
    error.caused_by::<sqlx::Error>().and_then(sqlx::Error::as_database_error)
}

/// PostgreSQL's disk_full; SQLite's SQLITE_FULL, and SQLITE_IOERR_SHMSIZE, which is its memory-mapped file that can't
/// grow.
fn is_disk_full(error: &dyn DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("53100" | "13" | "4874"))
}

/// Which failures of a database mean that it is away or overloaded, rather than that a statement is wrong.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if error.as_database_error().is_some_and(is_disk_full) {
            return Self::StorageFull(error.into());
        }
        if error.as_database_error().is_some_and(lacks_table) {
            return Self::unavailable(error);
        }
        let away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            sqlx::Error::Database(error) => match error.code().as_deref() {
                Some(code) => {
                    // PostgreSQL: connection, who may, which database, resources, intervention, the system, locks,
                    // time-outs, serialisation; a database or tables that are not there, or not ready yet.
                    code.len() == 5
                        && (["08", "28", "3D", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                            || matches!(code, "55000" | "55P03" | "40001" | "40P01" | "25006"))
                    // SQLite: busy, locked, and the disk's own errors (I/O, can't open).
                        || code.parse::<u32>().is_ok_and(|code| {
                            matches!(code & 0xFF, 5 | 6 | 10 | 14) && code < 10_000
                        })
                }
                None => false,
            },
            _ => false,
        };
        if away { Self::unavailable(error) } else { Self::internal(error) }
    }
}
