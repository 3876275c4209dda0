//! The connections to the database: how they are made, and what keeps them well.

use std::path::Path;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::process::{Pid, setpriority_process};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, SqliteConnection, SqlitePool};

use crate::config::DatabaseUrl;
use crate::error::{Error, Result};
use crate::service::store::statement::{LONG_LIMIT, STATEMENT_LIMIT, within, within_limit};

/// How long to wait for a free connection. With [`STATEMENT_LIMIT`] it keeps the promise that a
/// database that is away is told to clients within three seconds.
pub const ACQUIRE_LIMIT: Duration = Duration::from_millis(1_500);
/// Connections are made anew after this, so that a database that has moved is found again.
pub const CONNECTION_LIFETIME: Duration = Duration::from_secs(600);
/// How long a connection that is not in use is believed to be there.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// How PostgreSQL is to plan: for keys, row by row. Where it can't know how many rows a step will give,
/// as with the folders above an item, it guesses many, and then reads all links of a drive to join them
/// with two folders, or compiles a statement for longer than it runs. A list of all links is as fast
/// this way.
pub const PLANNED_FOR_KEYS: [(&str, &str); 3] =
    [("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];
/// A statement is planned once, for any values. Of a drive that it has not looked at since it grew, PostgreSQL believes
/// that it is empty: then any index that names the drive is as good to it as the one that names the item, too.
const PLANNED_ONCE: (&str, &str) = ("plan_cache_mode", "force_generic_plan");
/// What is looked up by keys is never to read a table whole: of an array PostgreSQL can't know how few rows it
/// names, and guesses many.
const BY_INDEX: (&str, &str) = ("enable_seqscan", "off");
/// Connections to PostgreSQL for what takes its time, and of SQLite's readers.
const SLOW_CONNECTIONS: u32 = 4;
/// What the threads of SQLite's slow readers are called, and how nice they are to others.
const SLOW_THREADS: &str = "slow-reader-";
const LOWEST_PRIORITY: i32 = 19;

/// What takes its time has connections of its own, so that nothing else waits for it.
#[derive(Clone, Debug)]
pub enum Pools {
    Postgres {
        pool: PgPool,
        slow: PgPool,
    },
    /// SQLite has one writer at a time. With a connection of its own it never waits for a lock, and
    /// readers never wait for it.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        slow: SqlitePool,
    },
}

pub async fn connect(url: &DatabaseUrl, password_file: Option<&Path>, connections: u32) -> Result<Pools> {
    match url {
        DatabaseUrl::Postgres(url) => connect_postgres(url.expose_secret(), password_file, connections).await,
        DatabaseUrl::Sqlite(path) => connect_sqlite(path).await,
    }
}

/// A free connection, and with it the beginning of a transaction where there is to be one.
pub fn begin<'b, T: 'b>(
    beginning: impl Future<Output = sqlx::Result<T>> + Send + 'b,
) -> BoxFuture<'b, Result<T>> {
    within(ACQUIRE_LIMIT + STATEMENT_LIMIT, beginning)
}

async fn connect_postgres(url: &str, password_file: Option<&Path>, connections: u32) -> Result<Pools> {
    let mut options: PgConnectOptions = url.parse()?;
    if let Some(file) = password_file {
        let password = std::fs::read_to_string(file).map_err(|error| {
            Error::internal(format!("the password file {} can't be read: {error}", file.display()))
        })?;
        options = options.password(password.trim_end_matches(['\r', '\n']));
    }
    let limited = |limit: Duration| {
        let (limit, lock_limit) = (limit.as_millis().to_string(), STATEMENT_LIMIT.as_millis().to_string());
        let options = options.clone().application_name("everlink").disable_statement_logging();
        options.options([
            ("statement_timeout", limit.as_str()),
            ("lock_timeout", lock_limit.as_str()),
            ("idle_in_transaction_session_timeout", "10000"),
            // What was answered is on disk, whatever the server is set to.
            ("synchronous_commit", "on"),
        ])
    };
    let quick = limited(STATEMENT_LIMIT).options(PLANNED_FOR_KEYS).options([BY_INDEX, PLANNED_ONCE]);
    // The pool would try again and again, and say only that time is up: one try says what is wrong.
    within_limit(PgConnection::connect_with(&quick)).await?.close().await?;
    let pool = |connections| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            .max_lifetime(CONNECTION_LIFETIME)
            .test_before_acquire(false)
            .before_acquire(|connection, was| answers(connection, was.idle_for))
            .after_release(|connection, _| leave_no_transaction(connection))
    };
    // What takes its time joins freely: over many rows, joining them by key is the slowest way.
    let free = limited(LONG_LIMIT).options([("jit", "off"), BY_INDEX]);
    let slow = pool(SLOW_CONNECTIONS).connect_lazy_with(free);
    let pool = begin(pool(connections).connect_with(quick)).await?;
    Ok(Pools::Postgres { pool, slow })
}

