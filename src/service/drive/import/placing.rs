//! One batch of an import: where each entry has its place in the drive, and what it becomes there.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::content::Skipped;
use crate::domain::ids::ItemId;
use crate::domain::item::{Item, Kind, mime_type_of};
use crate::domain::name::{BadName, Name, PATH_LIMIT};
use crate::domain::outside::{Seen, bytes_of, name_of, path_of};
use crate::error::{Error, Result};
use crate::service::drive::import::{Folder, Import, ImportEntry};
use crate::service::drive::subtree;
use crate::service::drive::usage::check_growth;
use crate::service::outside::{NewVersion, modified_at, outside_key, replace};
use crate::service::store::{
    Below, Change, Imported, ImportedFolder, NewImported, NewImportedFile, Occupied, Place, PlaceInImport,
    SubtreeWork, Tx,
};

/// How many spellings of a name are tried where others are taken.
const SPELLINGS: usize = 16;
const TAKEN: &str = "the drive has another item of this name";

pub(super) struct Placing<'p, 's, 't> {
    import: &'p mut Import<'s>,
    tx: &'t mut Tx,
    change: Change<'t>,
    /// The number of the first new item.
    first: i64,
    new: Vec<NewImported>,
    /// Names that new items and moved ones have, by their folders.
    names: HashSet<(i64, String)>,
    /// What folders are to be told.
    told: BTreeMap<i64, Below>,
    /// Folders that turned out to be the import's.
    folders: Vec<(String, i64, Option<Seen>)>,
    /// Contents that are new, of new items and others.
    contents: usize,
    skipped: Vec<Skipped>,
}

/// The path of the folder that something is in, and its own name. None for the root.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.is_empty() { None } else { Some(path.rsplit_once('/').unwrap_or(("", path))) }
}

/// The folders that something is in, the outermost first.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

impl<'p, 's, 't> Placing<'p, 's, 't> {
    pub fn of(import: &'p mut Import<'s>, tx: &'t mut Tx, change: Change<'t>) -> Self {
        Self {
            import,
            tx,
            change,
            first: 0,
            new: Vec::new(),
            names: HashSet::new(),
            told: BTreeMap::new(),
            folders: Vec::new(),
            contents: 0,
            skipped: Vec::new(),
        }
    }

    pub async fn take(mut self, found: &[ImportEntry]) -> Result<Vec<Skipped>> {
        let drive = self.import.drive();
        self.first = self.tx.take_item_numbers(drive, 0).await?;
        self.place_folders(found).await?;
        let files: Vec<&ImportEntry> = found.iter().filter(|found| !found.is_folder).collect();
        self.place_files(&files).await?;
        self.tx.take_item_numbers(drive, self.new.len() as i64).await?;
        let growth = self.new.iter().filter(|new| new.file.is_some()).filter_map(|new| new.seen.as_ref());
        let growth = growth.map(|seen| seen.size).sum();
        check_growth(self.import.service, self.tx, drive, growth).await?;
        self.tx.insert_imported(drive, self.import.number, &self.new, self.change).await?;
        let told: Vec<(i64, Below)> = self.told.into_iter().collect();
        self.tx.tell_folders(drive, &told).await?;
        self.tx.set_imported_folders(drive, self.import.number, &self.folders).await?;
        Ok(self.skipped)
    }

    fn id(&self, number: i64) -> ItemId {
        ItemId { drive: self.import.drive(), number }
    }

    fn skip(&mut self, path: &str, why: impl Into<String>, is_folder: bool) {
        let skipped = Skipped { path: path.to_owned(), why: why.into(), hides: is_folder };
        self.import.hide(path);
        self.skipped.push(skipped);
    }

    /// Finds or makes the folders that were found, and those that files are in, level by level.
    async fn place_folders(&mut self, found: &[ImportEntry]) -> Result<()> {
        let root = Folder { number: self.import.folder.number, is_live: true };
        self.import.known.by_path.insert(String::new(), root);
        let mut levels: BTreeMap<usize, BTreeMap<&str, Option<&Seen>>> = BTreeMap::new();
        let level = |path: &str| path.matches('/').count();
        for one in found {
            for path in folders_of(&one.path) {
                if !self.import.known.by_path.contains_key(path) {
                    levels.entry(level(path)).or_default().entry(path).or_default();
                }
            }
            if one.is_folder {
                levels.entry(level(&one.path)).or_default().insert(&one.path, Some(&one.seen));
            }
        }
        self.look_above(&[root.number]).await?;
        for (_, level) in levels {
            self.place_level(&level).await?;
        }
        for path in found.iter().flat_map(|one| folders_of(&one.path)) {
            if let Some(folder) = self.import.known.by_path.get(path) {
                self.import.found.insert(folder.number);
            }
        }
        Ok(())
    }

