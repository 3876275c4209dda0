//! The recycle bin: what is in it, and what leaves it.
//!
//! `deleted_with` is the number of the item that was deleted: an item's own, or that of a folder above it. It is 0
//! once the item is gone for good.

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId, LinkAt, LinkId};
use crate::domain::item::Item;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::domain::name::Name;
use crate::error::{Error, Result};
use crate::service::store::change::Change;
use crate::service::store::errors::name_taken;
use crate::service::store::items::Place;
use crate::service::store::statement::{Tx, execute, execute_for_items, fetch_for_items, on};
use crate::service::store::tree::Below;

impl Tx {
    /// What was deleted itself, the last first, with when that was, without those that so many are before.
    pub async fn in_bin(&mut self, drive: DriveId, before: i64, limit: i64) -> Result<Vec<(i64, Timestamp)>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT item_no, deleted_at FROM items WHERE drive_id = $1 AND deleted_with = item_no
             ORDER BY deleted_at DESC, item_no LIMIT $2 OFFSET $3"
        )
        .bind(drive)
        .bind(limit)
        .bind(before)
        .fetch_all(connection))
    }

    pub async fn count_in_bin(&mut self, drive: DriveId) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT count(*) FROM items WHERE drive_id = $1 AND deleted_with = item_no"
        )
        .bind(drive)
        .fetch_one(connection))
    }

    /// Whether the item itself was deleted, rather than a folder above it.
    pub async fn is_in_recycle_bin(&mut self, id: ItemId) -> Result<bool> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM items WHERE drive_id = $1 AND item_no = $2 AND deleted_with = $2)"
        )
        .bind(id.drive)
        .bind(id.number)
        .fetch_one(connection))
    }

    /// Gives an item in the recycle bin its place for when it comes back: the index on live names is to judge it
    /// where it will be.
    pub async fn place_deleted(&mut self, item: &Item, place: Place<'_>) -> Result<()> {
        let id = item.id;
        let path = self.path_of_placed(item, place.name).await?;
        self.check_path(place.folder, path).await?;
        execute!(
            self,
            sqlx::query(
                "UPDATE items SET parent_no = $3, name = $4, name_key = $5 WHERE drive_id = $1 AND item_no = $2"
            )
            .bind(id.drive)
            .bind(id.number)
            .bind(place.folder.number)
            .bind(place.name.as_str())
            .bind(place.name.key())
        )?;
        Ok(())
    }

    /// Takes an item out of the recycle bin, into the folder it has its place in; what went there with it is out
    /// already.
    pub async fn unmark_restored(&mut self, item: &Item, change: i64) -> Result<()> {
        let name = Name::parse(&item.name).map_err(Error::internal)?;
        let longest_path = Some(self.path_of_placed(item, &name).await?);
        self.tell_above(item.folder()?, Below { children: 1, bytes: item.size(), longest_path }).await?;
        self.change_bin(item.id.drive, -item.size()).await?;
        self.unmark_deleted(item.id, &[item.id.number], change).await
    }

    /// Puts items into the recycle bin, for the sake of one of them or of a folder above them. Those that are
    /// there already stay as they are.
    pub async fn mark_deleted(&mut self, with: ItemId, numbers: &[i64], change: Change<'_>) -> Result<()> {
        execute_for_items!(
            self,
            with.drive,
            numbers,
            "UPDATE items SET deleted_at = $3, deleted_with = $4, change_no = $5
              WHERE deleted_with IS NULL AND (drive_id, item_no) IN (ASKED)",
            change.at,
            with.number,
            change.number
        )?;
        Ok(())
    }

    /// Takes out of the recycle bin what went there with an item.
    pub async fn unmark_deleted(&mut self, with: ItemId, numbers: &[i64], change: i64) -> Result<()> {
        let restored = execute_for_items!(
            self,
            with.drive,
            numbers,
            "UPDATE items SET deleted_at = NULL, deleted_with = NULL, change_no = $4
              WHERE deleted_with = $3 AND (drive_id, item_no) IN (ASKED)",
            with.number,
            change
        );
        name_taken(restored)?;
        Ok(())
    }

    /// Those of some items that are in the recycle bin, and were there at a time.
    pub async fn still_in_bin(&mut self, drive: DriveId, numbers: &[i64], at: Timestamp) -> Result<Vec<i64>> {
        let rows: Vec<(i64,)> = fetch_for_items!(
            self,
            drive,
            numbers,
            "SELECT item_no FROM items
              WHERE (drive_id, item_no) IN (ASKED) AND deleted_at IS NOT NULL AND deleted_at <= $3",
            at
        )?;
        Ok(rows.into_iter().map(|(number,)| number).collect())
    }

    /// Takes items in the recycle bin away for good, one by one, without what is below them. What stays are rows
    /// without content that tell that the items are gone; their links end, and their ends are recorded.
    /// Gives which links those were.
    pub async fn clear(
        &mut self,
        drive: DriveId,
        numbers: &[i64],
        change: Change<'_>,
    ) -> Result<Vec<(LinkType, LinkScope)>> {
        self.clear_versions(drive, numbers, change.at).await?;
        execute_for_items!(
            self,
            drive,
            numbers,
            "UPDATE counters
             SET bytes_in_bin = bytes_in_bin - (SELECT coalesce(sum(size), 0) FROM items
                                                WHERE kind = 'file' AND (drive_id, item_no) IN (ASKED))
             WHERE drive_id = $1"
        )?;
        execute_for_items!(
            self,
            drive,
            numbers,
            "UPDATE items SET deleted_at = coalesce(deleted_at, $3), deleted_with = 0, size = 0, child_count = 0,
                               quick_xor_hash = NULL, sha1_hash = NULL, sha256_hash = NULL
              WHERE (drive_id, item_no) IN (ASKED)",
            change.at
        )?;
        // At last, so that links are among them that were made while the rest was done.
        self.revoke_links_of(drive, numbers, change).await
    }

    /// Ends all links of items. Gives which there were.
    pub async fn revoke_links_of(
        &mut self,
        drive: DriveId,
        numbers: &[i64],
        change: Change<'_>,
    ) -> Result<Vec<(LinkType, LinkScope)>> {
        let links: Vec<(i64, LinkId, i32)> = fetch_for_items!(
            self,
            drive,
            numbers,
            "SELECT item_no, link_id, app_no FROM links WHERE (drive_id, item_no) IN (ASKED)"
        )?;
        let mut revoked = Vec::new();
        for (number, link, app_no) in links {
            let by_app = change.app_no.or(Some(app_no));
            revoked.extend(
                self.revoke_link(
                    LinkAt { item: ItemId { drive, number }, link },
                    change.by,
                    by_app,
                    change.at,
                )
                .await?,
            );
        }
        Ok(revoked)
    }

    /// Counts bytes that come to the recycle bin, or leave it.
    pub async fn change_bin(&mut self, drive: DriveId, bytes: i64) -> Result<()> {
        execute!(
            self,
            sqlx::query("UPDATE counters SET bytes_in_bin = bytes_in_bin + $2 WHERE drive_id = $1")
                .bind(drive)
                .bind(bytes)
        )?;
        Ok(())
    }
}
