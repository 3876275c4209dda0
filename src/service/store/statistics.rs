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
const TABLES: [(&str, &str); 11] = [
    ("items", "ANALYZE items"),
    ("versions", "ANALYZE versions"),
    ("links", "ANALYZE links"),
    ("drives", "ANALYZE drives"),
    ("loose_content", "ANALYZE loose_content"),
    ("shared_content", "ANALYZE shared_content"),
    ("content_pieces", "ANALYZE content_pieces"),
    ("outside_content", "ANALYZE outside_content"),
    ("outside_folders", "ANALYZE outside_folders"),
    ("uploads", "ANALYZE uploads"),
    ("upload_ranges", "ANALYZE upload_ranges"),
];
/// Of whose rows the half is new since PostgreSQL looked; smaller ones are read whole without harm. Only who owns a
/// table may have it looked at.
const GROWN: &str = "SELECT s.relname::text FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema() AND pg_has_role(c.relowner, 'USAGE')
      AND s.n_mod_since_analyze >= 50 AND s.n_mod_since_analyze > s.n_live_tup / 2";

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
