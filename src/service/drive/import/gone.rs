//! What was imported before and was not found any more.

use std::collections::HashSet;
use std::path::Path;

use crate::domain::ids::ItemId;
use crate::domain::item::{Item, ItemContent};
use crate::error::Result;
use crate::service::drive::import::{Import, is_absent};
use crate::service::drive::subtree;
use crate::service::store::{Imported, ImportedFolder};

/// Files that are looked at, and deleted, at once.
const PAGE: i64 = 1_000;
const DELETED_AT_ONCE: usize = 200;
/// Paths that are looked up at once.
const PATHS_AT_ONCE: usize = 1_000;

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
    /// Whether it was not found, and is not there.
    fn is_gone(&self, path: &str, item: i64) -> bool {
        !self.found.has(item) && !self.is_hidden(path) && !self.is_there(path)
    }

    fn is_there(&self, path: &str) -> bool {
        self.root_folder().is_some_and(|root| !is_absent(&root, path))
    }

    /// Whether it is not known what is at a path.
    fn is_hidden(&self, path: &str) -> bool {
        self.hidden.contains("")
            || self.hidden.contains(path)
            || path.match_indices('/').any(|(at, _)| self.hidden.contains(&path[..at]))
    }

    async fn page(&self, after: &str) -> Result<Vec<Imported>> {
        if self.is_first {
            return Ok(Vec::new());
        }
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

    /// Notes of what is gone that it is missing. Gives how many files that are.
    pub async fn miss_gone(&self) -> Result<u64> {
        let (mut missing, mut after) = (0, String::new());
        loop {
            let page = self.page(&after).await?;
            let Some(last) = page.last() else { return Ok(missing) };
            after.clone_from(&last.path);
            let gone: Vec<&Imported> =
                page.iter().filter(|row| row.is_live && self.is_gone(&row.path, row.item_no)).collect();
            missing += gone.len() as u64;
            for some in gone.chunks(DELETED_AT_ONCE) {
                self.miss(some).await?;
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

    /// Files and folders were taken away: what is still not there of them is missing, or goes into the recycle bin.
    /// Gives how many files that were. None of the paths is below another.
    pub async fn take_away(&self, paths: &[String], is_deleted: bool) -> Result<u64> {
        let Some(root) = self.root_folder() else { return Ok(0) };
        // One that is not there has nothing, and is likelier not mounted.
        if !root.is_dir() || paths.is_empty() {
            return Ok(0);
        }
        let mut gone = 0;
        for some in paths.chunks(PATHS_AT_ONCE) {
            let page =
                self.service.store.read("imported").await?.imported(self.drive(), self.number, some).await?;
            gone += self.take_absent(&root, page, is_deleted).await?;
        }
        let mut tx = self.service.store.read_slowly("imported_folders").await?;
        let folders = tx.all_imported_folders(self.drive(), self.number).await?;
        drop(tx);
        let folders: HashSet<&str> = folders.iter().map(|row| row.path.as_str()).collect();
        for path in paths.iter().filter(|path| folders.contains(path.as_str())) {
            // All paths that begin with the folder's and a slash, which the next character follows.
            let (mut after, before) = (format!("{path}/"), format!("{path}0"));
            loop {
                let mut tx = self.service.store.read_slowly("imported").await?;
                let page = tx.imported_after(self.drive(), self.number, &after, Some(&before), PAGE).await?;
                drop(tx);
                let Some(last) = page.last() else { break };
                after.clone_from(&last.path);
                gone += self.take_absent(&root, page, is_deleted).await?;
            }
        }
        if is_deleted {
            let paths: HashSet<&str> = paths.iter().map(String::as_str).collect();
            let is_gone = |row: &ImportedFolder| {
                let is_below = row.path.match_indices('/').any(|(at, _)| paths.contains(&row.path[..at]));
                (is_below || paths.contains(row.path.as_str())) && is_absent(&root, &row.path)
            };
            self.delete_empty_folders(is_gone).await?;
        }
        Ok(gone)
    }

    async fn take_absent(&self, root: &Path, mut page: Vec<Imported>, is_deleted: bool) -> Result<u64> {
        page.retain(|row| row.is_live && is_absent(root, &row.path));
        for some in page.iter().collect::<Vec<_>>().chunks(DELETED_AT_ONCE) {
            match is_deleted {
                true => self.delete(some).await?,
                false => self.miss(some).await?,
            }
        }
        Ok(page.len() as u64)
    }

    /// Notes that files are not there.
    async fn miss(&self, files: &[&Imported]) -> Result<()> {
        if files.iter().all(|row| row.missing_since.is_some()) {
            return Ok(());
        }
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
            if row.path.is_empty() || !row.is_live || row.is_shared || !is_gone(row) {
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
                        tx.set_folder_binned(drive, self.number, &row.path, true).await?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}
