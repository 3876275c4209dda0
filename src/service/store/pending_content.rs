//! Pending content, which no version names: an upload's until it commits, and what broken uploads left behind.
//!
//! The row is there before the first byte is, so that nothing in the content store is ever without
//! a row that names it.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::DriveId;
use crate::error::Result;
use crate::service::store::statement::{Tx, execute, on};

impl Tx {
    pub async fn insert_pending_content(&mut self, drive: DriveId, key: Uuid, now: Timestamp) -> Result<()> {
        execute!(
            self,
            sqlx::query("INSERT INTO loose_content (drive_id, content_key, since) VALUES ($1, $2, $3)")
                .bind(drive)
                .bind(key)
                .bind(now)
        )?;
        Ok(())
    }

    /// False where it was not pending any more: it was swept.
    pub async fn delete_pending_content(&mut self, drive: DriveId, key: Uuid) -> Result<bool> {
        let deleted = execute!(
            self,
            sqlx::query("DELETE FROM loose_content WHERE drive_id = $1 AND content_key = $2")
                .bind(drive)
                .bind(key)
        )?;
        Ok(deleted == 1)
    }

    /// Some of what has been pending since before `before`.
    pub async fn pending_content(&mut self, before: Timestamp) -> Result<Vec<(DriveId, Uuid)>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, content_key FROM loose_content WHERE since < $1 ORDER BY since LIMIT 100"
        )
        .bind(before)
        .fetch_all(connection))
    }
}
