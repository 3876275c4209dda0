//! The tree of a drive's items: what is above and below an item, and what folders carry of what is below them.
//!
//! A folder carries how many items it holds, the bytes of all files below it, and how long paths below it get; a
//! drive's counters carry the bytes in its recycle bin. Whoever changes the tree tells the folders above, in the
//! same transaction. The longest path is never told to get shorter, for that would mean looking at all that is
//! left: it is at least as long as any path there is.
//!
//! What is below a folder is looked up level by level, by the numbers of the folders of the level before: so each
//! step is a look-up by an index, whatever a database that has just been filled believes of its tables. Upwards the
//! walk is a recursion, whose `LEFT JOIN` lets no planner begin at the wrong end.
//!
//! A large folder is deleted, restored or purged in slices, each a transaction of its own, so that nobody waits for
//! all of it. A row in `subtree_changes` tells that it is under way, and whoever finds it may go on with it.

use std::collections::HashMap;

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::item::{DriveId, ItemId, Kind};
use crate::domain::link::{LinkId, LinkScope, LinkType};
use crate::domain::name::PATH_LIMIT;
use crate::error::{Error, Result};
use crate::store::items::{Change, name_taken};
use crate::store::{Tx, execute, execute_for_items, fetch_for_items, on, on_many, within_limit};

/// What comes to be below a folder, or goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Below {
    /// Items directly in the folder.
    pub children: i64,
    pub bytes: i64,
    /// Characters of the longest path from the folder that is new; none where nothing comes.
    pub longest_path: Option<i64>,
}

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

/// An item below a folder that is copied.
#[derive(Clone, Debug, FromRow)]
pub struct TreeItem {
    #[sqlx(rename = "item_no")]
    pub number: i64,
    #[sqlx(rename = "parent_no")]
    pub parent: i64,
    pub name: String,
    pub kind: Kind,
    pub size: i64,
    pub content_key: Option<Uuid>,
}

/// What is looked at on the way down.
#[derive(FromRow)]
struct ChildRow {
    item_no: i64,
    parent_no: i64,
    characters: i32,
    deleted_with: Option<i64>,
}

/// Folders of which one statement looks up what is in them.
const AT_ONCE: usize = 1_000;

/// Folders by their numbers: the folder that each is in, and its name.
pub type Folders = HashMap<i64, (Option<i64>, String)>;

macro_rules! folders_above {
    ($numbers:literal) => {
        concat!(
            "WITH RECURSIVE up (item_no, parent_no, name) AS (
                 SELECT item_no, parent_no, name FROM items WHERE drive_id = $1 AND item_no ",
            $numbers,
            "    UNION
                 SELECT p.item_no, p.parent_no, p.name
                 FROM up LEFT JOIN items p ON p.drive_id = $1 AND p.item_no = up.parent_no
                 WHERE up.parent_no IS NOT NULL
             )
             SELECT item_no, parent_no, name FROM up"
        )
    };
}

