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

use std::collections::HashMap;

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::Kind;
use crate::domain::name::PATH_LIMIT;
use crate::error::{Error, Result};
use crate::service::store::statement::{
    LONG_LIMIT, STATEMENT_LIMIT, Tx, TxConnection, execute, fetch_for_items, on, on_many, within_step,
};
use crate::service::store::subtree_changes::SubtreeWork;

/// What comes to be below a folder, or goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Below {
    /// Items directly in the folder.
    pub children: i64,
    pub bytes: i64,
    /// Characters of the longest path from the folder that is new; none where nothing comes.
    pub longest_path: Option<i64>,
}

/// An item below a folder, to be copied or put into an archive.
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
    pub modified_at: Timestamp,
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

impl Tx {
    /// Number and name of the item and of each folder above it, the item first, the root last.
    pub async fn lineage(&mut self, id: ItemId) -> Result<Vec<(i64, String)>> {
        let folders = self.lineage_with_paths(id).await?;
        Ok(folders.into_iter().map(|(number, name, _)| (number, name)).collect())
    }

    /// The same, and the longest path that each has below it.
    async fn lineage_with_paths(&mut self, id: ItemId) -> Result<Vec<(i64, String, i64)>> {
        on!(self, |connection| sqlx::query_as(
            "WITH RECURSIVE up (drive_id, item_no, parent_no, name, longest_path, depth) AS (
                 SELECT drive_id, item_no, parent_no, name, longest_path, 0
                 FROM items WHERE drive_id = $1 AND item_no = $2
                 UNION ALL
                 SELECT p.drive_id, p.item_no, p.parent_no, p.name, p.longest_path, up.depth + 1
                 FROM up LEFT JOIN items p ON p.drive_id = up.drive_id AND p.item_no = up.parent_no
                 WHERE up.parent_no IS NOT NULL
             )
             SELECT item_no, name, longest_path FROM up ORDER BY depth"
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
        let rows: Vec<(i64, Option<i64>, String)> = fetch_for_items!(
            self,
            drive,
            folders,
            "WITH RECURSIVE up (drive_id, item_no, parent_no, name) AS (
                     SELECT drive_id, item_no, parent_no, name FROM items WHERE (drive_id, item_no) IN (ASKED)
                 UNION
                     SELECT p.drive_id, p.item_no, p.parent_no, p.name
                     FROM up LEFT JOIN items p ON p.drive_id = up.drive_id AND p.item_no = up.parent_no
                     WHERE up.parent_no IS NOT NULL
                 )
                 SELECT item_no, parent_no, name FROM up"
        )?;
        Ok(rows.into_iter().map(|(number, parent, name)| (number, (parent, name))).collect())
    }

