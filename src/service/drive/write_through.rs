//! What is uploaded into a folder that was imported with `--write-through` is written there: the upload is a version
//! first, as any, and then the folder's file, which the version names from then on. So nothing is lost in between, and
//! who reads the folder never sees the half of a file.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::StreamExt;
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, fsync, mkdirat, openat,
    renameat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::clock::random_bytes;
use crate::content::{Root, Sha256, TEMPORARY, seen_as};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{FileVersion, Item};
use crate::domain::outside::{Seen, bytes_of, spell_path};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::outside::{is_outside, outside_key};
use crate::service::pieces;
use crate::service::store::{PlaceInImport, ThroughFolder, Tx};

/// How long a disk may take while others wait for the drive.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a file that are read at once.
const PIECE: usize = 64 * 1024;

/// The drives that have such folders, as they were looked up last.
#[derive(Debug, Default)]
pub struct WritingThrough(Mutex<HashSet<DriveId>>);

impl WritingThrough {
    fn has(&self, drive: DriveId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&drive)
    }

    fn set(&self, drives: Vec<DriveId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = drives.into_iter().collect();
    }
}

/// Looks up which drives have such folders.
pub async fn find_written_through(service: &Service) -> Result<()> {
    let drives = service.store.read("written_through").await?.written_through().await?;
    service.writing_through.set(drives);
    Ok(())
}

/// Writes what uploads left in the content store when it could not be written at once.
pub async fn write_rest_through(service: &Service) -> Result<()> {
    find_written_through(service).await?;
    let drives: Vec<DriveId> =
        service.writing_through.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    for drive in drives {
        let rest = service.store.read_slowly("not_written_through").await?.not_written_through(drive).await?;
        for number in rest {
            write_through_or_later(service, ItemId { drive, number }).await;
        }
    }
    Ok(())
}

/// Writes what an item was given, if it is in such a folder. Where that fails it is done later: it is not lost.
pub(super) async fn write_through_or_later(service: &Service, id: ItemId) {
    if !service.writing_through.has(id.drive) {
        return;
    }
    if let Err(error) = Box::pin(write_through(service, id)).await {
        let error = error.inside().unwrap_or_else(|| error.to_string());
        tracing::warn!(%id, error, "what was uploaded is not in its folder yet, and is written there later");
    }
}

/// Where an item's file is to be, and how it looked last, if it was there.
struct Target {
    import_no: i64,
    root: PathBuf,
    path: String,
    before: Option<Seen>,
    /// Folders on the way that the import does not know yet: their paths and items, the outermost first.
    folders: Vec<(String, i64)>,
}

