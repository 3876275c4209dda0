//! The database: all SQL is in this folder, and nothing else is.
//!
//! Two databases, one text. A statement is written once and runs on PostgreSQL and on SQLite with the
//! same binds, by the `on!` macro. So it may use `$1`, `ON CONFLICT`, `RETURNING` and recursive
//! queries; it may not use arrays, `::` casts, `FOR UPDATE`, `now()` or constraint names. Every test of
//! behaviour runs on both.
//!
//! What starts at few rows is joined by `CROSS JOIN` and `WHERE`: SQLite then joins in that order, and
//! does not read a whole table for each step of a recursion. To PostgreSQL it is a join like any.

mod applications;
mod audit;
mod batch;
mod drives;
mod items;
mod key_epochs;
mod link_admin;
mod link_batches;
mod links;
mod loose_content;
mod own_connection;
mod readiness;
mod tree;
mod uploads;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::process::{Pid, setpriority_process};
use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
};

use crate::config::{DatabaseUrl, Settings};
use crate::error::{Error, Result};
use crate::telemetry::{Metrics, SPANS};
use applications::KnownApplications;
use batch::{BatchSettings, Batches};
use link_batches::{FindLinks, MakeLinks, OpenLinks, Source};
use readiness::Probe;

pub use audit::LinkAction;
pub use items::{Change, NewItem, Place};
pub use key_epochs::EpochUse;
pub use link_admin::{LinkFilter, PlacedLink};
pub use links::{NewLink, OpenedLink};
pub use readiness::Readiness;
pub use tree::{Below, Folders, SubtreeChange, SubtreeWork, TreeItem};
pub use uploads::UploadRange;