    async fn place_level(&mut self, level: &BTreeMap<&str, Option<&Seen>>) -> Result<()> {
        let (drive, import) = (self.import.drive(), self.import.number);
        let paths: Vec<String> = level.keys().map(|path| (*path).to_owned()).collect();
        let known = self.tx.imported_folders(drive, import, &paths).await?;
        let known: HashMap<String, ImportedFolder> =
            known.into_iter().filter(|row| !row.is_purged).map(|row| (row.path.clone(), row)).collect();
        let numbers: Vec<i64> = known.values().map(|row| row.item_no).collect();
        self.look_above(&numbers).await?;
        let mut unknown = Vec::new();
        for (path, seen) in level {
            match known.get(*path) {
                Some(row) => self.know_folder(path, *seen, row).await?,
                None => unknown.push((*path, *seen)),
            }
        }
        let inodes: Vec<i64> =
            unknown.iter().filter_map(|(_, seen)| seen.and_then(|seen| seen.inode)).collect();
        let mut moved: HashMap<Option<i64>, Vec<ImportedFolder>> = HashMap::new();
        if !inodes.is_empty() {
            for row in self.tx.imported_folders_by_inode(drive, import, &inodes).await? {
                moved.entry(row.inode).or_default().push(row);
            }
        }
        let occupied = self.occupied(unknown.iter().map(|(path, _)| *path)).await?;
        for (path, seen) in unknown {
            let is_moved = |row: &&ImportedFolder| {
                let is_same = seen.is_some_and(|seen| seen.born_ns.is_some() && seen.born_ns == row.born_ns);
                let is_ours = (row.is_live || row.is_binned) && !row.is_shared;
                is_same && is_ours && !self.is_there_still(&row.path, row.inode)
            };
            let rows = seen.and_then(|seen| moved.get(&seen.inode));
            let before = rows.and_then(|rows| rows.iter().find(is_moved)).cloned();
            self.place_folder(path, seen, before, &occupied).await?;
        }
        Ok(())
    }

    /// A folder that was imported before.
    async fn know_folder(&mut self, path: &str, seen: Option<&Seen>, row: &ImportedFolder) -> Result<()> {
        let mut is_live = row.is_live;
        if !is_live && row.is_binned {
            is_live = self.restore(row.item_no, path).await?;
        }
        if is_live && row.is_binned {
            let (drive, import) = (self.import.drive(), self.import.number);
            self.tx.set_folder_binned(drive, import, path, false).await?;
        }
        if let Some(seen) = seen
            && (seen.inode != row.inode || seen.born_ns != row.born_ns)
        {
            self.folders.push((path.to_owned(), row.item_no, Some(seen.clone())));
        }
        self.import.found.insert(row.item_no);
        self.import.known.by_path.insert(path.to_owned(), Folder { number: row.item_no, is_live });
        Ok(())
    }

    async fn place_folder(
        &mut self,
        path: &str,
        seen: Option<&Seen>,
        before: Option<ImportedFolder>,
        occupied: &HashMap<(i64, String), Occupied>,
    ) -> Result<()> {
        let gone = Folder { number: 0, is_live: false };
        let Some((parent, name)) = self.parent_of(path) else {
            self.import.known.by_path.insert(path.to_owned(), gone);
            return Ok(());
        };
        let slot = match self
            .slot(parent, name, Kind::Folder, before.as_ref().map(|row| row.item_no), occupied)
            .await
        {
            Ok(slot) => slot,
            Err(why) => {
                self.skip(path, why?, true);
                self.import.known.by_path.insert(path.to_owned(), gone);
                return Ok(());
            }
        };
        let number = match (slot, before) {
            (Slot::Adopted(number), _) => {
                self.look_above(&[number]).await?;
                self.folders.push((path.to_owned(), number, seen.cloned()));
                number
            }
            (Slot::Free(name), Some(row))
                if self.bring_item(row.item_no, !row.is_live, parent, &name).await? =>
            {
                let (drive, import) = (self.import.drive(), self.import.number);
                self.tx.move_imported_folder(drive, import, &row.path, path).await?;
                if row.is_binned {
                    self.tx.set_folder_binned(drive, import, path, false).await?;
                }
                let below = format!("{}/", row.path);
                let is_other = |known: &String| *known != row.path && !known.starts_with(&below);
                self.import.known.by_path.retain(|known, _| is_other(known));
                row.item_no
            }
            (Slot::Free(name), _) => self.add(path, parent, &name, seen, None),
        };
        self.import.found.insert(number);
        self.import.known.by_path.insert(path.to_owned(), Folder { number, is_live: true });
        Ok(())
    }

