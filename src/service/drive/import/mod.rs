//! Takes files over where they are: what is in a folder or a bucket appears in a drive, and its bytes stay there.
//!
//! Entries come in batches, each of which is one transaction: so an import that was broken off goes on where it was,
//! and one that finds nothing new changes nothing. A file is known by its path below the root; one that is at another
//! path now, and not at its old one, is moved, and its links with it.

mod gone;
mod placing;

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::content::{Outside, Root, Skipped};
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::Kind;
use crate::domain::name::ItemPath;
use crate::domain::outside::{Seen, path_of};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::author::Author;
use crate::service::rights;
use crate::service::store::{Imported, Place};
use placing::Placing;

pub use gone::Gone;

/// How often a batch is tried while a large folder of the drive is being deleted or restored, and how long it waits.
const TRIES: usize = 300;
/// The same while the database is away, or has no room for it.
const TRIES_WHILE_AWAY: usize = 20;
const PAUSE: Duration = Duration::from_millis(200);
/// The number of no import.
const NO_IMPORT: i64 = 0;
/// Folders that are remembered from batch to batch.
const FOLDERS_KNOWN: usize = 200_000;

/// A file or a folder that is there.
#[derive(Clone, Debug)]
pub struct ImportEntry {
    /// Below the root, spelled as [`crate::domain::outside`] says.
    pub path: String,
    pub is_folder: bool,
    pub seen: Seen,
    /// Where its bytes are, if not at its path.
    pub location: Option<String>,
    /// What it is told to be.
    pub mime_type: Option<String>,
    /// Upper-case hexadecimal.
    pub sha256: Option<String>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub new: u64,
    pub changed: u64,
    pub moved: u64,
    pub unchanged: u64,
    /// Files whose items their owner deleted: they stay so.
    pub deleted: u64,
}

impl Tally {
    pub fn files(&self) -> u64 {
        self.new + self.changed + self.moved + self.unchanged + self.deleted
    }
}

/// One import under way.
pub struct Import<'s> {
    service: &'s Service,
    author: Author,
    /// The folder of the drive that shows the root.
    folder: ItemId,
    number: i64,
    root: String,
    is_dry: bool,
    /// Whether the last batch brought nothing new.
    is_known_so_far: bool,
    /// Whether nothing was known before: then no file's path need be looked up, and none is gone.
    is_first: bool,
    /// How many were written.
    batches: u64,
    known: KnownFolders,
    /// The files that were found, by their items.
    found: Numbers,
    /// Where it is not known what is there, and below it.
    hidden: HashSet<String>,
    pub tally: Tally,
}

/// A folder of the import, and where it is in the drive.
#[derive(Clone, Copy, Debug)]
struct Folder {
    number: i64,
    is_live: bool,
}

/// Folders that were looked up before. They count for as long as nobody else changes the drive.
#[derive(Debug, Default)]
struct KnownFolders {
    by_path: HashMap<String, Folder>,
    /// Numbers of folders, with those that they are in and their names.
    above: HashMap<i64, (Option<i64>, String)>,
    change: i64,
}

/// A set of numbers of items, which are small: a bit each.
#[derive(Debug, Default)]
struct Numbers(Vec<u64>);

impl Numbers {
    fn insert(&mut self, number: i64) {
        let Ok(number) = usize::try_from(number) else { return };
        if self.0.len() <= number / 64 {
            self.0.resize(number / 64 + 1, 0);
        }
        self.0[number / 64] |= 1 << (number % 64);
    }

    fn has(&self, number: i64) -> bool {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.0.get(number / 64).is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }
}