impl Tx {
    /// Number and name of the item and of each folder above it, the item first, the root last.
    pub async fn lineage(&mut self, id: ItemId) -> Result<Vec<(i64, String)>> {
        on!(self, |connection| sqlx::query_as(
            "WITH RECURSIVE up (item_no, parent_no, name, depth) AS (
                 SELECT item_no, parent_no, name, 0 FROM items WHERE drive_id = $1 AND item_no = $2
                 UNION ALL
                 SELECT p.item_no, p.parent_no, p.name, up.depth + 1
                 FROM up LEFT JOIN items p ON p.drive_id = $1 AND p.item_no = up.parent_no
                 WHERE up.parent_no IS NOT NULL
             )
             SELECT item_no, name FROM up ORDER BY depth"
        )
        .bind(id.drive)
        .bind(id.number)
        .fetch_all(connection))
    }

    /// Whether an item is a folder's, at any depth, or the folder itself.
    pub async fn is_inside(&mut self, id: ItemId, folder: ItemId) -> Result<bool> {
        let lineage = self.lineage(id).await?;
        Ok(id.drive == folder.drive && lineage.iter().any(|(number, _)| *number == folder.number))
    }

    /// Folders and all that are above them, each once, however many of them have it above.
    pub async fn folders_above(&mut self, drive: DriveId, folders: &[i64]) -> Result<Folders> {
        let rows: Vec<(i64, Option<i64>, String)> = match self {
            Self::Postgres(tx) => {
                let query = sqlx::query_as(folders_above!("= ANY($2)")).bind(drive).bind(folders);
                within_limit(query.fetch_all(&mut **tx)).await?
            }
            Self::Sqlite(tx) => {
                let query = sqlx::query_as(folders_above!("IN (SELECT value FROM json_each($2))"));
                let query = query.bind(drive).bind(serde_json::json!(folders).to_string());
                within_limit(query.fetch_all(&mut **tx)).await?
            }
        };
        Ok(rows.into_iter().map(|(number, parent, name)| (number, (parent, name))).collect())
    }

    /// Tells a folder and those above it what is below them now. Refuses what would be at too long a path.
    pub async fn tell_above(&mut self, folder: ItemId, below: Below) -> Result<()> {
        let lineage = self.lineage(folder).await?;
        let mut longest = below.longest_path;
        let above: Vec<(i64, i64)> = lineage
            .iter()
            .map(|(number, name)| {
                let from_here = longest.unwrap_or(0);
                longest = longest.map(|path| path + 1 + characters(name));
                (*number, from_here)
            })
            .collect();
        if let Some(path) = below.longest_path {
            check_path(&lineage, path)?;
        }
        match self {
            Self::Postgres(tx) => {
                let (numbers, paths): (Vec<i64>, Vec<i64>) = above.into_iter().unzip();
                let query = sqlx::query(
                    "UPDATE items SET
                         child_count = child_count + CASE WHEN items.item_no = $4 THEN $5 ELSE 0 END,
                         size = size + $6, longest_path = greatest(longest_path, above.path)
                     FROM unnest($2::bigint[], $3::bigint[]) AS above (item_no, path)
                     WHERE items.drive_id = $1 AND items.item_no = above.item_no",
                )
                .bind(folder.drive)
                .bind(numbers)
                .bind(paths)
                .bind(folder.number)
                .bind(below.children)
                .bind(below.bytes);
                within_limit(query.execute(&mut **tx)).await?;
            }
            Self::Sqlite(tx) => {
                let query = sqlx::query(
                    "UPDATE items SET
                         child_count = child_count + CASE item_no WHEN $3 THEN $4 ELSE 0 END,
                         size = size + $5, longest_path = max(longest_path,
                             (SELECT value ->> 1 FROM json_each($2) WHERE value ->> 0 = item_no))
                     WHERE drive_id = $1 AND item_no IN (SELECT value ->> 0 FROM json_each($2))",
                )
                .bind(folder.drive)
                .bind(serde_json::json!(above).to_string())
                .bind(folder.number)
                .bind(below.children)
                .bind(below.bytes);
                within_limit(query.execute(&mut **tx)).await?;
            }
        }
        Ok(())
    }

    /// Refuses what would be at too long a path: `path` is the longest from the folder on, in characters.
    pub async fn check_path(&mut self, folder: ItemId, path: i64) -> Result<()> {
        check_path(&self.lineage(folder).await?, path)
    }

    /// Characters of the longest path from a folder to anything live below it, or more; 0 where it is empty.
    pub async fn longest_path(&mut self, folder: ItemId) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT longest_path FROM items WHERE drive_id = $1 AND item_no = $2"
        )
        .bind(folder.drive)
        .bind(folder.number)
        .fetch_one(connection))
    }

    /// The same to the letter, which takes a look at all there is below; of a folder in the recycle bin, at what
    /// went there with it.
    pub async fn measure_longest_path(&mut self, folder: ItemId) -> Result<i64> {
        let with: Option<i64> = on!(self, |connection| sqlx::query_scalar(
            "SELECT deleted_with FROM items WHERE drive_id = $1 AND item_no = $2"
        )
        .bind(folder.drive)
        .bind(folder.number)
        .fetch_one(connection))?;
        let mut longest = 0;
        // Characters of the path down to each folder of a level, with the separator that follows.
        let mut level = HashMap::from([(folder.number, 0)]);
        while !level.is_empty() {
            let parents: Vec<i64> = level.keys().copied().collect();
            let mut next = HashMap::new();
            for some in parents.chunks(AT_ONCE) {
                for child in self.children_of(folder.drive, some, usize::MAX).await? {
                    if child.deleted_with == with {
                        let path = level[&child.parent_no] + i64::from(child.characters);
                        longest = longest.max(path);
                        next.insert(child.item_no, path + 1);
                    }
                }
            }
            level = next;
        }
        Ok(longest)
    }

    /// Keeps what was measured. The drive must not have changed since.
    pub async fn set_longest_path(&mut self, folder: ItemId, longest: i64) -> Result<()> {
        execute!(
            self,
            sqlx::query("UPDATE items SET longest_path = $3 WHERE drive_id = $1 AND item_no = $2")
                .bind(folder.drive)
                .bind(folder.number)
                .bind(longest)
        )?;
        Ok(())
    }

    /// Items in folders, the recycle bin's included; `most` at most.
    async fn children_of(&mut self, drive: DriveId, folders: &[i64], most: usize) -> Result<Vec<ChildRow>> {
        fetch_for_items!(
            self,
            drive,
            folders,
            (
                "SELECT item_no, parent_no, length(name) AS characters, deleted_with FROM items
                 WHERE drive_id = $1 AND parent_no ",
                " LIMIT $3"
            ),
            i64::try_from(most).unwrap_or(i64::MAX)
        )
    }

    /// What is live below a folder, the nearest first; none where that is more than `most`.
    pub async fn tree_below(&mut self, folder: ItemId, most: usize) -> Result<Option<Vec<TreeItem>>> {
        let numbers = self.numbers_below(folder, SubtreeWork::Delete, most + 1).await?;
        if numbers.len() > most {
            return Ok(None);
        }
        let mut tree: Vec<TreeItem> = Vec::new();
        for some in numbers.chunks(AT_ONCE) {
            tree.extend::<Vec<TreeItem>>(fetch_for_items!(
                self,
                folder.drive,
                some,
                ("SELECT item_no, parent_no, name, kind, size, content_key FROM items
                     WHERE drive_id = $1 AND item_no ")
            )?);
        }
        let order: HashMap<i64, usize> =
            numbers.into_iter().enumerate().map(|(at, number)| (number, at)).collect();
        tree.sort_by_key(|item| order.get(&item.number).copied());
        Ok(Some(tree))
    }

    /// Numbers of what is to be worked at below a folder, the nearest first; `most` at most.
    pub async fn numbers_below(
        &mut self,
        folder: ItemId,
        work: SubtreeWork,
        most: usize,
    ) -> Result<Vec<i64>> {
        if work == SubtreeWork::Restore {
            return on_many!(self, |connection| sqlx::query_scalar(
                "SELECT item_no FROM items
                 WHERE drive_id = $1 AND deleted_with = $2 AND deleted_with > 0 AND item_no <> $2 LIMIT $3"
            )
            .bind(folder.drive)
            .bind(folder.number)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(connection));
        }
        let mut found = Vec::new();
        let mut level = vec![folder.number];
        while !level.is_empty() && found.len() < most {
            let mut next = Vec::new();
            for some in level.chunks(AT_ONCE) {
                let room = most - found.len();
                let children = match work {
                    SubtreeWork::Delete => self.live_children_of(folder.drive, some, room).await?,
                    // Among these are some that are gone for good already: enough to tell that there are many.
                    _ => self.children_of(folder.drive, some, most.saturating_mul(4)).await?,
                };
                if children.len() >= most.saturating_mul(4) {
                    return Ok(children.into_iter().take(most).map(|child| child.item_no).collect());
                }
                next.extend(children.iter().map(|child| child.item_no));
                let is_wanted =
                    |child: &&ChildRow| work == SubtreeWork::Delete || child.deleted_with != Some(0);
                found.extend(children.iter().filter(is_wanted).map(|child| child.item_no).take(room));
                if found.len() == most {
                    break;
                }
            }
            level = next;
        }
        Ok(found)
    }

    async fn live_children_of(
        &mut self,
        drive: DriveId,
        folders: &[i64],
        most: usize,
    ) -> Result<Vec<ChildRow>> {
        fetch_for_items!(
            self,
            drive,
            folders,
            (
                "SELECT item_no, parent_no, length(name) AS characters, deleted_with FROM items
                 WHERE deleted_at IS NULL AND drive_id = $1 AND parent_no ",
                " LIMIT $3"
            ),
            i64::try_from(most).unwrap_or(i64::MAX)
        )
    }

    /// Puts items into the recycle bin, for the sake of one of them or of a folder above them. Those that are
    /// there already stay as they are.
    pub async fn mark_deleted(&mut self, with: ItemId, numbers: &[i64], change: Change<'_>) -> Result<()> {
        execute_for_items!(
            self,
            with.drive,
            numbers,
            ("UPDATE items SET deleted_at = $3, deleted_with = $4, change_no = $5
              WHERE deleted_with IS NULL AND drive_id = $1 AND item_no "),
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
            ("UPDATE items SET deleted_at = NULL, deleted_with = NULL, change_no = $4
              WHERE deleted_with = $3 AND drive_id = $1 AND item_no "),
            with.number,
            change
        );
        name_taken(restored)?;
        Ok(())
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
        execute_for_items!(
            self,
            drive,
            numbers,
            ("INSERT INTO loose_content (drive_id, content_key, since)
              SELECT DISTINCT drive_id, content_key, $3 FROM versions WHERE drive_id = $1 AND item_no "),
            change.at
        )?;
        execute_for_items!(self, drive, numbers, ("DELETE FROM versions WHERE drive_id = $1 AND item_no "))?;
        execute_for_items!(
            self,
            drive,
            numbers,
            (
                "UPDATE counters SET bytes_in_bin = bytes_in_bin -
                     (SELECT coalesce(sum(size), 0) FROM items WHERE kind = 'file' AND drive_id = $1 AND item_no ",
                ") WHERE drive_id = $1"
            )
        )?;
        execute_for_items!(
            self,
            drive,
            numbers,
            ("UPDATE items SET deleted_at = coalesce(deleted_at, $3), deleted_with = 0, size = 0, child_count = 0,
                               quick_xor_hash = NULL, sha1_hash = NULL, sha256_hash = NULL
              WHERE drive_id = $1 AND item_no "),
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
            ("SELECT item_no, link_id, app_no FROM links WHERE drive_id = $1 AND item_no ")
        )?;
        let mut revoked = Vec::new();
        for (number, link, app_no) in links {
            let by_app = change.app_no.or(Some(app_no));
            revoked.extend(
                self.revoke_link(ItemId { drive, number }, link, change.by, by_app, change.at).await?,
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

/// `lineage` has a folder first and the root, whose name is in no path, last.
fn check_path(lineage: &[(i64, String)], path: i64) -> Result<()> {
    let folders = lineage.split_last().map_or(&[][..], |(_root, folders)| folders);
    let way: i64 = folders.iter().map(|(_, name)| characters(name) + 1).sum();
    if way + path > PATH_LIMIT as i64 { Err(Error::PathTooLong) } else { Ok(()) }
}

/// Characters of a name as both databases count them.
fn characters(name: &str) -> i64 {
    name.chars().count() as i64
}

impl SubtreeChange {
    /// Who changes the subtree, with the number of a slice.
    pub fn numbered(&self, number: i64) -> Change<'_> {
        Change { number, at: self.at, by: self.actor.as_deref(), app_no: self.actor_app_no }
    }
}
