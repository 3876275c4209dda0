//! The contents that the database knows of, to be held against what the content store has.

use std::collections::HashSet;

use sqlx::FromRow;
use uuid::Uuid;

use crate::domain::ids::{DriveId, ItemId};
use crate::error::Result;
use crate::service::store::statement::{Tx, on_many};

/// A content that versions name.
#[derive(Clone, Debug, FromRow)]
pub struct KnownContent {
    pub content_key: Uuid,
    pub size: i64,
    /// As it was when it was stored, upper-case hexadecimal.
    pub sha256_hash: Option<String>,
}

impl Tx {
    pub async fn drives(&mut self) -> Result<Vec<DriveId>> {
        on_many!(self, |connection| sqlx::query_scalar("SELECT drive_id FROM drives ORDER BY drive_id")
            .fetch_all(connection))
    }

    pub async fn bytes_of_versions(&mut self) -> Result<i64> {
        on_many!(self, |connection| sqlx::query_scalar(
            "SELECT CAST(coalesce(sum(size), 0) AS bigint) FROM versions"
        )
        .fetch_one(connection))
    }

    /// Each content that a drive's versions name, once.
    pub async fn contents_of(&mut self, drive: DriveId) -> Result<Vec<KnownContent>> {
        on_many!(self, |connection| {
            sqlx::query_as(
                "SELECT DISTINCT content_key, size, nullif(sha256_hash, '') AS sha256_hash
             FROM versions WHERE drive_id = $1",
            )
            .bind(drive)
            .fetch_all(connection)
        })
    }

    /// Contents of a drive that no version names, or not yet, and that are known all the same.
    pub async fn loose_contents_of(&mut self, drive: DriveId) -> Result<HashSet<Uuid>> {
        let keys: Vec<Uuid> = on_many!(self, |connection| sqlx::query_scalar(
            "SELECT content_key FROM loose_content WHERE drive_id = $1"
        )
        .bind(drive)
        .fetch_all(connection))?;
        Ok(keys.into_iter().collect())
    }

    /// The items that have a content, with the numbers of their versions.
    pub async fn versions_with(&mut self, drive: DriveId, key: Uuid) -> Result<Vec<(ItemId, i64)>> {
        let rows: Vec<(i64, i64)> = on_many!(self, |connection| sqlx::query_as(
            "SELECT item_no, version_no FROM versions WHERE drive_id = $1 AND content_key = $2
             ORDER BY item_no, version_no"
        )
        .bind(drive)
        .bind(key)
        .fetch_all(connection))?;
        Ok(rows.into_iter().map(|(number, version)| (ItemId { drive, number }, version)).collect())
    }

    /// Whether anything names a content.
    pub async fn knows_content(&mut self, drive: DriveId, key: Uuid) -> Result<bool> {
        on_many!(self, |connection| {
            sqlx::query_scalar(
            "SELECT count(*) > 0 FROM (SELECT content_key FROM versions WHERE drive_id = $1 AND content_key = $2
                                        UNION ALL
                                        SELECT content_key FROM loose_content
                                        WHERE drive_id = $1 AND content_key = $2
                                        UNION ALL
                                        SELECT p.piece_key FROM content_pieces p
                                        WHERE p.drive_id = $1 AND p.piece_key = $2
                                          AND (EXISTS (SELECT 1 FROM versions v WHERE v.drive_id = $1
                                                         AND v.content_key = p.content_key)
                                            OR EXISTS (SELECT 1 FROM loose_content l WHERE l.drive_id = $1
                                                         AND l.content_key = p.content_key))) known"
        )
        .bind(drive)
        .bind(key)
        .fetch_one(connection)
        })
    }
}