impl<'s> Import<'s> {
    /// Begins an import of a root into a folder of the caller's own drive, which is made where it is not there.
    pub async fn begin(
        service: &'s Service,
        granted: &Granted<FilesReadWrite>,
        to: &ItemPath,
        root: &str,
        writes_through: bool,
    ) -> Result<Self> {
        let address =
            ItemAddress::InDrive { drive: DriveAddress::Mine, base: Base::Root, path: ItemPath::default() };
        let drive = rights::manage(service, granted, &address).await?;
        let author = drive.author_without_application();
        let now = service.clock.now();
        let (folder, number, is_first) = service
            .store
            .write("begin_import", async |tx| {
                let change = author.change(tx.begin_change(drive.id().drive).await?, now);
                let mut folder = drive.prove(tx).await?.id;
                for name in to.names() {
                    let place = Place { folder, name };
                    folder = match tx.child(place).await? {
                        Some(id) => match tx.item(id).await? {
                            Some(item) if item.kind() == Kind::Folder => id,
                            _ => return Err(Error::NameAlreadyExists),
                        },
                        None => tx.insert_folder(place, change).await?,
                    };
                }
                let number = tx.import_of(folder, root, writes_through, now).await?;
                let is_first = tx.imported_after(folder.drive, number, "", None, 1).await?.is_empty();
                tx.set_imported_folders(folder.drive, number, &[(String::new(), folder.number, None)])
                    .await?;
                Ok((folder, number, is_first))
            })
            .await?;
        Ok(Self { is_first, ..Self::new(service, author, folder, number, root) })
    }

    /// The same without a change: what is found is counted, and nothing else.
    pub async fn compare(
        service: &'s Service,
        granted: &Granted<FilesReadWrite>,
        to: &ItemPath,
        root: &str,
    ) -> Result<Self> {
        let address = ItemAddress::InDrive { drive: DriveAddress::Mine, base: Base::Root, path: to.clone() };
        let compared = match rights::manage(service, granted, &address).await {
            Ok(folder) => {
                let mut tx = service.store.read("import_number").await?;
                (folder.id(), tx.import_number(folder.id(), root).await?.unwrap_or(NO_IMPORT))
            }
            // No import has that number.
            Err(Error::ItemNotFound) => (ItemId::root_of(DriveId::from_bytes([0; 8])), NO_IMPORT),
            Err(error) => return Err(error),
        };
        let (folder, number) = compared;
        Ok(Self { is_dry: true, ..Self::new(service, Author::default(), folder, number, root) })
    }

    fn new(service: &'s Service, author: Author, folder: ItemId, number: i64, root: &str) -> Self {
        Self {
            service,
            author,
            folder,
            number,
            root: root.to_owned(),
            is_dry: false,
            is_known_so_far: true,
            is_first: false,
            batches: 0,
            known: KnownFolders::default(),
            found: Numbers::default(),
            hidden: HashSet::new(),
            tally: Tally::default(),
        }
    }

    fn drive(&self) -> DriveId {
        self.folder.drive
    }

    /// What reads what is there.
    pub fn outside(&self) -> &Outside {
        &self.service.content.outside
    }

    /// Begins to look at all there is, once more.
    pub fn begin_again(&mut self) {
        self.is_first = false;
        self.found = Numbers::default();
        self.hidden = HashSet::new();
        self.tally = Tally::default();
    }

    /// What is at a path, and below it, is not known: nothing of it is taken for gone.
    pub fn hide(&mut self, path: &str) {
        self.hidden.insert(path.to_owned());
    }

    /// Takes what was found, each folder before what is in it. Gives what can't be taken, and why.
    pub async fn take(&mut self, found: Vec<ImportEntry>) -> Result<Vec<Skipped>> {
        let mut paths = HashSet::new();
        let (found, twice): (Vec<ImportEntry>, Vec<ImportEntry>) =
            found.into_iter().partition(|one| paths.insert(one.path.clone()));
        let mut skipped = self.take_once(&found).await?;
        skipped.extend(twice.into_iter().map(|one| Skipped {
            path: one.path,
            why: "it is there twice".to_owned(),
            hides: false,
        }));
        Ok(skipped)
    }

