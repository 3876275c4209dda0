//! Contents that are outside of the content store: where each is, and what it looked like.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryFutureExt;
use quick_cache::sync::Cache;
use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{FileVersion, Hashes};
use crate::domain::outside::{Place, Seen, place_of};
use crate::error::{Error, Result};
use crate::service::store::Store;
use crate::service::store::statement::{Tx, execute, fetch_for_items, on, on_many};

/// A content that is outside.
#[derive(Clone, Debug, FromRow)]
pub struct OutsideContent {
    root: String,
    pub import_no: i64,
    /// The item that it was made for; a copy has it, too.
    item_no: i64,
    pub path: String,
    location: Option<String>,
    #[sqlx(flatten)]
    pub seen: Seen,
    pub is_latest: bool,
    pub missing_since: Option<Timestamp>,
}

impl OutsideContent {
    /// For another content of an item. What a copy has is not what its path shows: that is the original's.
    pub fn of_item(&self, item: ItemId) -> PlaceInImport<'_> {
        let (location, is_latest) = (self.location.as_deref(), self.is_latest && self.item_no == item.number);
        PlaceInImport { import_no: self.import_no, path: &self.path, location, is_latest }
    }

    /// Where it is.
    pub fn place(&self) -> Result<Place> {
        match &self.location {
            None => Ok(Place { root: self.root.clone(), path: self.path.clone() }),
            Some(location) => {
                place_of(location).ok_or_else(|| Error::internal(format!("{location} is no place")))
            }
        }
    }
}

/// How many contents are remembered, how long, and how many bytes the places of one have at most.
const REMEMBERED: usize = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(5);
const PLACE_LIMIT: usize = 1_000;

/// Where contents were a moment ago: files that many open are looked at without another question to the database.
pub(super) struct KnownPlaces(Cache<(DriveId, Uuid), (Instant, Arc<OutsideContent>)>);

impl Default for KnownPlaces {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Store {
    /// A content as it was a moment ago, if that is remembered. It may be elsewhere by now: whoever does not find there
    /// what was seen asks for it anew.
    pub fn recent_outside_content(&self, drive: DriveId, key: Uuid) -> Option<Arc<OutsideContent>> {
        let (asked_at, known) = self.places.0.get(&(drive, key))?;
        (asked_at.elapsed() < REMEMBERED_FOR).then_some(known)
    }

    /// It is not as it was: once it is again, there is something to be written down.
    pub fn forget_recent(&self, drive: DriveId, key: Uuid) {
        self.places.0.remove(&(drive, key));
    }

    pub async fn outside_content(&self, drive: DriveId, key: Uuid) -> Result<Option<Arc<OutsideContent>>> {
        let asked_at = Instant::now();
        let known = self.read("outside_content").await?.outside_content(drive, key).await?.map(Arc::new);
        if let Some(known) = &known
            && known.missing_since.is_none()
            && known.root.len() + known.path.len() + known.location.as_ref().map_or(0, String::len)
                < PLACE_LIMIT
        {
            self.places.0.insert((drive, key), (asked_at, known.clone()));
        }
        Ok(known)
    }
}

/// Where a content is, as its import has it.
#[derive(Clone, Copy, Debug)]
pub struct PlaceInImport<'a> {
    pub import_no: i64,
    pub path: &'a str,
    pub location: Option<&'a str>,
    /// Whether it is what is seen at the path; a copy's is not.
    pub is_latest: bool,
}

/// A folder that uploads are written to.
#[derive(Clone, Debug, FromRow)]
pub struct ThroughFolder {
    pub item_no: i64,
    pub import_no: i64,
    pub path: String,
    pub root: String,
}

#[derive(FromRow)]
struct LatestRow {
    import_no: i64,
    root: String,
    path: String,
    #[sqlx(flatten)]
    seen: Seen,
}

/// A content whose digests are to be computed.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Undigested {
    #[sqlx(rename = "drive_id")]
    pub drive: DriveId,
    #[sqlx(rename = "content_key")]
    pub key: Uuid,
}

impl Tx {
    async fn outside_content(&mut self, drive: DriveId, key: Uuid) -> Result<Option<OutsideContent>> {
        on!(self, |connection| {
            sqlx::query_as(
            "SELECT n.root, o.import_no, o.item_no, o.path, o.location, o.size, o.modified_ns, o.unit_ns, o.etag,
                    o.inode, o.born_ns, o.is_latest, o.missing_since
             FROM outside_content o JOIN imports n ON n.drive_id = o.drive_id AND n.import_no = o.import_no
             WHERE o.drive_id = $1 AND o.content_key = $2"
        )
        .bind(drive)
        .bind(key)
        .fetch_optional(connection)
        })
    }

