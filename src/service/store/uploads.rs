//! Upload sessions and the ranges they have received.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{ItemId, LinkAt, LinkId, UploadId};
use crate::domain::item::ClientProperties;
use crate::domain::upload::{Conflict, UploadSession};
use crate::error::Result;
use crate::service::store::statement::{Tx, execute, execute_many, on};

#[derive(FromRow)]
struct UploadRow {
    base_no: i64,
    path: String,
    conflict: Conflict,
    if_match: Option<String>,
    total: Option<i64>,
    received: i64,
    digests: Option<Vec<u8>>,
    ranges: i32,
    item_no: Option<i64>,
    made_item: bool,
    created_by: Option<String>,
    created_app_no: Option<i32>,
    link_id: Option<LinkId>,
    link_item_no: Option<i64>,
    client_created_at: Option<Timestamp>,
    client_modified_at: Option<Timestamp>,
    description: Option<String>,
    expires_at: Timestamp,
}

/// A range that has been received.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct UploadRange {
    pub size: i64,
    pub content_key: Uuid,
}

impl Tx {
    pub async fn insert_upload(&mut self, session: &UploadSession) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO uploads (drive_id, upload_id, base_no, path, conflict, if_match, received,
                                      created_by, created_app_no, link_id, link_item_no,
                                      client_created_at, client_modified_at, description,
                                      expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14)"
            )
            .bind(session.id.drive)
            .bind(session.id.upload)
            .bind(session.base.number)
            .bind(&session.path)
            .bind(session.conflict)
            .bind(&session.if_match)
            .bind(&session.created_by)
            .bind(session.created_app_no)
            .bind(session.through.map(|at| at.link))
            .bind(session.through.map(|at| at.item.number))
            .bind(session.properties.created_at)
            .bind(session.properties.modified_at)
            .bind(&session.properties.description)
            .bind(session.expires_at)
        )?;
        Ok(())
    }

    /// A session that has not expired.
    pub async fn upload(&mut self, id: UploadId, now: Timestamp) -> Result<Option<UploadSession>> {
        let row: Option<UploadRow> = on!(self, |connection| {
            sqlx::query_as(
                "SELECT base_no, path, conflict, if_match, total, received, digests, ranges, item_no, made_item,
                        created_by, created_app_no, link_id, link_item_no, client_created_at, client_modified_at,
                        description, expires_at
                 FROM uploads WHERE drive_id = $1 AND upload_id = $2 AND expires_at > $3",
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(now)
            .fetch_optional(connection)
        })?;
        Ok(row.map(|row| UploadSession {
            id,
            base: ItemId { drive: id.drive, number: row.base_no },
            path: row.path,
            conflict: row.conflict,
            if_match: row.if_match,
            total: row.total,
            received: row.received,
            digests: row.digests,
            ranges: row.ranges,
            completed: row.item_no.map(|number| (ItemId { drive: id.drive, number }, row.made_item)),
            created_by: row.created_by,
            created_app_no: row.created_app_no,
            through: row
                .link_item_no
                .zip(row.link_id)
                .map(|(number, link)| LinkAt { item: ItemId { drive: id.drive, number }, link }),
            properties: ClientProperties {
                created_at: row.client_created_at,
                modified_at: row.client_modified_at,
                description: row.description,
            },
            expires_at: row.expires_at,
        }))
    }

    /// Adds a range to a session that has received just what comes before it. False where it has not:
    /// the range, or another one, was faster.
    pub async fn add_upload_range(
        &mut self,
        id: UploadId,
        first_byte: i64,
        total: i64,
        range: UploadRange,
        digests: &[u8],
    ) -> Result<bool> {
        let updated = execute!(
            self,
            sqlx::query(
                "UPDATE uploads SET received = received + $4, total = $5, digests = $6, ranges = ranges + 1
                 WHERE drive_id = $1 AND upload_id = $2 AND received = $3 AND item_no IS NULL"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(first_byte)
            .bind(range.size)
            .bind(total)
            .bind(digests)
        )?;
        if updated == 0 {
            return Ok(false);
        }
        execute!(
            self,
            sqlx::query(
                "INSERT INTO upload_ranges (drive_id, upload_id, first_byte, size, content_key)
                 VALUES ($1, $2, $3, $4, $5)"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(first_byte)
            .bind(range.size)
            .bind(range.content_key)
        )?;
        Ok(true)
    }

    /// Keeps the digests of what a session has received, where it still is that.
    pub async fn keep_digests(&mut self, id: UploadId, received: i64, digests: &[u8]) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE uploads SET digests = $4 WHERE drive_id = $1 AND upload_id = $2 AND received = $3"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(received)
            .bind(digests)
        )?;
        Ok(())
    }

    /// The ranges of a session, in the file's order.
    pub async fn upload_ranges(&mut self, id: UploadId) -> Result<Vec<UploadRange>> {
        on!(self, |connection| {
            sqlx::query_as(
            "SELECT size, content_key FROM upload_ranges WHERE drive_id = $1 AND upload_id = $2 ORDER BY first_byte"
        )
        .bind(id.drive)
        .bind(id.upload)
        .fetch_all(connection)
        })
    }

    /// Ends a session well, which has received all: it has become a file. False where it is not there so.
    pub async fn complete_upload(&mut self, id: UploadId, item: ItemId, made_item: bool) -> Result<bool> {
        let completed = execute!(
            self,
            sqlx::query(
                "UPDATE uploads SET item_no = $3, made_item = $4, digests = NULL
                 WHERE drive_id = $1 AND upload_id = $2 AND received = total AND item_no IS NULL"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(item.number)
            .bind(made_item)
        )?;
        execute_many!(
            self,
            sqlx::query("DELETE FROM upload_ranges WHERE drive_id = $1 AND upload_id = $2")
                .bind(id.drive)
                .bind(id.upload)
        )?;
        Ok(completed == 1)
    }

    /// Ends a session; `received` is what it must have received. False where it is not there so.
    pub async fn delete_upload(&mut self, id: UploadId, received: i64) -> Result<bool> {
        let deleted = execute!(
            self,
            sqlx::query(
                "DELETE FROM uploads
                 WHERE drive_id = $1 AND upload_id = $2 AND received = $3 AND item_no IS NULL"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(received)
        )?;
        Ok(deleted == 1)
    }

    /// Ends sessions that have expired. Their ranges are swept as loose content.
    pub async fn delete_expired_uploads(&mut self, now: Timestamp) -> Result<()> {
        execute_many!(self, sqlx::query("DELETE FROM uploads WHERE expires_at <= $1").bind(now))?;
        Ok(())
    }
}