/// How long to wait for a free connection. With [`STATEMENT_LIMIT`] it keeps the promise that a
/// database that is away is told to clients within three seconds.
const ACQUIRE_LIMIT: Duration = Duration::from_millis(1_500);
/// How long one statement may take. Most read or write a few rows by key.
const STATEMENT_LIMIT: Duration = Duration::from_millis(1_400);
/// How long a statement may take that concerns all that is below a folder, or all links.
const LONG_LIMIT: Duration = Duration::from_secs(60);
/// Connections are made anew after this, so that a database that has moved is found again.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(600);
/// How PostgreSQL is to plan: for keys, row by row. Where it can't know how many rows a step will give,
/// as with the folders above an item, it guesses many, and then reads all links of a drive to join them
/// with two folders, or compiles a statement for longer than it runs. A list of all links is as fast
/// this way.
const PLANNED_FOR_KEYS: [(&str, &str); 3] =
    [("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];
/// Connections to PostgreSQL for what takes its time, and of SQLite's readers.
const SLOW_CONNECTIONS: u32 = 4;
/// What the threads of SQLite's slow readers are called, and how nice they are to others.
const SLOW_THREADS: &str = "slow-reader-";
const LOWEST_PRIORITY: i32 = 19;
/// How often a transaction is tried that others kept from running.
const TRIES: u32 = 5;

const NEWEST_MIGRATION: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The database, what is remembered of it, and the queues of a worker.
pub struct Store {
    pools: Pools,
    applications: Arc<KnownApplications>,
    batching: BatchSettings,
    opening: Batches<OpenLinks>,
    finding: Batches<FindLinks>,
    making: Arc<Batches<MakeLinks>>,
    probe: Arc<Probe>,
}

/// What takes its time has connections of its own, so that nothing else waits for it.
#[derive(Clone, Debug)]
enum Pools {
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

/// One transaction. It lasts when it is committed, and is undone when it is dropped.
pub enum Tx {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Runs a statement on whichever database the transaction is of.
macro_rules! on {
    ($tx:expr, |$connection:ident| $statement:expr) => {
        $crate::store::on!($tx, $crate::store::STATEMENT_LIMIT, |$connection| $statement)
    };
    ($tx:expr, $limit:expr, |$connection:ident| $statement:expr) => {
        match $tx {
            $crate::store::Tx::Postgres(tx) => {
                let $connection = &mut **tx;
                $crate::store::within($limit, $statement).await
            }
            $crate::store::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                $crate::store::within($limit, $statement).await
            }
        }
    };
}
use on;

/// Like `on!`, for a statement that returns no rows: gives the number of rows it changed.
macro_rules! execute {
    ($tx:expr, $query:expr) => {
        $crate::store::on!($tx, |connection| futures_util::TryFutureExt::map_ok(
            $query.execute(connection),
            |done| done.rows_affected()
        ))
    };
}
use execute;

/// Like `on!`, for a statement that concerns all that is below a folder, or all links: it may take its time.
macro_rules! on_many {
    ($tx:expr, |$connection:ident| $statement:expr) => {{
        $tx.allow_long_statements().await?;
        $crate::store::on!($tx, $crate::store::LONG_LIMIT, |$connection| $statement)
    }};
}
use on_many;

/// Runs a statement about items that are given by their numbers, `$2`: PostgreSQL takes them as an array, SQLite
/// as JSON. The text, or its first part, ends where they are to follow. `$1` is the drive; further binds count from
/// `$3` on.
macro_rules! on_items {
    (
        $tx:expr, $limit:expr, $make:ident, $drive:expr, $numbers:expr, ($before:literal $(, $after:literal)?),
        [$($bind:expr),*], |$query:ident, $connection:ident| $statement:expr
    ) => {
        match $tx {
            $crate::store::Tx::Postgres(tx) => {
                let $connection = &mut **tx;
                let $query = sqlx::$make(concat!($before, "= ANY($2)" $(, $after)?));
                let $query = $query.bind($drive).bind($numbers) $(.bind($bind))*;
                $crate::store::within($limit, $statement).await
            }
            $crate::store::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                let $query = sqlx::$make(concat!($before, "IN (SELECT value FROM json_each($2))" $(, $after)?));
                let $query = $query.bind($drive).bind(serde_json::json!($numbers).to_string());
                let $query = $query $(.bind($bind))*;
                $crate::store::within($limit, $statement).await
            }
        }
    };
}
use on_items;

/// Like `on_items!`: gives the rows, which may be many.
macro_rules! fetch_for_items {
    ($tx:expr, $drive:expr, $numbers:expr, $text:tt $(, $bind:expr)*) => {
        $crate::store::on_items!(
            $tx, $crate::store::LONG_LIMIT, query_as, $drive, $numbers, $text, [$($bind),*],
            |query, connection| query.fetch_all(connection)
        )
    };
}
use fetch_for_items;

/// Like `on_items!`, for a statement that returns no rows: gives the number of rows it changed.
macro_rules! execute_for_items {
    ($tx:expr, $drive:expr, $numbers:expr, $text:tt $(, $bind:expr)*) => {
        $crate::store::on_items!(
            $tx, $crate::store::STATEMENT_LIMIT, query, $drive, $numbers, $text, [$($bind),*],
            |query, connection| {
                futures_util::TryFutureExt::map_ok(query.execute(connection), |done| done.rows_affected())
            }
        )
    };
}
use execute_for_items;

/// Gives up on a database that has gone silent in the middle of a statement.
fn within_limit<'s, T: 's>(
    statement: impl Future<Output = sqlx::Result<T>> + Send + 's,
) -> BoxFuture<'s, Result<T>> {
    within(STATEMENT_LIMIT, statement)
}

/// On the heap: what sqlx keeps while a statement runs takes kilobytes. Else they would be part of the
/// future of each request that may need the statement, and be moved about with it where it does not.
fn within<'s, T: 's>(
    limit: Duration,
    statement: impl Future<Output = sqlx::Result<T>> + Send + 's,
) -> BoxFuture<'s, Result<T>> {
    Box::pin(async move {
        match tokio::time::timeout(limit, statement).await {
            Ok(done) => Ok(done?),
            Err(elapsed) => Err(Error::unavailable(elapsed)),
        }
    })
}

