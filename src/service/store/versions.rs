//! The contents that files have and had.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::identity::{Application, User};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{FileVersion, Item, Stamp};
use crate::error::Result;
use crate::service::store::change::Change;
use crate::service::store::statement::{Tx, execute, execute_many, on};
use crate::service::store::tree::Below;

/// A version as the list of versions shows it.
#[derive(FromRow)]
struct VersionRow {
    #[sqlx(flatten)]
    version: FileVersion,
    created_at: Timestamp,
    created_by: Option<String>,
    app_id: Option<String>,
    display_name: Option<String>,
}

impl Tx {
    /// Gives a file a new current version.
    pub async fn replace_content(
        &mut self,
        item: &Item,
        file: &FileVersion,
        change: Change<'_>,
    ) -> Result<()> {
        let id = item.id;
        self.insert_version(id, file, change).await?;
        let bytes = file.size - item.size();
        self.tell_above(item.folder()?, Below { bytes, ..Below::default() }).await?;
        execute!(
            self,
            sqlx::query(
                "UPDATE items SET current_version = $3, size = $4, mime_type = $5, content_key = $6,
                                  modified_at = $7, modified_by = $8, modified_app_no = $9, change_no = $10,
                                  quick_xor_hash = $11, sha1_hash = $12, sha256_hash = $13,
                                  client_modified_at = NULL
                 WHERE drive_id = $1 AND item_no = $2"
            )
            .bind(id.drive)
            .bind(id.number)
            .bind(file.number)
            .bind(file.size)
            .bind(&file.mime_type)
            .bind(file.content_key)
            .bind(change.at)
            .bind(change.by)
            .bind(change.app_no)
            .bind(change.number)
            .bind(&file.hashes.quick_xor)
            .bind(&file.hashes.sha1)
            .bind(&file.hashes.sha256)
        )?;
        Ok(())
    }

    pub(super) async fn insert_version(
        &mut self,
        id: ItemId,
        file: &FileVersion,
        change: Change<'_>,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO versions (drive_id, item_no, version_no, content_key, size, mime_type,
                                       quick_xor_hash, sha1_hash, sha256_hash, created_at, created_by, created_app_no)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
            )
            .bind(id.drive)
            .bind(id.number)
            .bind(file.number)
            .bind(file.content_key)
            .bind(file.size)
            .bind(&file.mime_type)
            .bind(&file.hashes.quick_xor)
            .bind(&file.hashes.sha1)
            .bind(&file.hashes.sha256)
            .bind(change.at)
            .bind(change.by)
            .bind(change.app_no)
        )?;
        Ok(())
    }

    /// Makes the first version of each of new files whose numbers follow each other, of what the items say.
    pub(super) async fn insert_first_versions(
        &mut self,
        drive: DriveId,
        first: i64,
        last: i64,
    ) -> Result<()> {
        execute_many!(
            self,
            sqlx::query(
                "INSERT INTO versions (drive_id, item_no, version_no, content_key, size, mime_type, quick_xor_hash,
                                       sha1_hash, sha256_hash, created_at, created_by, created_app_no)
                 SELECT drive_id, item_no, 1, content_key, size, mime_type, quick_xor_hash, sha1_hash, sha256_hash,
                        created_at, created_by, created_app_no
                 FROM items WHERE drive_id = $1 AND item_no BETWEEN $2 AND $3 AND kind = 'file'"
            )
            .bind(drive)
            .bind(first)
            .bind(last)
        )?;
        Ok(())
    }

    /// A file's versions before a number, the newest first; `limit` at most.
    pub async fn versions(
        &mut self,
        item: &Item,
        before: i64,
        limit: i64,
    ) -> Result<Vec<(FileVersion, Stamp)>> {
        let rows: Vec<VersionRow> = on!(self, |connection| {
            sqlx::query_as(
            "SELECT v.version_no, v.content_key, v.size, v.mime_type, v.quick_xor_hash, v.sha1_hash, v.sha256_hash,
                    v.created_at, v.created_by, a.app_id, a.display_name
             FROM versions v LEFT JOIN applications a ON a.app_no = v.created_app_no
             WHERE v.drive_id = $1 AND v.item_no = $2 AND v.version_no < $3
             ORDER BY v.version_no DESC LIMIT $4"
        )
        .bind(item.id.drive)
        .bind(item.id.number)
        .bind(before)
        .bind(limit)
        .fetch_all(connection)
        })?;
        let owner = item.drive.owner();
        let stamp = |row: VersionRow| {
            let stamp = Stamp {
                at: row.created_at,
                user: row
                    .created_by
                    .map(|id| if id == owner.id { owner.clone() } else { User { id, name: None } }),
                application: row.app_id.map(|id| Application { id, name: row.display_name }),
            };
            (row.version, stamp)
        };
        Ok(rows.into_iter().map(stamp).collect())
    }

    /// One version of a live file.
    pub async fn version(&mut self, id: ItemId, number: i64) -> Result<Option<FileVersion>> {
        on!(self, |connection| {
            sqlx::query_as(
            "SELECT v.version_no, v.content_key, v.size, v.mime_type, v.quick_xor_hash, v.sha1_hash, v.sha256_hash
             FROM versions v JOIN items i ON i.drive_id = v.drive_id AND i.item_no = v.item_no
             WHERE v.drive_id = $1 AND v.item_no = $2 AND v.version_no = $3 AND i.deleted_at IS NULL"
        )
        .bind(id.drive)
        .bind(id.number)
        .bind(number)
        .fetch_optional(connection)
        })
    }

    /// The number of a file's newest version.
    pub async fn newest_version(&mut self, id: ItemId) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT coalesce(max(version_no), 0) FROM versions WHERE drive_id = $1 AND item_no = $2"
        )
        .bind(id.drive)
        .bind(id.number)
        .fetch_one(connection))
    }

    /// Takes away a version that is not the current one. Its content goes with it, unless another version has the same.
    pub async fn delete_version(&mut self, id: ItemId, number: i64, at: Timestamp) -> Result<()> {
        let key: Option<Uuid> = on!(self, |connection| {
            sqlx::query_scalar(
            "DELETE FROM versions WHERE drive_id = $1 AND item_no = $2 AND version_no = $3 RETURNING content_key"
        )
        .bind(id.drive)
        .bind(id.number)
        .bind(number)
        .fetch_optional(connection)
        })?;
        if let Some(key) = key
            && !self.has_content(id, key).await?
        {
            self.leave_content(id.drive, key, at).await?;
        }
        Ok(())
    }
}