impl Target {
    /// Whether what is there is what was there last, or nothing.
    fn is_as_known(&self, there: Option<&Seen>) -> bool {
        match (&self.before, there) {
            (Some(before), Some(there)) => before.is_unchanged(there),
            // It was taken away: what is uploaded comes in its place.
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }
}

async fn write_through(service: &Service, id: ItemId) -> Result<()> {
    let mut tx = service.store.read("written_through").await?;
    let Some(item) = tx.item(id).await? else { return Ok(()) };
    let Some(file) = item.file().filter(|file| !is_outside(file.content_key)).cloned() else { return Ok(()) };
    let Some(target) = target_of(&mut tx, &item).await? else { return Ok(()) };
    drop(tx);
    let (root, path) = (target.root.clone(), bytes_of(&target.path));
    let place = in_thread(move || FileInFolder::find(&root, &path)).await?;
    let (place, there) = place.seen().await?;
    let (place, new) = if target.is_as_known(there.as_ref()) {
        let (place, seen) = copy_beside(service, id.drive, &file, place).await?;
        (place, NewFile::Beside(seen))
    } else {
        let (size, sha256) = (file.size, file.hashes.sha256.clone());
        let (place, seen) = in_thread(move || {
            let seen = place.seen_if_it_is(size, &sha256)?;
            Ok((place, seen))
        })
        .await?;
        (place, NewFile::There(seen.ok_or_else(another_is_there)?))
    };
    put_in_place(service, &item, &file, &target, &Arc::new(place), &new).await
}

/// The file that is to be the item's, and how it looks.
enum NewFile {
    Beside(Seen),
    /// It was put in its place before, and the database did not learn of it.
    There(Seen),
}

fn another_is_there() -> Error {
    Error::unavailable("another file is there")
}

/// None where the item is not in such a folder.
async fn target_of(tx: &mut Tx, item: &Item) -> Result<Option<Target>> {
    if let Some((import_no, root, path, seen)) = tx.latest_outside(item.id).await? {
        let Root::Folder(root) = Root::parse(&root)? else { return Ok(None) };
        return Ok(Some(Target { import_no, root, path, before: Some(seen), folders: Vec::new() }));
    }
    let lineage = tx.lineage(item.id).await?;
    let numbers: Vec<i64> = lineage.iter().map(|(number, _)| *number).collect();
    let known = tx.through_folders(item.id.drive, &numbers).await?;
    let Some((at, ThroughFolder { import_no, root, path, .. })) = numbers
        .iter()
        .enumerate()
        .find_map(|(at, number)| Some((at, known.iter().find(|known| known.item_no == *number)?)))
    else {
        return Ok(None);
    };
    let Root::Folder(root) = Root::parse(root)? else { return Ok(None) };
    let (mut path, mut folders) = (path.clone(), Vec::new());
    for (number, name) in lineage[..at].iter().rev() {
        let name = spell_path(&file_name_of(name));
        path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if *number != item.id.number {
            folders.push((path.clone(), *number));
        }
    }
    Ok(Some(Target { import_no: *import_no, root, path, before: None, folders }))
}

/// What a file is called that has this name in the drive: what its spelling says, where that is one name and no way.
fn file_name_of(name: &str) -> Vec<u8> {
    let bytes = bytes_of(name);
    let is_way =
        matches!(&bytes[..], b"" | b"." | b"..") || bytes.iter().any(|byte| matches!(byte, b'/' | 0));
    if is_way { name.as_bytes().to_vec() } else { bytes }
}

/// A file, be it there or not, in a folder that is open: no link leads anywhere else.
struct FileInFolder {
    folder: Arc<OwnedFd>,
    name: OsString,
    /// What is to take its place; taken away with this.
    temporary: OsString,
}

impl FileInFolder {
    /// Makes the folders on the way where they are missing, like those that they are in.
    fn find(root: &Path, path: &[u8]) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = openat(CWD, root, flags, Mode::empty())?;
        let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let name = names.pop().filter(|name| !name.is_empty()).ok_or(io::ErrorKind::InvalidInput)?;
        for name in names {
            let name = OsStr::from_bytes(name);
            let open = |folder: &OwnedFd| openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty());
            folder = match open(&folder) {
                Err(Errno::NOENT) => {
                    make_folder(&folder, name)?;
                    open(&folder)?
                }
                opened => opened?,
            };
        }
        let number: [u8; 8] = random_bytes();
        let temporary = format!("{TEMPORARY}{:016x}", u64::from_be_bytes(number)).into();
        Ok(Self { folder: Arc::new(folder), name: OsStr::from_bytes(name).to_owned(), temporary })
    }

    /// How it looks; none where nothing is there. What is no file is no place for one.
    fn look(&self) -> io::Result<Option<(Seen, Stat)>> {
        let stat = match statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(io::Error::other("what is there is no file"));
        }
        let seen = Seen {
            size: stat.st_size,
            modified_ns: stat
                .st_mtime
                .saturating_mul(1_000_000_000)
                .saturating_add(stat.st_mtime_nsec as i64),
            unit_ns: 1,
            etag: None,
            inode: None,
            born_ns: None,
        };
        Ok(Some((seen, stat)))
    }

    /// How it looks if these are its bytes.
    fn seen_if_it_is(&self, size: i64, sha256: &str) -> io::Result<Option<Seen>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file: File = openat(&self.folder, &self.name, flags, Mode::empty())?.into();
        let before = file.metadata()?;
        if !before.is_file() || before.len().cast_signed() != size {
            return Ok(None);
        }
        let (mut digest, mut piece) = (Sha256::default(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => digest.update(&piece[..read]),
            }
        }
        let is_it = digest.finish() == sha256;
        if is_it {
            // Whoever put it there may not have come to this.
            file.sync_all()?;
            fsync(&self.folder)?;
        }
        let (before, after) = (seen_as(&before), seen_as(&file.metadata()?));
        Ok((is_it && before.is_unchanged(&after)).then_some(after))
    }

    async fn seen(self) -> Result<(Self, Option<Seen>)> {
        in_thread(move || {
            let seen = self.look()?.map(|(seen, _)| seen);
            Ok((self, seen))
        })
        .await
    }

    /// A new file beside it, with its mode and owner, or such as the folder's.
    fn begin(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, &self.temporary, flags, Mode::RUSR | Mode::WUSR)?;
        let (model, mode) = match self.look()? {
            Some((_, before)) => (before, before.st_mode & 0o7777),
            None => {
                let folder = fstat(&self.folder)?;
                (folder, folder.st_mode & 0o666)
            }
        };
        fchmod(&file, Mode::from_raw_mode(mode))?;
        // Who may not give files away keeps them.
        let _ = fchown(&file, Some(Uid::from_raw(model.st_uid)), Some(Gid::from_raw(model.st_gid)));
        Ok(file.into())
    }

    /// Lets the new file be the one.
    fn put(&self) -> io::Result<()> {
        renameat(&self.folder, &self.temporary, &self.folder, &self.name)?;
        Ok(fsync(&self.folder)?)
    }
}

