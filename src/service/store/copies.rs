//! Copies: many items in one statement, which name the contents of what they are copies of. What several items name is
//! counted, and goes with the last of them.

use futures_util::TryFutureExt;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId};
use crate::error::Result;
use crate::service::store::change::Change;
use crate::service::store::errors::name_taken;
use crate::service::store::pending_content::read_until;
use crate::service::store::statement::{
    LONG_LIMIT, Tx, TxConnection, execute, execute_for_items, on, within_step,
};

/// A live item, and the number and the folder that its copy is to have.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    pub from: i64,
    pub number: i64,
    pub folder: i64,
}

/// What the first of some copies is called; the others keep their names.
#[derive(Clone, Copy, Debug)]
pub struct FirstName<'a> {
    pub name: &'a str,
    pub key: &'a str,
    /// None for a folder.
    pub mime_type: Option<&'a str>,
}

/// After `FROM`: what is copied, `c`, with the places of the copies.
const INSERT_COPIES: &str = "
    INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, current_version, size, mime_type,
                       content_key, created_at, created_by, created_app_no, modified_at, modified_by,
                       modified_app_no, change_no, quick_xor_hash, sha1_hash, sha256_hash, child_count, longest_path)
    SELECT i.drive_id, c.item_no, c.parent_no,
           CASE WHEN c.item_no = $2 THEN $3 ELSE i.name END, CASE WHEN c.item_no = $2 THEN $4 ELSE i.name_key END,
           i.kind, CASE i.kind WHEN 'file' THEN 1 END, i.size,
           CASE WHEN c.item_no = $2 THEN $5 ELSE i.mime_type END, i.content_key,
           $6, $7, $8, $6, $7, $8, $9, i.quick_xor_hash, i.sha1_hash, i.sha256_hash, i.child_count, i.longest_path
    FROM (COPIED) c CROSS JOIN items i
    WHERE i.drive_id = c.drive_id AND i.item_no = c.from_no";
const ON_POSTGRES: &str = const_format::str_replace!(
    INSERT_COPIES,
    "COPIED",
    "SELECT $1 AS drive_id, unnest($10) AS from_no, unnest($11) AS item_no, unnest($12) AS parent_no"
);
const ON_SQLITE: &str = const_format::str_replace!(
    INSERT_COPIES,
    "COPIED",
    "SELECT $1 AS drive_id, value ->> 0 AS from_no, value ->> 1 AS item_no, value ->> 2 AS parent_no
     FROM json_each($10)"
);