    async fn place_files(&mut self, files: &[&ImportEntry]) -> Result<()> {
        let (drive, import) = (self.import.drive(), self.import.number);
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let known =
            if self.import.is_first { Vec::new() } else { self.tx.imported(drive, import, &paths).await? };
        let mut known: HashMap<String, Imported> =
            known.into_iter().map(|row| (row.path.clone(), row)).collect();
        for row in known.values().filter(|row| row.is_purged) {
            self.tx.forget_imported(drive, row.content_key).await?;
        }
        known.retain(|_, row| !row.is_purged);
        let is_other = |file: &ImportEntry, row: &Imported| {
            file.seen.inode.is_some() && file.seen.inode != row.seen.inode
        };
        let mut unknown: VecDeque<&ImportEntry> = VecDeque::new();
        // Files at paths that others were at before.
        let mut others: HashMap<&str, &ImportEntry> = HashMap::new();
        for file in files {
            match known.get(&file.path) {
                None => unknown.push_back(file),
                Some(row) if is_other(file, row) => _ = others.insert(&file.path, file),
                Some(_) => {}
            }
        }
        let inodes: Vec<i64> =
            unknown.iter().chain(others.values()).filter_map(|file| file.seen.inode).collect();
        // Numbers of files come again once a file is gone: a number may have several.
        let mut before: HashMap<Option<i64>, Vec<Imported>> = HashMap::new();
        if !inodes.is_empty() {
            for row in self.tx.imported_by_inode(drive, import, &inodes).await? {
                before.entry(row.seen.inode).or_default().push(row);
            }
        }
        // What came to a path whose item its owner had deleted is what it was before.
        for (path, file) in others.clone() {
            let is_deleted = |row: &&Imported| !row.is_live && !row.is_binned;
            if let Some(row) = known.get(path).filter(is_deleted)
                && before
                    .get(&file.seen.inode)
                    .is_some_and(|rows| rows.iter().any(|row| self.is_moved(row, file)))
            {
                self.tx.forget_imported(drive, row.content_key).await?;
                known.remove(path);
                others.remove(path);
                unknown.push_back(file);
            }
        }
        let mut occupied = self.occupied(unknown.iter().map(|file| file.path.as_str())).await?;
        while let Some(file) = unknown.pop_front() {
            let row = before.get_mut(&file.seen.inode).and_then(|rows| {
                // Of several names of a file, one that is in the drive comes first.
                rows.sort_by_key(|row| !row.is_live);
                let at = rows.iter().position(|row| self.is_moved(row, file))?;
                Some(rows.swap_remove(at))
            });
            let Some(left) = self.place_file(file, row, &occupied).await? else { continue };
            // Its old path and name are free: what is there now is not what was there before.
            occupied.retain(|_, other| other.item_no != left.item_no);
            if let Some(other) = others.remove(left.path.as_str()) {
                known.remove(&left.path);
                unknown.push_back(other);
            }
        }
        for file in files {
            if let Some(row) = known.get(&file.path) {
                self.know_file(file, row).await?;
            }
        }
        Ok(())
    }

    /// A file that was imported before.
    async fn know_file(&mut self, file: &ImportEntry, row: &Imported) -> Result<()> {
        let drive = self.import.drive();
        let is_live = row.is_live || (row.is_binned && self.restore(row.item_no, &file.path).await?);
        if !is_live {
            self.import.tally.deleted += 1;
            return Ok(());
        }
        if row.is_binned {
            // Whoever deletes it from now on is its owner.
            self.tx.set_binned(drive, row.content_key, false).await?;
        }
        self.import.found.insert(row.item_no);
        if row.location == file.location && row.seen.is_unchanged(&file.seen) {
            if row.missing_since.is_some() {
                self.tx.set_missing(drive, row.content_key, None).await?;
            }
            if file.seen.inode.is_some()
                && (row.seen.inode != file.seen.inode || row.seen.born_ns != file.seen.born_ns)
            {
                // The same on another disk, to where all was copied.
                self.tx.set_seen(drive, row.content_key, &file.seen).await?;
            }
            self.import.tally.unchanged += 1;
            return Ok(());
        }
        self.import.tally.changed += 1;
        self.add_version(file, row).await
    }