impl Store {
    pub async fn connect(url: &DatabaseUrl, settings: &Settings, metrics: &Metrics) -> Result<Self> {
        let (pools, probe) = match url {
            DatabaseUrl::Postgres(url) => connect_postgres(url.expose_secret(), settings).await?,
            DatabaseUrl::Sqlite(path) => connect_sqlite(path).await?,
        };
        Ok(Self::new(pools, Arc::default(), settings.into(), metrics, Arc::new(probe)))
    }

    /// The same database for one more thread, which gets queues and connections of its own.
    pub fn for_worker(&self, metrics: &Metrics) -> Self {
        let worker = Self::new(
            self.pools.clone(),
            self.applications.clone(),
            self.batching,
            metrics,
            self.probe.clone(),
        );
        match self.pools {
            Pools::Postgres { .. } => worker,
            // Its one writer is best kept busy by one queue.
            Pools::Sqlite { .. } => Self { making: self.making.clone(), ..worker },
        }
    }

    fn new(
        pools: Pools,
        applications: Arc<KnownApplications>,
        batching: BatchSettings,
        metrics: &Metrics,
        probe: Arc<Probe>,
    ) -> Self {
        let source = || Source::of(&pools, &applications);
        Self {
            opening: Batches::start(batching, metrics.batches("open"), || OpenLinks(source())),
            finding: Batches::start(batching, metrics.batches("find"), || FindLinks(source())),
            making: Arc::new(Batches::start(batching, metrics.batches("make"), || MakeLinks(source()))),
            pools,
            applications,
            batching,
            probe,
        }
    }

    /// Brings the tables to this program's state. Servers that start together wait for each other.
    pub async fn migrate(&self) -> Result<()> {
        match &self.pools {
            Pools::Postgres { slow, .. } => {
                // A migration of a large table may take its time.
                let mut connection = begin(slow.acquire()).await?;
                sqlx::query("SET statement_timeout = 0").execute(&mut *connection).await?;
                sqlx::query("SET lock_timeout = 0").execute(&mut *connection).await?;
                POSTGRES_MIGRATIONS.run(&mut *connection).await.map_err(Error::internal)?;
                // Its settings go with it.
                connection.close_on_drop();
            }
            Pools::Sqlite { writer, .. } => SQLITE_MIGRATIONS.run(writer).await.map_err(Error::internal)?,
        }
        Ok(())
    }

