//! Brings the tables to this program's state, and tells whether they are.

use sqlx::migrate::Migrator;

use crate::error::{Error, Result};
use crate::service::store::Store;
use crate::service::store::connect::{Pools, begin};
use crate::service::store::errors::is_table_missing;
use crate::service::store::statement::on;

pub const NEWEST_MIGRATION: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

impl Store {
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

    /// Whether the tables are in this program's state.
    pub async fn is_migrated(&self) -> Result<bool> {
        self.is_newest(self.newest_applied().await)
    }

    /// Whether there are any, in whatever state.
    pub async fn has_tables(&self) -> Result<bool> {
        match self.newest_applied().await {
            Ok(applied) => Ok(applied.is_some()),
            Err(error) if is_table_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn newest_applied(&self) -> Result<Option<i64>> {
        let mut tx = self.read("newest_applied").await?;
        on!(tx, |connection| sqlx::query_scalar(NEWEST_MIGRATION).fetch_one(connection))
    }

    pub(super) fn is_newest(&self, applied: Result<Option<i64>>) -> Result<bool> {
        let ours = match &self.pools {
            Pools::Postgres { .. } => &POSTGRES_MIGRATIONS,
            Pools::Sqlite { .. } => &SQLITE_MIGRATIONS,
        };
        match applied {
            Ok(applied) => Ok(applied == ours.iter().map(|migration| migration.version).max()),
            // The table itself is missing: nothing was ever applied.
            Err(error) if is_table_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
