//! A database of a test's own, and a look into it that the server does not know of.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};
use uuid::Uuid;

use super::postgres;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

#[derive(Clone, Debug)]
pub struct TestDatabase {
    pub kind: Kind,
    pub url: String,
}

impl TestDatabase {
    pub async fn create(kind: Kind, folder: &Path) -> Self {
        let url = match kind {
            Kind::Sqlite => format!("sqlite://{}", folder.join("everlink.db").display()),
            Kind::Postgres => {
                let name = format!("test_{}", Uuid::from_bytes(everlink::clock::random_bytes()).simple());
                let mut server = PgConnection::connect(&postgres::url("postgres")).await.expect("the server");
                let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
                sqlx::query(create).execute(&mut server).await.expect("a database");
                postgres::url(&name)
            }
        };
        Self { kind, url }
    }

    /// Brings an empty database to the state of a version of the program.
    pub async fn migrate_to(&self, version: i64) {
        let name = if self.kind == Kind::Postgres { "postgres" } else { "sqlite" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name);
        let all = Migrator::new(folder).await.expect("migrations");
        let some = all.iter().filter(|migration| migration.version <= version).cloned().collect();
        let migrator = Migrator::with_migrations(some);
        match self.kind {
            Kind::Postgres => migrator.run(&mut self.postgres().await).await.expect("they apply"),
            Kind::Sqlite => {
                let options =
                    self.url.parse::<SqliteConnectOptions>().expect("a URL").create_if_missing(true);
                let mut connection = SqliteConnection::connect_with(&options).await.expect("the database");
                migrator.run(&mut connection).await.expect("they apply");
            }
        }
    }