async fn connect_sqlite(path: &Path) -> Result<Pools> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was answered survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(STATEMENT_LIMIT)
        // As much of the file as SQLite takes: reading it costs no call to the system then.
        .pragma("mmap_size", "2147418112")
        // A whole batch, so that the thread which reads need not wait for the one which asked.
        .row_buffer_size(256)
        .disable_statement_logging();
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            .test_before_acquire(false)
            .after_release(|connection, _| is_in_no_transaction(connection))
    };
    // The writer first: it makes the file and sets the journal's mode.
    let writer = begin(pool(1).connect_with(options.clone())).await?;
    let reading = options.pragma("query_only", "ON");
    let slow = pool(SLOW_CONNECTIONS)
        .after_connect(|_, _| {
            Box::pin(async {
                let_others_go_first();
                Ok(())
            })
        })
        .connect_lazy_with(reading.clone().thread_name(|number| format!("{SLOW_THREADS}{number}")));
    let readers = begin(pool(4).connect_with(reading)).await?;
    Ok(Pools::Sqlite { writer, readers, slow })
}

/// SQLite runs in this process: what takes its time is to run when nothing else wants to. Where the system does not
/// let us say so, others wait a little longer.
fn let_others_go_first() {
    for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let is_slow = std::fs::read_to_string(thread.path().join("comm"))
            .is_ok_and(|name| name.starts_with(SLOW_THREADS));
        let id = thread.file_name().to_str().and_then(|id| id.parse().ok());
        if let Some(id) = id.and_then(Pid::from_raw).filter(|_| is_slow) {
            let _ = setpriority_process(Some(id), LOWEST_PRIORITY);
        }
    }
}

/// SQLite ends a transaction by itself where the disk is full or fails. The library doesn't see that: it takes
/// the connection for one in a transaction, and can begin no other on it. Such a connection is thrown away.
fn is_in_no_transaction(connection: &mut SqliteConnection) -> BoxFuture<'_, sqlx::Result<bool>> {
    Box::pin(async move {
        if connection.is_in_transaction() {
            // The end of a transaction that was dropped may be under way.
            connection.ping().await?;
        }
        Ok(!connection.is_in_transaction())
    })
}

impl Pools {
    /// Of each pool, all connections and those that wait for work.
    pub fn each(&self) -> Vec<(u32, usize)> {
        match self {
            Self::Postgres { pool, slow } => {
                vec![pool, slow].into_iter().map(|p| (p.size(), p.num_idle())).collect()
            }
            Self::Sqlite { writer, readers, slow } => {
                vec![writer, readers, slow].into_iter().map(|p| (p.size(), p.num_idle())).collect()
            }
        }
    }

    /// A connection of its own in the place of each pool. SQLite's have threads of their own anyway.
    pub fn afresh(&self) -> Self {
        match self {
            Self::Postgres { pool, slow } => {
                let one = |pool: &PgPool| {
                    let one = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_LIMIT);
                    one.connect_lazy_with((*pool.connect_options()).clone())
                };
                Self::Postgres { pool: one(pool), slow: one(slow) }
            }
            Self::Sqlite { .. } => self.clone(),
        }
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Postgres { pool, slow } => {
                slow.close().await;
                pool.close().await;
            }
            Self::Sqlite { writer, readers, slow } => {
                slow.close().await;
                readers.close().await;
                // Whoever closes last, the file is whole without its log, but for what others read or write just now.
                let checkpoint = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(writer);
                if let Err(error) = within_limit(checkpoint).await {
                    tracing::debug!(error = error.inside(), "what is in the log stays there");
                }
                writer.close().await;
            }
        }
    }
}

/// Whether a connection is still there. One that was in use a moment ago is believed to be: asking it would cost each
/// transaction a way to the database and back.
fn answers(connection: &mut PgConnection, idle_for: Duration) -> BoxFuture<'_, sqlx::Result<bool>> {
    Box::pin(async move {
        if idle_for < BELIEVED_FOR { Ok(true) } else { connection.ping().await.map(|()| true) }
    })
}

/// A future that is dropped in the middle of beginning leaves its connection inside a transaction,
/// and whoever gets the connection next would write into it and never commit. So what comes back is
/// taken out of any transaction; a connection that does not answer is thrown away.
fn leave_no_transaction(connection: &mut PgConnection) -> BoxFuture<'_, sqlx::Result<bool>> {
    Box::pin(async move {
        let cleared = sqlx::raw_sql("BEGIN; ROLLBACK").execute(connection);
        match tokio::time::timeout(Duration::from_millis(500), cleared).await {
            Ok(done) => done.map(|_| true),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    })
}
