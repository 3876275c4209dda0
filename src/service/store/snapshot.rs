//! What some drives held once, kept in tables beside the others to go back to. For programs under test, whose databases
//! are SQLite's.

use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::clock::Timestamp;
use crate::domain::ids::DriveId;
use crate::domain::item::Drive;
use crate::error::Result;
use crate::service::store::pending_content::read_until;
use crate::service::store::statement::{Tx, execute, on};

/// Tables of what drives hold, by the drive. Drives themselves stay; so does what is to be swept, or written down.
const TABLES: &str = "
    SELECT t.name FROM sqlite_schema t CROSS JOIN pragma_table_info(t.name) c
    WHERE t.type = 'table' AND c.name = 'drive_id' AND t.name NOT LIKE 'kept\\_%' ESCAPE '\\'
      AND t.name NOT IN ('drives', 'loose_content', 'content_pieces', 'unwritten_revocations')";

impl Tx {
    /// All drives of a tenant.
    pub async fn drives_of_tenant(&mut self, tenant: &str) -> Result<Vec<Drive>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, tenant, owner, owner_name FROM drives WHERE tenant = $1 ORDER BY drive_id"
        )
        .bind(tenant)
        .fetch_all(connection))
    }

    /// All tenants that have drives.
    pub async fn tenants(&mut self) -> Result<Vec<String>> {
        on!(self, |connection| sqlx::query_scalar("SELECT DISTINCT tenant FROM drives ORDER BY tenant")
            .fetch_all(connection))
    }

    /// Whether something was kept of a tenant, be it that it had nothing.
    pub async fn is_kept(&mut self, tenant: &str) -> Result<bool> {
        self.make_tenants_table().await?;
        on!(self, |connection| sqlx::query_scalar("SELECT count(*) > 0 FROM kept_tenants WHERE tenant = $1")
            .bind(tenant)
            .fetch_one(connection))
    }

    async fn make_tenants_table(&mut self) -> Result<()> {
        let table = "CREATE TABLE IF NOT EXISTS kept_tenants (tenant text PRIMARY KEY) STRICT";
        execute!(self, sqlx::query(table))?;
        Ok(())
    }

    async fn tables(&mut self) -> Result<Vec<String>> {
        on!(self, |connection| sqlx::query_scalar(TABLES).fetch_all(connection))
    }

    /// Runs a statement on some drives, `$1`, for each table; `TABLE` in its text is the table's name.
    async fn for_each_table(&mut self, drives: &[DriveId], statement: &str) -> Result<()> {
        let drives = json!(drives.iter().map(|drive| drive.to_i64()).collect::<Vec<_>>()).to_string();
        for table in self.tables().await? {
            // The names are the schema's own.
            let text = statement.replace("TABLE", &table);
            execute!(self, sqlx::query(AssertSqlSafe(text)).bind(&drives))?;
        }
        Ok(())
    }

    /// Makes the tables of what is kept, where they are not there.
    async fn make_kept_tables(&mut self) -> Result<()> {
        for table in self.tables().await? {
            // With the same columns in the same order, so that rows go back and forth as they are.
            let text =
                format!("CREATE TABLE IF NOT EXISTS kept_{table} AS SELECT * FROM {table} WHERE false");
            execute!(self, sqlx::query(AssertSqlSafe(text)))?;
        }
        Ok(())
    }

    /// Keeps what a tenant's drives hold, as it is now.
    pub async fn keep_drives(&mut self, tenant: &str, drives: &[DriveId]) -> Result<()> {
        self.make_kept_tables().await?;
        // What is kept has its contents for good: as if one more item had them.
        let numbers = json!(drives.iter().map(|drive| drive.to_i64()).collect::<Vec<_>>()).to_string();
        execute!(
            self,
            sqlx::query(
                "INSERT INTO shared_content (drive_id, content_key, owners)
                 SELECT drive_id, content_key, 2 FROM versions
                 WHERE drive_id IN (SELECT value FROM json_each($1)) GROUP BY drive_id, content_key
                 ON CONFLICT (drive_id, content_key) DO UPDATE SET owners = shared_content.owners + 1"
            )
            .bind(&numbers)
        )?;
        self.for_each_table(drives, &format!("DELETE FROM kept_TABLE {OF_DRIVES}")).await?;
        self.for_each_table(drives, &format!("INSERT INTO kept_TABLE SELECT * FROM TABLE {OF_DRIVES}"))
            .await?;
        self.make_tenants_table().await?;
        execute!(
            self,
            sqlx::query("INSERT INTO kept_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING").bind(tenant)
        )?;
        Ok(())
    }

    /// Lets drives hold again what was kept of them; nothing but an empty root, of which nothing was.
    pub async fn restore_drives(&mut self, drives: &[Drive], now: Timestamp) -> Result<()> {
        self.make_kept_tables().await?;
        let ids: Vec<DriveId> = drives.iter().map(|drive| drive.id).collect();
        let numbers = json!(ids.iter().map(|drive| drive.to_i64()).collect::<Vec<_>>()).to_string();
        execute!(self, sqlx::query("PRAGMA defer_foreign_keys = ON"))?;
        execute!(
            self,
            sqlx::query(
                "INSERT INTO loose_content (drive_id, content_key, due_at)
                 SELECT DISTINCT v.drive_id, v.content_key, $2 FROM versions v
                 WHERE v.drive_id IN (SELECT value FROM json_each($1))
                   AND NOT EXISTS (SELECT 1 FROM kept_versions k
                                   WHERE k.drive_id = v.drive_id AND k.content_key = v.content_key)
                 ON CONFLICT DO NOTHING"
            )
            .bind(&numbers)
            .bind(read_until(now))
        )?;
        self.for_each_table(&ids, &format!("DELETE FROM TABLE {OF_DRIVES}")).await?;
        self.for_each_table(&ids, &format!("INSERT INTO TABLE SELECT * FROM kept_TABLE {OF_DRIVES}")).await?;
        for drive in drives {
            let has_root: bool = on!(self, |connection| sqlx::query_scalar(
                "SELECT count(*) > 0 FROM counters WHERE drive_id = $1"
            )
            .bind(drive.id)
            .fetch_one(connection))?;
            if !has_root {
                self.insert_root(drive, now).await?;
            }
        }
        Ok(())
    }
}

const OF_DRIVES: &str = "WHERE drive_id IN (SELECT value FROM json_each($1))";