    async fn take_once(&mut self, found: &[ImportEntry]) -> Result<Vec<Skipped>> {
        let mut away = 0;
        for _ in 0..TRIES {
            match self.take_or_know(found).await {
                Err(Error::TooBusy(_)) => tokio::time::sleep(PAUSE).await,
                // Somebody else may write more than leaves room for it.
                Err(Error::Unavailable(_)) if away < TRIES_WHILE_AWAY => {
                    away += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                // One of them was there before, in this run.
                Err(Error::NameAlreadyExists) if self.is_first => self.is_first = false,
                taken => return taken,
            }
        }
        self.take_or_know(found).await
    }

    async fn take_or_know(&mut self, found: &[ImportEntry]) -> Result<Vec<Skipped>> {
        // What follows what is known is likely to be known, too: then nothing is written. Where something is new, the
        // look for it is part of writing it.
        if !self.is_first && (self.is_known_so_far || self.is_dry) && self.is_all_known(found).await? {
            return Ok(Vec::new());
        }
        // Tables that were empty a moment ago are another matter to PostgreSQL: see `store::statistics`.
        self.batches += 1;
        if self.batches.is_power_of_two() {
            self.service.look_at_grown_tables().await;
        }
        Box::pin(self.take_now(found)).await
    }

    /// Whether all of it is as it was seen before: then there is nothing to write.
    async fn is_all_known(&mut self, found: &[ImportEntry]) -> Result<bool> {
        let (folders, files): (Vec<&ImportEntry>, Vec<&ImportEntry>) =
            found.iter().partition(|found| found.is_folder);
        let paths = |found: &[&ImportEntry]| found.iter().map(|found| found.path.clone()).collect::<Vec<_>>();
        let mut tx = self.service.store.read("imported").await?;
        let known = tx.imported(self.drive(), self.number, &paths(&files)).await?;
        let known: HashMap<&str, &Imported> =
            known.iter().map(|known| (known.path.as_str(), known)).collect();
        let is_known = |found: &&ImportEntry| {
            known.get(found.path.as_str()).is_some_and(|known| {
                known.is_live
                    && known.missing_since.is_none()
                    && !known.is_binned
                    && known.location == found.location
                    && known.seen.is_unchanged(&found.seen)
                    && (found.seen.inode.is_none() || known.seen.inode == found.seen.inode)
            })
        };
        if self.is_dry {
            for file in &files {
                match known.get(file.path.as_str()) {
                    Some(row) if is_known(file) => {
                        self.found.insert(row.item_no);
                        self.tally.unchanged += 1;
                    }
                    Some(row) if row.is_live || row.is_binned => {
                        self.found.insert(row.item_no);
                        self.tally.changed += 1;
                    }
                    Some(row) if !row.is_purged => self.tally.deleted += 1,
                    _ => self.tally.new += 1,
                }
            }
            return Ok(true);
        }
        if !files.iter().all(is_known) {
            return Ok(false);
        }
        let known_folders = tx.imported_folders(self.drive(), self.number, &paths(&folders)).await?;
        if known_folders.len() < folders.len()
            || known_folders.iter().any(|folder| folder.is_purged || folder.is_binned)
        {
            return Ok(false);
        }
        for known in known.values() {
            self.found.insert(known.item_no);
        }
        for folder in known_folders {
            self.found.insert(folder.item_no);
        }
        self.tally.unchanged += files.len() as u64;
        Ok(true)
    }

    async fn take_now(&mut self, found: &[ImportEntry]) -> Result<Vec<Skipped>> {
        let drive = self.drive();
        let now = self.service.clock.now();
        let (store, tally) = (self.service.store.clone(), self.tally);
        let author = self.author.clone();
        let outcome = store
            .write("import", async |tx| {
                // It may be done again.
                self.tally = tally;
                let number = tx.begin_change(drive).await?;
                if self.known.change + 1 != number || self.known.by_path.len() > FOLDERS_KNOWN {
                    self.known = KnownFolders::default();
                }
                self.known.change = number;
                Placing::of(self, tx, author.change(number, now)).take(found).await
            })
            .await;
        if outcome.is_err() {
            self.known = KnownFolders::default();
            self.tally = tally;
        }
        self.is_known_so_far = self.tally.unchanged - tally.unchanged == found.len() as u64;
        outcome
    }

    fn root_folder(&self) -> Option<PathBuf> {
        match Root::parse(&self.root) {
            Ok(Root::Folder(folder)) => Some(folder),
            _ => None,
        }
    }
}

/// Whether nothing is at a path. What can't be asked for is not taken for gone.
fn is_absent(root: &Path, path: &str) -> bool {
    let found = root.join(path_of(path)).symlink_metadata();
    found.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}
