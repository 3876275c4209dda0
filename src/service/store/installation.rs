//! What the database knows of the installation that it is the database of.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::error::Result;
use crate::service::store::statement::{Tx, execute, on, on_many};

#[derive(Clone, Debug, FromRow)]
pub struct InstallationRow {
    /// The id in the content store's marker.
    pub store_id: Uuid,
    pub is_marked: bool,
    /// How often it was recovered from a backup.
    pub incarnation: i64,
    /// Of the secret that signs tokens; none where no server has come yet.
    pub issuer_check: Option<String>,
}

/// A revoked link that the journal lacks.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct UnwrittenRevocation {
    #[sqlx(flatten)]
    pub item: ItemId,
    pub link_id: LinkId,
    pub at: Timestamp,
}

impl Tx {
    pub async fn installation(&mut self) -> Result<InstallationRow> {
        on!(self, |connection| sqlx::query_as(
            "SELECT store_id, is_marked, incarnation, issuer_check FROM installation WHERE one = 1"
        )
        .fetch_one(connection))
    }

    pub async fn set_marked(&mut self) -> Result<()> {
        execute!(self, sqlx::query("UPDATE installation SET is_marked = true WHERE one = 1"))?;
        Ok(())
    }

    /// Takes over the id of a store that was marked after this database was backed up.
    pub async fn set_store_id(&mut self, id: Uuid) -> Result<()> {
        execute!(self, sqlx::query("UPDATE installation SET store_id = $1 WHERE one = 1").bind(id))?;
        Ok(())
    }

    /// Keeps the first; later ones are held against it.
    pub async fn set_issuer_check(&mut self, check: &str) -> Result<()> {
        execute!(
            self,
            sqlx::query("UPDATE installation SET issuer_check = $1 WHERE one = 1 AND issuer_check IS NULL")
                .bind(check)
        )?;
        Ok(())
    }

    pub async fn replace_issuer_check(&mut self, check: &str) -> Result<()> {
        execute!(self, sqlx::query("UPDATE installation SET issuer_check = $1 WHERE one = 1").bind(check))?;
        Ok(())
    }

    /// Some contents that must be in the store.
    pub async fn some_contents(&mut self) -> Result<Vec<(DriveId, Uuid)>> {
        on_many!(self, |connection| sqlx::query_as(
            "SELECT v.drive_id, coalesce(p.piece_key, v.content_key)
             FROM versions v LEFT JOIN content_pieces p
               ON p.drive_id = v.drive_id AND p.content_key = v.content_key
             WHERE v.size > 0
               AND NOT EXISTS (SELECT 1 FROM outside_content o
                               WHERE o.drive_id = v.drive_id AND o.content_key = v.content_key)
             LIMIT 20"
        )
        .fetch_all(connection))
    }

    /// Begins another incarnation, in which numbers go on far beyond any that the lost one can have used, and nobody is
    /// signed in or in the midst of an upload. Gives its number.
    pub async fn begin_incarnation(&mut self, gap: i64) -> Result<i64> {
        execute!(
            self,
            sqlx::query("UPDATE counters SET next_item = next_item + $1, next_change = next_change + $1")
                .bind(gap)
        )?;
        for statement in [
            "DELETE FROM upload_ranges",
            "DELETE FROM uploads",
            "DELETE FROM sessions",
            "DELETE FROM sign_ins",
        ] {
            execute!(self, sqlx::query(statement))?;
        }
        on!(self, |connection| sqlx::query_scalar(
            "UPDATE installation SET incarnation = incarnation + 1 WHERE one = 1 RETURNING incarnation"
        )
        .fetch_one(connection))
    }

    /// Some of the revoked links that the journal lacks.
    pub async fn unwritten_revocations(&mut self, limit: i64) -> Result<Vec<UnwrittenRevocation>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, item_no, link_id, at FROM unwritten_revocations LIMIT $1"
        )
        .bind(limit)
        .fetch_all(connection))
    }

    pub async fn forget_unwritten_revocation(&mut self, drive: DriveId, link: LinkId) -> Result<()> {
        execute!(
            self,
            sqlx::query("DELETE FROM unwritten_revocations WHERE drive_id = $1 AND link_id = $2")
                .bind(drive)
                .bind(link)
        )?;
        Ok(())
    }
}