    /// A file at a path that was not seen before. Gives what it was at another, where it was moved.
    async fn place_file(
        &mut self,
        file: &ImportEntry,
        before: Option<Imported>,
        occupied: &HashMap<(i64, String), Occupied>,
    ) -> Result<Option<Imported>> {
        let Some((parent, name)) = self.parent_of(&file.path) else {
            self.import.tally.deleted += 1;
            return Ok(None);
        };
        let name =
            match self.slot(parent, name, Kind::File, before.as_ref().map(|row| row.item_no), occupied).await
            {
                Ok(Slot::Free(name)) => name,
                Ok(Slot::Adopted(_)) => return Ok(None),
                Err(why) => {
                    self.skip(&file.path, why?, false);
                    return Ok(None);
                }
            };
        if let Some(row) = before
            && self.bring_item(row.item_no, !row.is_live, parent, &name).await?
        {
            let (drive, import) = (self.import.drive(), self.import.number);
            self.tx.move_imported(drive, import, &row.path, &file.path).await?;
            if row.is_binned {
                self.tx.set_binned(drive, row.content_key, false).await?;
            }
            self.import.found.insert(row.item_no);
            self.import.tally.moved += 1;
            if !row.seen.is_unchanged(&file.seen) {
                self.add_version(file, &row).await?;
            }
            return Ok(Some(row));
        }
        let number = self.add(&file.path, parent, &name, Some(&file.seen), Some(file));
        self.import.found.insert(number);
        self.import.tally.new += 1;
        Ok(None)
    }

    async fn add_version(&mut self, file: &ImportEntry, row: &Imported) -> Result<()> {
        let Some(item) = self.tx.item(self.id(row.item_no)).await? else { return Ok(()) };
        check_growth(self.import.service, self.tx, item.id.drive, file.seen.size - item.size()).await?;
        let key = self.next_key();
        let at = PlaceInImport {
            import_no: self.import.number,
            path: &file.path,
            location: file.location.as_deref(),
            is_latest: true,
        };
        let new = NewVersion {
            seen: &file.seen,
            mime_type: file.mime_type.as_deref(),
            sha256: file.sha256.as_deref().unwrap_or_default(),
        };
        replace(self.tx, (&item, row.content_key), at, new, key, self.change).await
    }

    fn next_key(&mut self) -> Uuid {
        self.contents += 1;
        outside_key(self.change.number, self.contents - 1)
    }