    /// Tells a folder and those above it what is below them now; those to whom that is no news are left alone. Refuses
    /// what would be at too long a path. Gives the folder's lineage.
    pub async fn tell_above(&mut self, folder: ItemId, below: Below) -> Result<Vec<(i64, String)>> {
        let folders = self.lineage_with_paths(folder).await?;
        let mut longest = below.longest_path;
        let mut is_news = below.children != 0 || below.bytes != 0;
        let above: Vec<(i64, i64)> = folders
            .iter()
            .map(|(number, name, known)| {
                let from_here = longest.unwrap_or(0);
                longest = longest.map(|path| path + 1 + characters(name));
                is_news |= *known < from_here;
                (*number, from_here)
            })
            .collect();
        let lineage: Vec<(i64, String)> =
            folders.into_iter().map(|(number, name, _)| (number, name)).collect();
        if let Some(path) = below.longest_path {
            check_path(&lineage, path)?;
        }
        if !is_news {
            return Ok(lineage);
        }
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let (numbers, paths): (Vec<i64>, Vec<i64>) = above.into_iter().unzip();
                let query = sqlx::query(
                    "UPDATE items SET
                         child_count = child_count + CASE WHEN items.item_no = $4 THEN $5 ELSE 0 END,
                         size = size + $6, longest_path = greatest(longest_path, above.path)
                     FROM (SELECT $1 AS drive_id, unnest($2) AS item_no, unnest($3) AS path) above
                     WHERE items.drive_id = above.drive_id AND items.item_no = above.item_no
                       AND ($5 <> 0 OR $6 <> 0 OR items.longest_path < above.path)",
                )
                .bind(folder.drive)
                .bind(numbers)
                .bind(paths)
                .bind(folder.number)
                .bind(below.children)
                .bind(below.bytes);
                within_step(self.step, STATEMENT_LIMIT, query.execute(&mut **tx)).await?;
            }
            TxConnection::Sqlite(tx) => {
                let query = sqlx::query(
                    "UPDATE items SET
                         child_count = child_count + CASE item_no WHEN $3 THEN $4 ELSE 0 END,
                         size = size + $5, longest_path = max(longest_path,
                             (SELECT value ->> 1 FROM json_each($2) WHERE value ->> 0 = item_no))
                     WHERE drive_id = $1 AND item_no IN (SELECT value ->> 0 FROM json_each($2))
                       AND ($4 <> 0 OR $5 <> 0 OR longest_path <
                             (SELECT value ->> 1 FROM json_each($2) WHERE value ->> 0 = item_no))",
                )
                .bind(folder.drive)
                .bind(serde_json::json!(above).to_string())
                .bind(folder.number)
                .bind(below.children)
                .bind(below.bytes);
                within_step(self.step, STATEMENT_LIMIT, query.execute(&mut **tx)).await?;
            }
        }
        Ok(lineage)
    }

    /// Tells each of some folders what comes to be below it: all that are above that, whose paths were checked.
    pub async fn tell_folders(&mut self, drive: DriveId, told: &[(i64, Below)]) -> Result<()> {
        let rows: Vec<[i64; 4]> = told
            .iter()
            .map(|(number, below)| [*number, below.children, below.bytes, below.longest_path.unwrap_or(0)])
            .collect();
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let column = |at: usize| rows.iter().map(|row| row[at]).collect::<Vec<i64>>();
                let query = sqlx::query(
                    "UPDATE items SET child_count = child_count + told.children, size = size + told.bytes,
                                      longest_path = greatest(longest_path, told.path)
                     FROM (SELECT $1 AS drive_id, unnest($2) AS item_no, unnest($3) AS children,
                                  unnest($4) AS bytes, unnest($5) AS path) told
                     WHERE items.drive_id = told.drive_id AND items.item_no = told.item_no",
                )
                .bind(drive)
                .bind(column(0))
                .bind(column(1))
                .bind(column(2))
                .bind(column(3));
                within_step(self.step, LONG_LIMIT, query.execute(&mut **tx)).await?;
            }
            TxConnection::Sqlite(tx) => {
                // One by one: given many, SQLite reads all of the drive's items for each.
                for [number, children, bytes, path] in rows {
                    let query = sqlx::query(
                        "UPDATE items SET child_count = child_count + $3, size = size + $4,
                                          longest_path = max(longest_path, $5)
                         WHERE drive_id = $1 AND item_no = $2",
                    )
                    .bind(drive)
                    .bind(number)
                    .bind(children)
                    .bind(bytes)
                    .bind(path);
                    within_step(self.step, STATEMENT_LIMIT, query.execute(&mut **tx)).await?;
                }
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
            "SELECT item_no, parent_no, length(name) AS characters, deleted_with FROM items
                 WHERE (drive_id, parent_no) IN (ASKED) LIMIT $3",
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
                "SELECT item_no, parent_no, name, kind, size, content_key, modified_at FROM items
                     WHERE (drive_id, item_no) IN (ASKED)"
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
            "SELECT item_no, parent_no, length(name) AS characters, deleted_with FROM items
                 WHERE deleted_at IS NULL AND (drive_id, parent_no) IN (ASKED) LIMIT $3",
            i64::try_from(most).unwrap_or(i64::MAX)
        )
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
