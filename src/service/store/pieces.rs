//! The pieces of contents that are lists of them.

use sqlx::FromRow;
use uuid::Uuid;

use crate::domain::ids::{DriveId, UploadId};
use crate::error::Result;
use crate::service::store::pending_content::CONDEMNED;
use crate::service::store::statement::{Tx, execute, execute_many, on, on_many};

/// A piece of a content.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Piece {
    /// Where in the content it starts.
    pub first_byte: i64,
    pub size: i64,
    pub piece_key: Uuid,
}

impl Tx {
    /// Pieces of a content from the one that has a byte, in the content's order: so many at most.
    pub async fn pieces_from(
        &mut self,
        drive: DriveId,
        key: Uuid,
        byte: i64,
        most: i64,
    ) -> Result<Vec<Piece>> {
        on!(self, |connection| {
            sqlx::query_as(
                "SELECT first_byte, size, piece_key FROM content_pieces
                 WHERE drive_id = $1 AND content_key = $2
                   AND first_byte >= (SELECT max(first_byte) FROM content_pieces
                                      WHERE drive_id = $1 AND content_key = $2 AND first_byte <= $3)
                 ORDER BY first_byte LIMIT $4",
            )
            .bind(drive)
            .bind(key)
            .bind(byte)
            .bind(most)
            .fetch_all(connection)
        })
    }

    /// The first pieces that a content has left.
    pub async fn first_pieces(&mut self, drive: DriveId, key: Uuid, most: i64) -> Result<Vec<Piece>> {
        on!(self, |connection| {
            sqlx::query_as(
                "SELECT first_byte, size, piece_key FROM content_pieces
                 WHERE drive_id = $1 AND content_key = $2 ORDER BY first_byte LIMIT $3",
            )
            .bind(drive)
            .bind(key)
            .bind(most)
            .fetch_all(connection)
        })
    }

    /// Makes what a session has received a content's list. False where some of it was swept in the meantime.
    pub async fn list_pieces(&mut self, id: UploadId, key: Uuid) -> Result<bool> {
        let listed = execute_many!(
            self,
            sqlx::query(
                "INSERT INTO content_pieces (drive_id, content_key, first_byte, size, piece_key)
                 SELECT drive_id, $3, first_byte, size, content_key FROM upload_ranges
                 WHERE drive_id = $1 AND upload_id = $2"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(key)
        )?;
        let taken = execute_many!(
            self,
            sqlx::query(
                "DELETE FROM loose_content
                 WHERE drive_id = $1 AND due_at > $3
                   AND content_key IN (SELECT content_key FROM upload_ranges
                                       WHERE drive_id = $1 AND upload_id = $2)"
            )
            .bind(id.drive)
            .bind(id.upload)
            .bind(CONDEMNED)
        )?;
        Ok(listed == taken)
    }

    /// Forgets a content's pieces up to the one that starts at a byte.
    pub async fn forget_pieces(&mut self, drive: DriveId, key: Uuid, up_to: i64) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "DELETE FROM content_pieces WHERE drive_id = $1 AND content_key = $2 AND first_byte <= $3"
            )
            .bind(drive)
            .bind(key)
            .bind(up_to)
        )?;
        Ok(())
    }

    /// The keys of all pieces of a drive's contents that something names.
    pub async fn pieces_of(&mut self, drive: DriveId) -> Result<Vec<Uuid>> {
        on_many!(self, |connection| {
            sqlx::query_scalar(
            "SELECT piece_key FROM content_pieces
             WHERE drive_id = $1 AND content_key IN (SELECT content_key FROM versions WHERE drive_id = $1
                                                     UNION
                                                     SELECT content_key FROM loose_content WHERE drive_id = $1)"
        )
        .bind(drive)
        .fetch_all(connection)
        })
    }
}