    /// The one number a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::Postgres => {
                let mut connection = self.postgres().await;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the query runs")
            }
            Kind::Sqlite => {
                let mut connection = self.sqlite().await;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the query runs")
            }
        }
    }

    /// Runs a statement.
    pub async fn run(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::Postgres => {
                sqlx::raw_sql(sql).execute(&mut self.postgres().await).await.expect("the statement runs");
            }
            Kind::Sqlite => {
                sqlx::raw_sql(sql).execute(&mut self.sqlite().await).await.expect("the statement runs");
            }
        }
    }

    /// Puts a copy in the place of a database of PostgreSQL, in which a statement has changed something that no trigger
    /// has seen: as a backup of another moment is put there. Nobody may be connected for long.
    pub async fn replace_by_copy(&self, sql: &str) {
        let options: PgConnectOptions = self.url.parse().expect("a URL");
        let name = options.get_database().expect("a database");
        let mut server = PgConnection::connect(&postgres::url("postgres")).await.expect("the server");
        let copy = format!("CREATE DATABASE {name}_copy TEMPLATE {name}");
        super::eventually("nobody is connected", async || {
            sqlx::raw_sql(sqlx::AssertSqlSafe(copy.clone())).execute(&mut server).await.is_ok()
        })
        .await;
        let copied = Self { kind: Kind::Postgres, url: postgres::url(&format!("{name}_copy")) };
        copied.run(&format!("SET session_replication_role = replica; {sql}")).await;
        for (from, to) in [("", "_before"), ("_copy", "")] {
            let rename = format!("ALTER DATABASE {name}{from} RENAME TO {name}{to}");
            super::eventually("nobody is connected", async || {
                sqlx::raw_sql(sqlx::AssertSqlSafe(rename.clone())).execute(&mut server).await.is_ok()
            })
            .await;
        }
    }

    /// Puts so many empty folders below a folder, by a statement: their names are the prefix and a number.
    pub async fn fill(&self, folder: &str, count: usize, prefix: &str) {
        let (drive, number) = folder.split_once('!').expect("an id");
        let drive = u64::from_str_radix(drive, 16).expect("an id").cast_signed();
        let length = prefix.chars().count() + 10;
        let series = match self.kind {
            Kind::Postgres => format!("generate_series(1, {count}) AS s (n)"),
            Kind::Sqlite => format!(
                "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})
                  SELECT n FROM s) s"
            ),
        };
        self.run(&format!(
            "INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at,
                                change_no)
             SELECT i.drive_id, c.next_item + s.n, {number}, '{prefix}' || s.n, '{prefix}' || s.n, 'folder', 0,
                    i.created_at, i.created_at, 1
             FROM items i, counters c, {series}
             WHERE i.drive_id = {drive} AND i.item_no = {number} AND c.drive_id = {drive};
             UPDATE items SET child_count = child_count + {count}, longest_path = {length}
             WHERE drive_id = {drive} AND item_no = {number};
             UPDATE items SET longest_path = 400 WHERE drive_id = {drive} AND item_no = 1;
             UPDATE counters SET next_item = next_item + {count} + 1 WHERE drive_id = {drive}"
        ))
        .await;
    }

    /// Gives an item more links, each as one it has, of an application of its own.
    pub async fn copy_links(&self, item_number: &str, count: usize) {
        let (series, random) = match self.kind {
            Kind::Postgres => (format!("generate_series(1, {count}) AS s (n)"), "gen_random_uuid()"),
            Kind::Sqlite => (
                format!(
                    "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})
                      SELECT n FROM s) s"
                ),
                "randomblob(16)",
            ),
        };
        self.run(&format!(
            "INSERT INTO applications (app_id, first_seen_at)
             SELECT 'copy ' || s.n, a.first_seen_at FROM (SELECT min(first_seen_at) AS first_seen_at FROM applications) a,
                    {series};
             INSERT INTO links (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at)
             SELECT l.drive_id, l.item_no, a.app_no, l.type, l.scope, {random}, l.key_epoch, l.created_by, l.created_at
             FROM links l, applications a WHERE l.item_no = {item_number} AND a.app_id LIKE 'copy %'"
        ))
        .await;
    }

    /// Rows of a query, each value as text; what has no text shows as hexadecimal.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match self.kind {
            Kind::Postgres => {
                let sql =
                    format!("SELECT to_json(q)::text AS row FROM ({}) q", sql.trim().trim_end_matches(';'));
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut self.postgres().await).await;
                rows.expect("the query runs")
                    .iter()
                    .map(|row| json_values(&row.get::<String, _>("row")))
                    .collect()
            }
            Kind::Sqlite => {
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                let rows =
                    sqlx::query(sql).fetch_all(&mut self.sqlite().await).await.expect("the query runs");
                rows.iter()
                    .map(|row| (0..row.len()).map(|column| sqlite_text(row, column)).collect())
                    .collect()
            }
        }
    }

    /// The steps by which the database answers a query when tables are too large to be read whole.
    pub async fn plan(&self, sql: &str) -> Vec<String> {
        match self.kind {
            Kind::Postgres => {
                let mut connection = self.postgres().await;
                let setting = sqlx::raw_sql("SET enable_seqscan = off");
                setting.execute(&mut connection).await.expect("a setting");
                let sql = sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"));
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("a plan")
            }
            Kind::Sqlite => {
                let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
                let rows = sqlx::query(sql).fetch_all(&mut self.sqlite().await).await.expect("a plan");
                rows.iter().map(|row| row.get("detail")).collect()
            }
        }
    }

    /// Every value of every row of every table.
    pub async fn everything(&self) -> Vec<String> {
        let tables = match self.kind {
            Kind::Postgres => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            }
            Kind::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
        };
        let mut values = Vec::new();
        for table in self.rows(tables).await {
            let rows = self.rows(&format!("SELECT * FROM {}", table[0])).await;
            values.extend(rows.into_iter().flatten());
        }
        values
    }

    pub async fn postgres(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the database")
    }

    async fn sqlite(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url).await.expect("the database")
    }
}

fn json_values(row: &str) -> Vec<String> {
    let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).expect("an object");
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    row.into_iter().map(|(_, value)| text(value)).collect()
}

fn sqlite_text(row: &sqlx::sqlite::SqliteRow, column: usize) -> String {
    if let Ok(text) = row.try_get::<Option<String>, _>(column) {
        return text.unwrap_or_default();
    }
    if let Ok(number) = row.try_get::<i64, _>(column) {
        return number.to_string();
    }
    let bytes: Vec<u8> = row.get(column);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