impl Tx {
    /// Takes so many numbers of a drive for items that are to come; gives the first.
    pub async fn take_item_numbers(&mut self, drive: DriveId, count: i64) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "UPDATE counters SET next_item = next_item + $2 WHERE drive_id = $1 RETURNING next_item - $2"
        )
        .bind(drive)
        .bind(count)
        .fetch_one(connection))
    }

    /// Copies items, whose numbers follow each other. The drive's change is begun, the first one's name known to be
    /// free, and the folders above it told of all of them.
    pub async fn insert_copies(
        &mut self,
        drive: DriveId,
        copied: &[Copied],
        first: FirstName<'_>,
        change: Change<'_>,
    ) -> Result<()> {
        let (Some(one), Some(last)) = (copied.first(), copied.last()) else { return Ok(()) };
        self.allow_long_statements().await?;
        macro_rules! insert {
            ($text:expr, $tx:expr, $($copied:expr),*) => {
                within_step(
                    self.step,
                    LONG_LIMIT,
                    sqlx::query($text)
                        .bind(drive)
                        .bind(one.number)
                        .bind(first.name)
                        .bind(first.key)
                        .bind(first.mime_type)
                        .bind(change.at)
                        .bind(change.by)
                        .bind(change.app_no)
                        .bind(change.number)
                        $(.bind($copied))*
                        .execute(&mut **$tx),
                )
                .await
                .map(|done| done.rows_affected())
            };
        }
        let column = |value: fn(&Copied) -> i64| copied.iter().map(value).collect::<Vec<i64>>();
        let inserted = match &mut self.connection {
            TxConnection::Postgres(tx) => {
                insert!(ON_POSTGRES, tx, column(|c| c.from), column(|c| c.number), column(|c| c.folder))
            }
            TxConnection::Sqlite(tx) => {
                let rows: Vec<[i64; 3]> = copied.iter().map(|c| [c.from, c.number, c.folder]).collect();
                insert!(ON_SQLITE, tx, serde_json::json!(rows).to_string())
            }
        };
        name_taken(inserted)?;
        self.insert_first_versions(drive, one.number, last.number).await?;
        // What had one owner is not counted yet: it has that one, too.
        on!(self, LONG_LIMIT, |connection| {
            sqlx::query(
            "INSERT INTO shared_content (drive_id, content_key, owners)
             SELECT drive_id, content_key, count(*) + 1 FROM items
             WHERE drive_id = $1 AND item_no BETWEEN $2 AND $3 AND kind = 'file' GROUP BY drive_id, content_key
             ON CONFLICT (drive_id, content_key) DO UPDATE SET owners = shared_content.owners + excluded.owners - 1"
        )
        .bind(drive)
        .bind(one.number)
        .bind(last.number)
        .execute(connection)
        .map_ok(|_| ())
        })?;
        Ok(())
    }

    /// Counts that one more item has a content, which it had not before.
    pub async fn share_content(&mut self, drive: DriveId, key: Uuid) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO shared_content (drive_id, content_key, owners) VALUES ($1, $2, 2)
                 ON CONFLICT (drive_id, content_key) DO UPDATE SET owners = shared_content.owners + 1"
            )
            .bind(drive)
            .bind(key)
        )?;
        Ok(())
    }

    /// Whether a version of an item has a content.
    pub async fn has_content(&mut self, id: ItemId, key: Uuid) -> Result<bool> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT count(*) > 0 FROM versions WHERE drive_id = $1 AND item_no = $2 AND content_key = $3"
        )
        .bind(id.drive)
        .bind(id.number)
        .bind(key)
        .fetch_one(connection))
    }

    /// Takes all versions of items away. Contents that no other item has are due to go, too.
    pub(super) async fn clear_versions(
        &mut self,
        drive: DriveId,
        numbers: &[i64],
        at: Timestamp,
    ) -> Result<()> {
        execute_for_items!(
            self,
            drive,
            numbers,
            "INSERT INTO loose_content (drive_id, content_key, due_at)
              SELECT DISTINCT v.drive_id, v.content_key, $3 FROM versions v
              WHERE (v.drive_id, v.item_no) IN (ASKED)
                AND NOT EXISTS (SELECT 1 FROM shared_content s
                                WHERE s.drive_id = v.drive_id AND s.content_key = v.content_key)",
            read_until(at)
        )?;
        let shared = execute_for_items!(
            self,
            drive,
            numbers,
            "UPDATE shared_content SET owners = owners - gone.items
              FROM (SELECT drive_id, content_key, count(DISTINCT item_no) AS items FROM versions
                    WHERE (drive_id, item_no) IN (ASKED) GROUP BY drive_id, content_key) gone
              WHERE shared_content.drive_id = gone.drive_id AND shared_content.content_key = gone.content_key
                AND shared_content.content_key IN (SELECT content_key FROM versions
                                                   WHERE (drive_id, item_no) IN (ASKED))"
        )?;
        execute_for_items!(
            self,
            drive,
            numbers,
            "DELETE FROM versions WHERE (drive_id, item_no) IN (ASKED)"
        )?;
        if shared > 0 {
            self.loosen_content_without_owner(drive, at).await?;
        }
        Ok(())
    }

    /// Takes a content from one of the items that have it. Where no other has it, it is due to go.
    pub async fn leave_content(&mut self, drive: DriveId, key: Uuid, at: Timestamp) -> Result<()> {
        let shared = execute!(
            self,
            sqlx::query(
                "UPDATE shared_content SET owners = owners - 1 WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(drive)
            .bind(key)
        )?;
        if shared == 0 {
            return self.insert_pending_content(drive, key, read_until(at)).await;
        }
        self.loosen_content_without_owner(drive, at).await
    }

    async fn loosen_content_without_owner(&mut self, drive: DriveId, at: Timestamp) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO loose_content (drive_id, content_key, due_at)
                 SELECT drive_id, content_key, $2 FROM shared_content WHERE drive_id = $1 AND owners <= 0"
            )
            .bind(drive)
            .bind(read_until(at))
        )?;
        execute!(
            self,
            sqlx::query("DELETE FROM shared_content WHERE drive_id = $1 AND owners <= 0").bind(drive)
        )?;
        Ok(())
    }
}
