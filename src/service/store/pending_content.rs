//! Pending content, which no version names: an upload's until it commits, what broken uploads left behind, and what was
//! deleted for good. Each has a time at which it is taken away.
//!
//! The row is there before the first byte is, so that nothing in the content store is ever without
//! a row that names it.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::DriveId;
use crate::error::Result;
use crate::service::store::statement::{Tx, execute, on};

/// How long what was deleted for good may still be read by who began before.
const LAST_READS: TimeDelta = TimeDelta::minutes(5);
/// What is condemned is due since then, and becomes nothing else any more.
pub(super) const CONDEMNED: Timestamp = Timestamp::UNIX_EPOCH;

/// When the content of what is deleted at a time is taken away.
pub(super) fn read_until(deleted_at: Timestamp) -> Timestamp {
    deleted_at + LAST_READS
}

impl Tx {
    pub async fn insert_pending_content(
        &mut self,
        drive: DriveId,
        key: Uuid,
        due_at: Timestamp,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query("INSERT INTO loose_content (drive_id, content_key, due_at) VALUES ($1, $2, $3)")
                .bind(drive)
                .bind(key)
                .bind(due_at)
        )?;
        Ok(())
    }

    /// Content that was pending becomes a version's. False where it is not pending any more: it is being swept.
    pub async fn delete_pending_content(&mut self, drive: DriveId, key: Uuid) -> Result<bool> {
        let deleted = execute!(
            self,
            sqlx::query("DELETE FROM loose_content WHERE drive_id = $1 AND content_key = $2 AND due_at > $3")
                .bind(drive)
                .bind(key)
                .bind(CONDEMNED)
        )?;
        Ok(deleted == 1)
    }

    /// Lets pending content become nobody's any more: it is to be taken away now. False where it is not pending.
    pub async fn condemn_pending_content(&mut self, drive: DriveId, key: Uuid) -> Result<bool> {
        let condemned = execute!(
            self,
            sqlx::query("UPDATE loose_content SET due_at = $3 WHERE drive_id = $1 AND content_key = $2")
                .bind(drive)
                .bind(key)
                .bind(CONDEMNED)
        )?;
        Ok(condemned == 1)
    }

    /// The content store does not have it any more.
    pub async fn forget_pending_content(&mut self, drive: DriveId, key: Uuid) -> Result<()> {
        execute!(
            self,
            sqlx::query("DELETE FROM loose_content WHERE drive_id = $1 AND content_key = $2")
                .bind(drive)
                .bind(key)
        )?;
        Ok(())
    }

    /// Lets content be pending until another time than it was to be. False where it was swept.
    pub async fn keep_pending_content(
        &mut self,
        drive: DriveId,
        key: Uuid,
        due_at: Timestamp,
    ) -> Result<bool> {
        let kept = execute!(
            self,
            sqlx::query(
                "UPDATE loose_content SET due_at = $3 WHERE drive_id = $1 AND content_key = $2 AND due_at > $4"
            )
            .bind(drive)
            .bind(key)
            .bind(due_at)
            .bind(CONDEMNED)
        )?;
        Ok(kept == 1)
    }

    /// Some of what is to be taken away by now.
    pub async fn due_content(&mut self, now: Timestamp) -> Result<Vec<(DriveId, Uuid)>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, content_key FROM loose_content WHERE due_at <= $1 ORDER BY due_at LIMIT 100"
        )
        .bind(now)
        .fetch_all(connection))
    }
}