    /// The live folder that something is in, and its own name. None where the folder is not there any more.
    fn parent_of<'f>(&self, path: &'f str) -> Option<(i64, &'f str)> {
        let (parent, name) = split(path)?;
        let parent = self.import.known.by_path.get(parent).filter(|folder| folder.is_live)?;
        Some((parent.number, name))
    }

    /// Whether a file was at another path before, and is there no more.
    fn is_moved(&self, row: &Imported, file: &ImportEntry) -> bool {
        // An import that did not find it on its way put it into the recycle bin.
        (row.is_live || row.is_binned)
            && row.seen.is_same_file(&file.seen)
            && !self.is_there_still(&row.path, row.seen.inode)
    }

    /// Whether a file or a folder is at a path that it was seen at before.
    fn is_there_still(&self, path: &str, inode: Option<i64>) -> bool {
        let Some(root) = self.import.root_folder() else { return true };
        // A link within the root is what it leads to.
        let metadata = root.join(path_of(path)).metadata();
        metadata.is_ok_and(|now| Some(std::os::unix::fs::MetadataExt::ino(&now).cast_signed()) == inode)
    }

    /// Which names of what is to come are taken, as the drive has been so far.
    async fn occupied<'f>(
        &mut self,
        paths: impl Iterator<Item = &'f str>,
    ) -> Result<HashMap<(i64, String), Occupied>> {
        let mut places = Vec::new();
        for path in paths {
            let Some((parent, name)) = self.parent_of(path) else { continue };
            if parent < self.first
                && let Ok(name) = name_of(&bytes_of(name), 0)
            {
                places.push((parent, name.key()));
            }
        }
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        let occupied = self.tx.occupied(self.import.drive(), self.import.number, &places).await?;
        Ok(occupied.into_iter().map(|one| ((one.parent_no, one.name_key.clone()), one)).collect())
    }

    /// What something is called in a folder: by its own name, or by another spelling of it where that is taken by
    /// something else of the import. Where there is none, why; or why that is not known.
    async fn slot(
        &mut self,
        parent: i64,
        name: &str,
        kind: Kind,
        own: Option<i64>,
        occupied: &HashMap<(i64, String), Occupied>,
    ) -> Result<Slot, Result<String>> {
        let bytes = bytes_of(name);
        for beginning in 0..SPELLINGS {
            let name = name_of(&bytes, beginning).map_err(|bad| Ok(told(&bad)))?;
            let place = (parent, name.key());
            if self.names.contains(&place) {
                continue;
            }
            let other = match beginning {
                0 => occupied.get(&place).cloned(),
                _ if parent >= self.first => None,
                _ => {
                    let (drive, import) = (self.import.drive(), self.import.number);
                    let found = self.tx.occupied(drive, import, std::slice::from_ref(&place)).await;
                    found.map_err(Err)?.pop()
                }
            };
            // It may change the case of its own name.
            match other.filter(|other| Some(other.item_no) != own) {
                None => {
                    let path = self.path_to(parent) + name.characters();
                    if path > PATH_LIMIT as i64 {
                        return Err(Ok(Error::PathTooLong.to_string()));
                    }
                    return Ok(Slot::Free(name));
                }
                Some(other)
                    if (kind, other.kind) == (Kind::Folder, Kind::Folder)
                        && other.import_no != Some(self.import.number) =>
                {
                    self.names.insert(place);
                    return Ok(Slot::Adopted(other.item_no));
                }
                Some(other) if other.import_no.is_some() => {}
                Some(_) => return Err(Ok(TAKEN.to_owned())),
            }
        }
        Err(Ok(TAKEN.to_owned()))
    }

    /// Characters of the path to a folder, with the separator that follows.
    fn path_to(&self, folder: i64) -> i64 {
        let above = &self.import.known.above;
        let mut path = 0;
        let mut at = above.get(&folder);
        // The root's name is in no path.
        while let Some((Some(parent), name)) = at {
            path += name.chars().count() as i64 + 1;
            at = above.get(parent);
        }
        path
    }

    /// Looks up what is above folders.
    async fn look_above(&mut self, folders: &[i64]) -> Result<()> {
        let above = &mut self.import.known.above;
        let unknown: Vec<i64> =
            folders.iter().copied().filter(|folder| !above.contains_key(folder)).collect();
        if !unknown.is_empty() {
            let found = self.tx.folders_above(self.import.folder.drive, &unknown).await?;
            self.import.known.above.extend(found);
        }
        Ok(())
    }

    /// Adds a new item; gives its number.
    fn add(
        &mut self,
        path: &str,
        parent: i64,
        name: &Name,
        seen: Option<&Seen>,
        file: Option<&ImportEntry>,
    ) -> i64 {
        let number = self.first + self.new.len() as i64;
        self.names.insert((parent, name.key()));
        let bytes = file.map_or(0, |file| file.seen.size);
        self.tell(parent, Below { children: 1, bytes, longest_path: Some(name.characters()) });
        let file = file.map(|file| NewImportedFile {
            content_key: self.next_key(),
            mime_type: file.mime_type.clone().unwrap_or_else(|| mime_type_of(name.as_str())),
            location: file.location.clone(),
            sha256: file.sha256.clone().unwrap_or_default(),
        });
        if file.is_none() {
            self.import.known.above.insert(number, (Some(parent), name.as_str().to_owned()));
        }
        let modified_at: Option<Timestamp> = seen.and_then(modified_at);
        self.new.push(NewImported {
            number,
            parent,
            name: name.as_str().to_owned(),
            name_key: name.key(),
            path: path.to_owned(),
            seen: seen.cloned(),
            modified_at: modified_at.unwrap_or(self.change.at).min(self.change.at),
            file,
        });
        number
    }

    /// Keeps what a folder and those above it are to be told.
    fn tell(&mut self, folder: i64, below: Below) {
        let mut below = below;
        let mut at = Some(folder);
        while let Some(number) = at {
            let Some((parent, name)) = self.import.known.above.get(&number) else { break };
            let told = self.told.entry(number).or_default();
            told.children += below.children;
            told.bytes += below.bytes;
            told.longest_path = told.longest_path.max(below.longest_path);
            below.children = 0;
            below.longest_path = below.longest_path.map(|path| path + 1 + name.chars().count() as i64);
            at = *parent;
        }
    }

    /// Moves an item to where its file is now, out of the recycle bin where an import put it there. False where that
    /// can't be done.
    async fn bring_item(&mut self, number: i64, is_binned: bool, parent: i64, name: &Name) -> Result<bool> {
        if !is_binned {
            return self.move_item(number, parent, name).await;
        }
        // An import puts a folder there once nothing is in it: with something in it, it was its owner.
        if !self.tx.numbers_below(self.id(number), SubtreeWork::Restore, 1).await?.is_empty() {
            return Ok(false);
        }
        let is_back = self.restore_to(number, parent, Some(name)).await?;
        if is_back {
            self.names.insert((parent, name.key()));
        }
        Ok(is_back)
    }

    /// False where the item is not there any more.
    async fn move_item(&mut self, number: i64, parent: i64, name: &Name) -> Result<bool> {
        // New folders come with the batch's end; what goes into one is new, too.
        if parent >= self.first {
            self.flush().await?;
        }
        let Some(item) = self.tx.item(self.id(number)).await? else { return Ok(false) };
        let folder = self.id(parent);
        let longest = self.tx.path_of_placed(&item, name).await?;
        match self.tx.check_path(folder, longest).await {
            Err(Error::PathTooLong) => return Ok(false),
            checked => checked?,
        }
        if self.tx.is_inside(folder, item.id).await? {
            return Ok(false);
        }
        self.tx.place_item(&item, Place { folder, name }, self.change).await?;
        self.names.insert((parent, name.key()));
        if item.kind() == Kind::Folder {
            self.import.known.above.insert(number, (Some(parent), name.as_str().to_owned()));
        }
        Ok(true)
    }

    /// Writes what is new so far, so that something can be moved into it.
    async fn flush(&mut self) -> Result<()> {
        let drive = self.import.drive();
        let new = std::mem::take(&mut self.new);
        self.first = self.tx.take_item_numbers(drive, new.len() as i64).await? + new.len() as i64;
        self.tx.insert_imported(drive, self.import.number, &new, self.change).await?;
        let told: Vec<(i64, Below)> = std::mem::take(&mut self.told).into_iter().collect();
        self.tx.tell_folders(drive, &told).await
    }

    /// Takes an item out of the recycle bin that an import put there. False where it can't come back.
    async fn restore(&mut self, number: i64, path: &str) -> Result<bool> {
        let Some((parent, _)) = self.parent_of(path) else { return Ok(false) };
        self.restore_to(number, parent, None).await
    }

    /// The same into a folder, by a name that is free there: its own where none is given.
    async fn restore_to(&mut self, number: i64, parent: i64, name: Option<&Name>) -> Result<bool> {
        if parent >= self.first {
            self.flush().await?;
        }
        let id = self.id(number);
        let Some(item) = self.tx.item_or_deleted(id).await? else { return Ok(false) };
        if !self.tx.is_in_recycle_bin(id).await? {
            return Ok(false);
        }
        let name = match name {
            Some(name) => Some(name.clone()),
            None => self.free_place(&item, parent).await?,
        };
        let Some(name) = name else { return Ok(false) };
        check_growth(self.import.service, self.tx, id.drive, item.size()).await?;
        match self.tx.place_deleted(&item, Place { folder: self.id(parent), name: &name }).await {
            Err(Error::PathTooLong) => return Ok(false),
            placed => placed?,
        }
        let item = self.tx.item_or_deleted(id).await?.ok_or(Error::ItemNotFound)?;
        if item.kind() == Kind::Folder {
            self.import.known.above.insert(number, (Some(parent), name.as_str().to_owned()));
        }
        subtree::take_out_of_bin(self.tx, &item, self.change).await
    }

    /// The name that an item had, if it is free.
    async fn free_place(&mut self, item: &Item, parent: i64) -> Result<Option<Name>> {
        let Ok(name) = Name::parse(&item.name) else { return Ok(None) };
        let place = Place { folder: self.id(parent), name: &name };
        let is_new = !self.names.insert((parent, name.key()));
        Ok(if !is_new && self.tx.child(place).await?.is_none() { Some(name) } else { None })
    }
}

enum Slot {
    Free(Name),
    /// A folder of the drive's own, or of another import, that is to show it, too.
    Adopted(i64),
}

fn told(bad: &BadName) -> String {
    bad.to_string()
}
