//! What was imported before and was not found any more.

use crate::domain::ids::ItemId;
use crate::domain::item::{Item, ItemContent};
use crate::error::Result;
use crate::service::drive::import::{Import, is_absent};
use crate::service::drive::subtree;
use crate::service::store::{Imported, ImportedFolder};

/// Files that are looked at, and deleted, at once.
const PAGE: i64 = 1_000;
const DELETED_AT_ONCE: usize = 200;

/// How many files of an import are gone, of how many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gone {
    pub files: u64,
    pub of: u64,
}

impl Gone {
    /// Whether more than so many of a hundred are gone.
    pub fn is_more_than(self, percent: u8) -> bool {
        self.files * 100 > self.of * u64::from(percent)
    }
}

impl Import<'_> {
    fn is_gone(&self, path: &str, item: i64) -> bool {
        let is_hidden = |folder: &String| {
            folder.is_empty()
                || path == folder
                || path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        !self.found.has(item) && !self.hidden.iter().any(is_hidden)
    }

    async fn page(&self, after: &str) -> Result<Vec<Imported>> {
        let mut tx = self.service.store.read_slowly("imported").await?;
        tx.imported_after(self.drive(), self.number, after, None, PAGE).await
    }

    /// Counts what the import had found so far and did not find now. To be asked once all was found.
    pub async fn count_gone(&self) -> Result<Gone> {
        let (mut gone, mut after) = (Gone::default(), String::new());
        loop {
            let page = self.page(&after).await?;
            let Some(last) = page.last() else { return Ok(gone) };
            after.clone_from(&last.path);
            for row in page.iter().filter(|row| row.is_live) {
                gone.of += 1;
                gone.files += u64::from(self.is_gone(&row.path, row.item_no));
            }
        }
    }

    /// Puts what is gone into the recycle bin; its links open again once it comes back. Gives how many files that were.
    pub async fn delete_gone(&self) -> Result<u64> {
        let (mut deleted, mut after) = (0, String::new());
        loop {
            let page = self.page(&after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.path);
            let gone: Vec<&Imported> =
                page.iter().filter(|row| row.is_live && self.is_gone(&row.path, row.item_no)).collect();
            for some in gone.chunks(DELETED_AT_ONCE) {
                self.delete(some).await?;
                deleted += some.len() as u64;
            }
        }
        self.delete_empty_folders(|row| self.is_gone(&row.path, row.item_no)).await?;
        Ok(deleted)
    }

    /// A file or a folder was taken away: what is still not there of it is missing, or goes into the recycle bin. Gives
    /// how many files that were.
    pub async fn take_away(&self, path: &str, is_deleted: bool) -> Result<u64> {
        let Some(root) = self.root_folder() else { return Ok(0) };
        // One that is not there has nothing, and is likelier not mounted.
        if !root.is_dir() {
            return Ok(0);
        }
        let mut gone = 0;
        let mut tx = self.service.store.read("imported").await?;
        let mut page = tx.imported(self.drive(), self.number, &[path.to_owned()]).await?;
        drop(tx);
        // All paths that begin with the folder's and a slash, which the next character follows.
        let (mut after, before) = (format!("{path}/"), format!("{path}0"));
        loop {
            page.retain(|row| row.is_live && is_absent(&root, &row.path));
            for some in page.iter().collect::<Vec<_>>().chunks(DELETED_AT_ONCE) {
                if is_deleted {
                    self.delete(some).await?;
                } else {
                    self.miss(some).await?;
                }
                gone += some.len() as u64;
            }
            let mut tx = self.service.store.read_slowly("imported").await?;
            page = tx.imported_after(self.drive(), self.number, &after, Some(&before), PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.path);
        }
        if is_deleted {
            let is_below = |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
            let is_gone = |row: &ImportedFolder| {
                (row.path == path || is_below(&row.path)) && is_absent(&root, &row.path)
            };
            self.delete_empty_folders(is_gone).await?;
        }
        Ok(gone)
    }

    /// Notes that files are not there.
    async fn miss(&self, files: &[&Imported]) -> Result<()> {
        let (drive, now) = (self.drive(), self.service.clock.now());
        self.service
            .store
            .write("set_missing", async |tx| {
                for row in files.iter().filter(|row| row.missing_since.is_none()) {
                    tx.set_missing(drive, row.content_key, Some(now)).await?;
                }
                Ok(())
            })
            .await
    }

    async fn delete(&self, files: &[&Imported]) -> Result<()> {
        let (drive, now) = (self.drive(), self.service.clock.now());
        self.service
            .store
            .write("delete_gone", async |tx| {
                let change = self.author.change(tx.begin_change(drive).await?, now);
                for row in files {
                    if let Some(item) = tx.item(ItemId { drive, number: row.item_no }).await? {
                        subtree::put_into_bin(tx, &item, change).await?;
                        tx.set_binned(drive, row.content_key, true).await?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Folders that are gone go, too, where nothing else is in them.
    async fn delete_empty_folders(&self, is_gone: impl Fn(&ImportedFolder) -> bool) -> Result<()> {
        let (drive, now) = (self.drive(), self.service.clock.now());
        let mut tx = self.service.store.read_slowly("imported_folders").await?;
        let folders = tx.all_imported_folders(drive, self.number).await?;
        drop(tx);
        for row in folders.iter().rev() {
            if row.path.is_empty() || !row.is_live || !is_gone(row) {
                continue;
            }
            self.service
                .store
                .write("delete_gone", async |tx| {
                    let change = self.author.change(tx.begin_change(drive).await?, now);
                    let item = tx.item(ItemId { drive, number: row.item_no }).await?;
                    let is_empty =
                        |item: &Item| matches!(item.content, ItemContent::Folder { child_count: 0, .. });
                    if let Some(item) = item.filter(is_empty) {
                        subtree::put_into_bin(tx, &item, change).await?;
                        tx.bin_imported_folder(drive, self.number, &row.path).await?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}