    /// Lets a role read the admins' views and nothing else. It is made where it is not there. Its questions
    /// are planned as the service plans its own.
    pub async fn grant_views(&self, role: &str) -> Result<()> {
        let Pools::Postgres { pool, .. } = &self.pools else {
            return Err(Error::internal("SQLite has no roles: whoever can read its file can read it all"));
        };
        let (exists, is_ours, may_all, database): (bool, bool, bool, String) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1), $1 IN (current_user, session_user),
                    EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1 AND rolsuper), current_database()::text",
        )
        .bind(role)
        .fetch_one(pool)
        .await?;
        if is_ours {
            return Err(Error::internal("that is the service's own role: it would write no more"));
        }
        if may_all {
            return Err(Error::internal("that role is a superuser: it reads and writes everything"));
        }
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (name, database) = (quoted(role), quoted(&database));
        let create = if exists { String::new() } else { format!("CREATE ROLE {name} LOGIN;") };
        let set =
            |(setting, value)| format!("ALTER ROLE {name} IN DATABASE {database} SET {setting} = {value};");
        let settings: String =
            [("default_transaction_read_only", "on")].into_iter().chain(PLANNED_FOR_KEYS).map(set).collect();
        let statements = format!(
            "BEGIN; {create} {settings}
             REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name};
             GRANT USAGE ON SCHEMA public TO {name};
             GRANT SELECT ON admin_items, admin_links, admin_link_events, admin_applications, admin_usage TO {name};
             COMMIT;"
        );
        // A role's name can't be bound; it is quoted.
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(pool).await?;
        Ok(())
    }

    /// Whether the tables are in this program's state.
    pub async fn is_migrated(&self) -> Result<bool> {
        let mut tx = self.read().await?;
        let applied: Result<Option<i64>> =
            on!(&mut tx, |connection| sqlx::query_scalar(NEWEST_MIGRATION).fetch_one(connection));
        self.is_newest(applied)
    }

    fn is_newest(&self, applied: Result<Option<i64>>) -> Result<bool> {
        let ours = match &self.pools {
            Pools::Postgres { .. } => &POSTGRES_MIGRATIONS,
            Pools::Sqlite { .. } => &SQLITE_MIGRATIONS,
        };
        match applied {
            Ok(applied) => Ok(applied == ours.iter().map(|migration| migration.version).max()),
            // The table itself is missing: nothing was ever applied.
            Err(Error::Internal(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A transaction that only reads, and sees one moment throughout: one after it began.
    #[tracing::instrument(target = SPANS, name = "connection", skip_all)]
    pub async fn read(&self) -> Result<Tx> {
        match &self.pools {
            Pools::Postgres { pool, .. } => read_postgres(pool).await,
            Pools::Sqlite { readers, .. } => Ok(Tx::Sqlite(begin(readers.begin()).await?)),
        }
    }

    /// The same for what looks at many rows, by connections of its own. Its statements may take a minute.
    #[tracing::instrument(target = SPANS, name = "slow connection", skip_all)]
    pub async fn read_slowly(&self) -> Result<Tx> {
        match &self.pools {
            Pools::Postgres { slow, .. } => read_postgres(slow).await,
            Pools::Sqlite { slow, .. } => Ok(Tx::Sqlite(begin(slow.begin()).await?)),
        }
    }

    /// Does `work` in one transaction, and commits it. Work that the database refused because others
    /// were in its way is done again, so it must have no effects but on the transaction.
    ///
    /// Not to be called where a client that goes away drops the future: see
    /// `server::middleware::run_to_completion`.
    #[tracing::instrument(target = SPANS, name = "transaction", skip_all)]
    pub async fn write<T>(&self, mut work: impl AsyncFnMut(&mut Tx) -> Result<T>) -> Result<T> {
        let mut tries = 1;
        loop {
            let mut tx = match &self.pools {
                Pools::Postgres { pool, .. } => Tx::Postgres(begin(pool.begin()).await?),
                Pools::Sqlite { writer, .. } => {
                    Tx::Sqlite(begin(writer.begin_with("BEGIN IMMEDIATE")).await?)
                }
            };
            let done = match work(&mut tx).await {
                Ok(value) => tx.commit().await.map(|()| value),
                Err(error) => Err(error),
            };
            match done {
                Err(error) if is_in_the_way(&error) && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    /// Connections to the database: all there are, and those that wait for work.
    pub fn connections(&self) -> (u32, usize) {
        let pools = self.pools.each();
        let (size, idle) = pools.into_iter().unzip::<_, _, Vec<u32>, Vec<usize>>();
        (size.into_iter().sum(), idle.into_iter().sum())
    }

    pub fn name(&self) -> &'static str {
        match &self.pools {
            Pools::Postgres { .. } => "PostgreSQL",
            Pools::Sqlite { .. } => "SQLite",
        }
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres { pool, slow } => {
                slow.close().await;
                pool.close().await;
            }
            Pools::Sqlite { writer, readers, slow } => {
                slow.close().await;
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl Tx {
    /// For the rest of the transaction.
    async fn allow_long_statements(&mut self) -> Result<()> {
        if let Self::Postgres(tx) = self {
            let limit = LONG_LIMIT.as_millis().to_string();
            let setting = sqlx::query("SELECT set_config('statement_timeout', $1, true)").bind(limit);
            within_limit(setting.execute(&mut **tx)).await?;
        }
        Ok(())
    }

    /// Lets the transaction's commit be answered before it is on disk, where others wait for the disk, too. For what
    /// is done again where it was lost, and is on disk with the next transaction that is.
    pub async fn need_not_last(&mut self) -> Result<()> {
        if let Self::Postgres(tx) = self {
            let setting = sqlx::query("SELECT set_config('synchronous_commit', 'off', true)");
            within_limit(setting.execute(&mut **tx)).await?;
        }
        Ok(())
    }

    async fn commit(self) -> Result<()> {
        match self {
            Self::Postgres(tx) => within_limit(tx.commit()).await,
            Self::Sqlite(tx) => within_limit(tx.commit()).await,
        }
    }
}

/// A free connection, and with it the beginning of a transaction where there is to be one.
fn begin<'b, T: 'b>(
    beginning: impl Future<Output = sqlx::Result<T>> + Send + 'b,
) -> BoxFuture<'b, Result<T>> {
    within(ACQUIRE_LIMIT + STATEMENT_LIMIT, beginning)
}

async fn read_postgres(pool: &PgPool) -> Result<Tx> {
    Ok(Tx::Postgres(begin(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")).await?))
}

async fn connect_postgres(url: &str, settings: &Settings) -> Result<(Pools, Probe)> {
    let mut options: PgConnectOptions = url.parse()?;
    if let Some(file) = &settings.database_password_file {
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
        ])
    };
    let quick = limited(STATEMENT_LIMIT).options(PLANNED_FOR_KEYS);
    // The pool would try again and again, and say only that time is up: one try says what is wrong.
    within_limit(PgConnection::connect_with(&quick)).await?.close().await?;
    let probe = Probe::of_postgres(&quick);
    let pool = |connections| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            .max_lifetime(CONNECTION_LIFETIME)
            .after_release(|connection, _| leave_no_transaction(connection))
    };
    // What takes its time is planned freely: over many rows, joining them by key is the slowest way.
    let slow = pool(SLOW_CONNECTIONS).connect_lazy_with(limited(LONG_LIMIT).options([("jit", "off")]));
    let pool = begin(pool(settings.database_connections).connect_with(quick)).await?;
    Ok((Pools::Postgres { pool, slow }, probe))
}

async fn connect_sqlite(path: &Path) -> Result<(Pools, Probe)> {
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
    let probe = Probe::of_sqlite(&options);
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
    Ok((Pools::Sqlite { writer, readers, slow }, probe))
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
    fn each(&self) -> Vec<(u32, usize)> {
        match self {
            Self::Postgres { pool, slow } => {
                vec![pool, slow].into_iter().map(|p| (p.size(), p.num_idle())).collect()
            }
            Self::Sqlite { writer, readers, slow } => {
                vec![writer, readers, slow].into_iter().map(|p| (p.size(), p.num_idle())).collect()
            }
        }
    }
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

/// Serialisation failures and deadlocks: the same work may well succeed a moment later.
fn is_in_the_way(error: &Error) -> bool {
    let Error::Unavailable(cause) = error else { return false };
    let Some(sqlx::Error::Database(error)) = cause.downcast_ref::<sqlx::Error>() else { return false };
    matches!(error.code().as_deref(), Some("40001" | "40P01"))
}

/// Which failures of a database mean that it is away or overloaded, rather than that a statement is wrong.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
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
                    // PostgreSQL: connection, resources, intervention, the system, locks, time-outs, serialisation.
                    code.len() == 5
                        && (["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                            || matches!(code, "55P03" | "40001" | "40P01" | "25006"))
                    // SQLite: busy, locked, and the disk's own errors (I/O, full, can't open).
                        || code.parse::<u32>().is_ok_and(|code| {
                            matches!(code & 0xFF, 5 | 6 | 10 | 13 | 14) && code < 10_000
                        })
                }
                None => false,
            },
            _ => false,
        };
        if away { Self::unavailable(error) } else { Self::internal(error) }
    }
}
