//! What PostgreSQL's planner knows of our tables.
//!
//! A connection plans a statement once. While a table is empty all its indexes look alike to the planner, and it may
//! choose one that names the drive alone: later it reads all of a drive's items to find one. PostgreSQL looks at tables
//! once a minute at most, and an hour's work may come in the first; so here it is asked to as a table grows.

use sqlx::PgPool;

use crate::error::Result;
use crate::service::store::connect::Pools;
use crate::service::store::{Store, statement};

/// Tables that are looked into by key, and how each is looked at.
const TABLES: [(&str, &str); 5] = [
    ("items", "ANALYZE items"),
    ("versions", "ANALYZE versions"),
    ("links", "ANALYZE links"),
    ("drives", "ANALYZE drives"),
    ("loose_content", "ANALYZE loose_content"),
];
/// Of whose rows the half is new since PostgreSQL looked. Smaller ones are read whole without harm.
const GROWN: &str = "SELECT relname::text FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND n_mod_since_analyze >= 50 AND n_mod_since_analyze > n_live_tup / 2";

impl Store {
    /// Has PostgreSQL look at the tables that have grown. SQLite chooses right without.
    pub async fn look_at_grown_tables(&self) -> Result<()> {
        match &self.pools {
            Pools::Postgres { slow, .. } => look_at_grown_tables(slow).await,
            Pools::Sqlite { .. } => Ok(()),
        }
    }
}

async fn look_at_grown_tables(pool: &PgPool) -> Result<()> {
    let limit = statement::LONG_LIMIT;
    let grown: Vec<String> = statement::within(limit, sqlx::query_scalar(GROWN).fetch_all(pool)).await?;
    for (table, look) in TABLES {
        if grown.iter().any(|name| name == table) {
            statement::within(limit, sqlx::query(look).execute(pool)).await?;
        }
    }
    Ok(())
}