impl Drop for FileInFolder {
    fn drop(&mut self) {
        // Once it was put in its place there is none.
        let _ = unlinkat(&self.folder, &self.temporary, AtFlags::empty());
    }
}

fn make_folder(above: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let model = fstat(above)?;
    match mkdirat(above, name, Mode::from_raw_mode(model.st_mode & 0o7777)) {
        Err(Errno::EXIST) => return Ok(()),
        made => made?,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(above, name, flags, Mode::empty())?;
    // What the process is told to keep from others is not meant for others' folders.
    fchmod(&folder, Mode::from_raw_mode(model.st_mode & 0o7777))?;
    // As above.
    let _ = fchown(&folder, Some(Uid::from_raw(model.st_uid)), Some(Gid::from_raw(model.st_gid)));
    Ok(fsync(above)?)
}

/// The content as a file beside the one that it is to be, on the disk; and how it looks.
async fn copy_beside(
    service: &Service,
    drive: DriveId,
    file: &FileVersion,
    place: FileInFolder,
) -> Result<(FileInFolder, Seen)> {
    let (mut to, place) = in_thread(move || Ok((place.begin()?, place))).await?;
    let size = file.size.cast_unsigned();
    let mut bytes =
        pieces::read(&service.store, &service.content, drive, file.content_key, size, 0..size).await?;
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        to = in_thread(move || {
            to.write_all(&piece)?;
            Ok(to)
        })
        .await?;
    }
    let metadata = in_thread(move || {
        to.sync_all()?;
        to.metadata()
    })
    .await?;
    Ok((place, seen_as(&metadata)))
}

/// Lets the file be the item's, while nobody else changes the drive: so the last upload is what stays. Where the item
/// has another content by now, or the file is not what it was, it stays as it is.
async fn put_in_place(
    service: &Service,
    item: &Item,
    file: &FileVersion,
    target: &Target,
    place: &Arc<FileInFolder>,
    new: &NewFile,
) -> Result<()> {
    let now = service.clock.now();
    service
        .store
        .write("write_through", async |tx| {
            let change = tx.begin_change(item.id.drive).await?;
            let current = tx.item(item.id).await?;
            let current = current.and_then(|item| item.file().map(|file| file.content_key));
            if current != Some(file.content_key) {
                return Ok(());
            }
            let (looked_at, put) = (place.clone(), place.clone());
            let there = in_time(move || looked_at.look()).await?;
            let there = there.as_ref().map(|(there, _)| there);
            if matches!(new, NewFile::There(_)) {
                let paths = std::slice::from_ref(&target.path);
                let known = tx.imported(item.id.drive, target.import_no, paths).await?;
                if known.iter().any(|row| row.item_no != item.id.number && !row.is_purged) {
                    return Err(another_is_there());
                }
            }
            let seen = match new {
                NewFile::Beside(seen) if target.is_as_known(there) => {
                    in_time(move || put.put()).await?;
                    seen
                }
                NewFile::There(seen) if there.is_some_and(|there| seen.is_unchanged(there)) => seen,
                _ => return Err(another_is_there()),
            };
            for (path, number) in &target.folders {
                let row = (path.clone(), *number, None);
                tx.set_imported_folders(item.id.drive, target.import_no, &[row]).await?;
            }
            let at = PlaceInImport {
                import_no: target.import_no,
                path: &target.path,
                location: None,
                is_latest: true,
            };
            tx.write_version_through(item.id, file, outside_key(change, 0), at, seen).await?;
            if !tx.has_content(item.id, file.content_key).await? {
                tx.leave_content(item.id.drive, file.content_key, now).await?;
            }
            Ok(())
        })
        .await
}

/// Does what waits for the disk.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?;
    done.map_err(Error::unavailable)
}

/// The same while others wait for it: a disk that is not there is given up soon.
async fn in_time<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    tokio::time::timeout(PATIENCE, in_thread(work)).await.map_err(Error::unavailable)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_spells_a_way_is_taken_as_it_is() {
        assert_eq!(file_name_of("a%3Ab"), b"a:b");
        for name in ["%2E%2E", "%2E%2E%2Fx", "%2Fetc", "a%00b", "%2E"] {
            assert_eq!(file_name_of(name), name.as_bytes());
        }
    }
}