    /// Notes since when a content is not there; none where it is again.
    pub async fn set_missing(&mut self, drive: DriveId, key: Uuid, since: Option<Timestamp>) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET missing_since = $3 WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(drive)
            .bind(key)
            .bind(since)
        )?;
        Ok(())
    }

    /// Keeps how a content looks that was only told of so far.
    pub async fn set_seen(&mut self, drive: DriveId, key: Uuid, seen: &Seen) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET modified_ns = $3, unit_ns = $4, etag = $5, inode = $6, born_ns = $7
                 WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(drive)
            .bind(key)
            .bind(seen.modified_ns)
            .bind(seen.unit_ns)
            .bind(&seen.etag)
            .bind(seen.inode)
            .bind(seen.born_ns)
        )?;
        Ok(())
    }

    /// Another content at the same place as one, which is an item's.
    pub async fn insert_outside_content(
        &mut self,
        item: ItemId,
        key: Uuid,
        old: Uuid,
        at: PlaceInImport<'_>,
        seen: &Seen,
    ) -> Result<()> {
        // Its bytes are nowhere any more: there is nothing to be digested.
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_latest = is_latest AND NOT $3, missing_since = NULL, is_digested = TRUE
                 WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(item.drive)
            .bind(old)
            .bind(at.is_latest)
        )?;
        execute!(
            self,
            sqlx::query(
                "INSERT INTO outside_content (drive_id, content_key, import_no, item_no, path, location, size,
                                              modified_ns, unit_ns, etag, inode, born_ns, is_latest, is_digested,
                                              is_binned)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, FALSE, FALSE)"
            )
            .bind(item.drive)
            .bind(key)
            .bind(at.import_no)
            .bind(item.number)
            .bind(at.path)
            .bind(at.location)
            .bind(seen.size)
            .bind(seen.modified_ns)
            .bind(seen.unit_ns)
            .bind(&seen.etag)
            .bind(seen.inode)
            .bind(seen.born_ns)
            .bind(at.is_latest)
        )?;
        Ok(())
    }

    /// The content stays where it is; nothing names it any more.
    pub async fn forget_outside_content(&mut self, drive: DriveId, key: Uuid) -> Result<()> {
        execute!(
            self,
            sqlx::query("DELETE FROM outside_content WHERE drive_id = $1 AND content_key = $2")
                .bind(drive)
                .bind(key)
        )?;
        Ok(())
    }

    /// Some contents whose digests are not known, after one of them.
    pub async fn undigested(&mut self, after: Option<Undigested>, limit: i64) -> Result<Vec<Undigested>> {
        // To the database a drive is a number with a sign.
        let first = DriveId::from_bytes(i64::MIN.to_be_bytes());
        let (drive, key) = after.map_or((first, Uuid::nil()), |at| (at.drive, at.key));
        on!(self, |connection| {
            sqlx::query_as(
                "SELECT drive_id, content_key FROM outside_content
                 WHERE NOT is_digested AND missing_since IS NULL AND (drive_id, content_key) > ($1, $2)
                 ORDER BY drive_id, content_key LIMIT $3",
            )
            .bind(drive)
            .bind(key)
            .bind(limit)
            .fetch_all(connection)
        })
    }

    /// Keeps a content's digests, where versions and items have it. The drive's change is begun.
    pub async fn set_digests(
        &mut self,
        drive: DriveId,
        key: Uuid,
        hashes: &Hashes,
        change: i64,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_digested = TRUE WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(drive)
            .bind(key)
        )?;
        let items: HashSet<i64> = on!(self, |connection| {
            sqlx::query_scalar(
                "UPDATE versions SET quick_xor_hash = $3, sha1_hash = $4, sha256_hash = $5
                 WHERE drive_id = $1 AND content_key = $2 AND quick_xor_hash = '' RETURNING item_no",
            )
            .bind(drive)
            .bind(key)
            .bind(&hashes.quick_xor)
            .bind(&hashes.sha1)
            .bind(&hashes.sha256)
            .fetch_all(connection)
            .map_ok(HashSet::from_iter)
        })?;
        for item in items {
            execute!(
                self,
                sqlx::query(
                    "UPDATE items SET quick_xor_hash = $4, sha1_hash = $5, sha256_hash = $6, change_no = $7
                     WHERE drive_id = $1 AND item_no = $2 AND content_key = $3"
                )
                .bind(drive)
                .bind(item)
                .bind(key)
                .bind(&hashes.quick_xor)
                .bind(&hashes.sha1)
                .bind(&hashes.sha256)
                .bind(change)
            )?;
        }
        Ok(())
    }

    /// The drives with folders that uploads are written to.
    pub async fn written_through(&mut self) -> Result<Vec<DriveId>> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT DISTINCT drive_id FROM imports WHERE writes_through"
        )
        .fetch_all(connection))
    }

    /// Live files of a drive below such folders whose contents are newer than the import, and still in the content
    /// store.
    pub async fn not_written_through(&mut self, drive: DriveId) -> Result<Vec<i64>> {
        on_many!(self, |connection| {
            sqlx::query_scalar(
                "WITH RECURSIVE down (drive_id, item_no, since) AS (
                     SELECT f.drive_id, f.item_no, n.created_at FROM imports n CROSS JOIN outside_folders f
                     WHERE n.drive_id = $1 AND n.writes_through
                       AND f.drive_id = n.drive_id + 0 AND f.import_no = n.import_no
                     UNION
                     SELECT i.drive_id, i.item_no, down.since FROM down CROSS JOIN items i
                     WHERE i.drive_id = down.drive_id AND i.parent_no = down.item_no AND i.kind = 'folder'
                       AND i.deleted_at IS NULL AND i.created_at >= down.since
                 )
                 SELECT DISTINCT i.item_no FROM down CROSS JOIN items i CROSS JOIN versions v
                 WHERE i.drive_id = down.drive_id AND i.parent_no = down.item_no AND i.kind = 'file'
                   AND i.deleted_at IS NULL
                   AND v.drive_id = i.drive_id AND v.item_no = i.item_no AND v.version_no = i.current_version
                   AND v.created_at >= down.since
                   AND NOT EXISTS (SELECT 1 FROM outside_content o
                                   WHERE o.drive_id = i.drive_id + 0 AND o.content_key = i.content_key)",
            )
            .bind(drive)
            .fetch_all(connection)
        })
    }

    /// Where an item's file is in a folder that uploads are written to: the import, its root, the path, and how it
    /// looked last.
    pub async fn latest_outside(&mut self, id: ItemId) -> Result<Option<(i64, String, String, Seen)>> {
        let row: Option<LatestRow> = on!(self, |connection| {
            sqlx::query_as(
                "SELECT o.import_no, n.root, o.path, o.size, o.modified_ns, o.unit_ns, o.etag, o.inode, o.born_ns
                 FROM versions v CROSS JOIN outside_content o CROSS JOIN imports n
                 WHERE v.drive_id = $1 AND v.item_no = $2
                   AND o.drive_id = v.drive_id + 0 AND o.content_key = v.content_key AND o.item_no = $2 AND o.is_latest
                   AND o.location IS NULL
                   AND n.drive_id = o.drive_id + 0 AND n.import_no = o.import_no AND n.writes_through",
            )
            .bind(id.drive)
            .bind(id.number)
            .fetch_optional(connection)
        })?;
        Ok(row.map(|row| (row.import_no, row.root, row.path, row.seen)))
    }

    /// Which of some folders are such folders.
    pub async fn through_folders(&mut self, drive: DriveId, folders: &[i64]) -> Result<Vec<ThroughFolder>> {
        fetch_for_items!(
            self,
            drive,
            folders,
            "SELECT f.item_no, f.import_no, f.path, n.root
             FROM outside_folders f CROSS JOIN imports n
             WHERE (f.drive_id, f.item_no) IN (ASKED)
               AND n.drive_id = f.drive_id AND n.import_no = f.import_no AND n.writes_through
             ORDER BY n.import_no"
        )
    }

    /// Lets an item's current version have its bytes outside, as they are there now. To whoever sees the item nothing
    /// has changed.
    pub async fn write_version_through(
        &mut self,
        id: ItemId,
        file: &FileVersion,
        key: Uuid,
        at: PlaceInImport<'_>,
        seen: &Seen,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_latest = FALSE, missing_since = NULL
                 WHERE drive_id = $1 AND import_no = $2 AND path = $3 AND is_latest"
            )
            .bind(id.drive)
            .bind(at.import_no)
            .bind(at.path)
        )?;
        self.insert_outside_content(id, key, file.content_key, at, seen).await?;
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_digested = TRUE WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(id.drive)
            .bind(key)
        )?;
        for statement in [
            "UPDATE versions SET content_key = $3 WHERE drive_id = $1 AND item_no = $2 AND version_no = $4",
            "UPDATE items SET content_key = $3 WHERE drive_id = $1 AND item_no = $2 AND current_version = $4",
        ] {
            execute!(
                self,
                sqlx::query(statement).bind(id.drive).bind(id.number).bind(key).bind(file.number)
            )?;
        }
        Ok(())
    }
}
