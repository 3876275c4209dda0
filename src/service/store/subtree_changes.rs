//! Large folders that are deleted, restored or purged in slices, each a transaction of its own, so that nobody waits
//! for all of it. A row in `subtree_changes` tells that it is under way, and whoever finds it may go on with it.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::ids::ItemId;
use crate::error::Result;
use crate::service::store::change::Change;
use crate::service::store::statement::{Tx, execute, on};

/// What is done with a large folder, slice by slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum SubtreeWork {
    /// Puts all that is live into the recycle bin.
    Delete,
    /// Takes out of it what went there with the folder.
    Restore,
    /// Takes all away for good.
    Purge,
}

/// A change of a whole subtree that is under way.
#[derive(Clone, Debug, FromRow)]
pub struct SubtreeChange {
    pub work: SubtreeWork,
    pub actor: Option<String>,
    pub actor_app_no: Option<i32>,
    pub at: Timestamp,
}

impl Tx {
    /// Notes that a folder is too large for one transaction. Where it is deleted or restored, nothing else changes
    /// the drive's items until that is done. The drive's change is begun.
    pub async fn begin_subtree_change(
        &mut self,
        folder: ItemId,
        work: SubtreeWork,
        change: Change<'_>,
    ) -> Result<()> {
        if work != SubtreeWork::Purge {
            execute!(
                self,
                sqlx::query("UPDATE counters SET taken_by = $2 WHERE drive_id = $1")
                    .bind(folder.drive)
                    .bind(folder.number)
            )?;
        }
        execute!(
            self,
            sqlx::query(
                "INSERT INTO subtree_changes (drive_id, item_no, work, actor, actor_app_no, at, worked_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)"
            )
            .bind(folder.drive)
            .bind(folder.number)
            .bind(work)
            .bind(change.by)
            .bind(change.app_no)
            .bind(change.at)
            // A purge is for the server's own task, which takes it up at once.
            .bind((work != SubtreeWork::Purge).then_some(change.at))
        )?;
        Ok(())
    }

    pub async fn subtree_change(&mut self, folder: ItemId) -> Result<Option<SubtreeChange>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT work, actor, actor_app_no, at FROM subtree_changes WHERE drive_id = $1 AND item_no = $2"
        )
        .bind(folder.drive)
        .bind(folder.number)
        .fetch_optional(connection))
    }

    /// Some of the folders whose changes nobody has worked at since a time.
    pub async fn abandoned_subtree_changes(&mut self, since: Timestamp) -> Result<Vec<ItemId>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, item_no FROM subtree_changes WHERE worked_at IS NULL OR worked_at < $1
             ORDER BY at LIMIT 10"
        )
        .bind(since)
        .fetch_all(connection))
    }

    /// Begins the next slice of a folder's change, and gives its number. None where the change has ended.
    pub async fn begin_slice(
        &mut self,
        folder: ItemId,
        work: SubtreeWork,
        now: Timestamp,
    ) -> Result<Option<i64>> {
        // The counters first, as everywhere: they keep the drive's writers apart.
        let number = on!(self, |connection| {
            sqlx::query_scalar(
            "UPDATE counters SET next_change = next_change + 1 WHERE drive_id = $1 RETURNING next_change - 1"
        )
        .bind(folder.drive)
        .fetch_one(connection)
        })?;
        let is_under_way = execute!(
            self,
            sqlx::query(
                "UPDATE subtree_changes SET worked_at = $4 WHERE drive_id = $1 AND item_no = $2 AND work = $3"
            )
            .bind(folder.drive)
            .bind(folder.number)
            .bind(work)
            .bind(now)
        )?;
        Ok((is_under_way == 1).then_some(number))
    }

    pub async fn end_subtree_change(&mut self, folder: ItemId) -> Result<()> {
        execute!(
            self,
            sqlx::query("UPDATE counters SET taken_by = NULL WHERE drive_id = $1 AND taken_by = $2")
                .bind(folder.drive)
                .bind(folder.number)
        )?;
        execute!(
            self,
            sqlx::query("DELETE FROM subtree_changes WHERE drive_id = $1 AND item_no = $2")
                .bind(folder.drive)
                .bind(folder.number)
        )?;
        Ok(())
    }
}

impl SubtreeChange {
    /// Who changes the subtree, with the number of a slice.
    pub fn numbered(&self, number: i64) -> Change<'_> {
        Change { number, at: self.at, by: self.actor.as_deref(), app_no: self.actor_app_no }
    }
}
