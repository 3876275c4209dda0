//! What is uploaded into a folder that was imported with `--write-through` is written there: the upload is a version
//! first, as any, and then the folder's file, which the version names from then on. So nothing is lost in between, and
//! who reads the folder never sees the half of a file.

use std::collections::HashSet;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures_util::stream::StreamExt;

use crate::clock::random_bytes;
use crate::content::{Root, TEMPORARY};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{FileVersion, Item};
use crate::domain::outside::{Place, Seen, bytes_of, path_of, spell_path};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::outside::{is_outside, outside_key};
use crate::service::pieces;
use crate::service::store::{PlaceInImport, ThroughFolder, Tx};

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

/// Where an item's file is to be, and how it looks now, if it is there.
struct Target {
    import_no: i64,
    root: PathBuf,
    path: String,
    before: Option<Seen>,
    /// Folders on the way that the import does not know yet: their paths and items, the outermost first.
    folders: Vec<(String, i64)>,
}

async fn write_through(service: &Service, id: ItemId) -> Result<()> {
    let mut tx = service.store.read("written_through").await?;
    let Some(item) = tx.item(id).await? else { return Ok(()) };
    let Some(file) = item.file().filter(|file| !is_outside(file.content_key)).cloned() else { return Ok(()) };
    let Some(target) = target_of(&mut tx, &item).await? else { return Ok(()) };
    drop(tx);
    let temporary = copy_beside(service, id.drive, &file, &target).await?;
    let written = put_in_place(service, &item, &file, &target, &temporary).await;
    if written.as_ref().is_ok_and(|written| !written) || written.is_err() {
        // It is there no more where it was put in its place.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map(|_| ())
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
        let name = spell_path(&bytes_of(name));
        path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if *number != item.id.number {
            folders.push((path.clone(), *number));
        }
    }
    Ok(Some(Target { import_no: *import_no, root, path, before: None, folders }))
}

/// The content as a file beside the one that it is to be, synced. Gives its path.
async fn copy_beside(
    service: &Service,
    drive: DriveId,
    file: &FileVersion,
    target: &Target,
) -> Result<PathBuf> {
    let full = target.root.join(path_of(&target.path));
    let root = target.root.clone();
    let (mut to, temporary) = in_thread(move || begin_beside(&root, &full)).await?;
    let size = file.size.cast_unsigned();
    let mut bytes =
        pieces::read(&service.store, &service.content, drive, file.content_key, size, 0..size).await?;
    let copied = async {
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            to = in_thread(move || {
                to.write_all(&piece)?;
                Ok(to)
            })
            .await?;
        }
        in_thread(move || to.sync_all()).await
    };
    let copied = copied.await;
    if copied.is_err() {
        // As it failed already.
        let _ = std::fs::remove_file(&temporary);
    }
    copied.map(|()| temporary)
}

fn begin_beside(root: &Path, full: &Path) -> io::Result<(std::fs::File, PathBuf)> {
    let folder = full.parent().unwrap_or(root);
    make_folders(root, folder)?;
    // Links may lead out of the root: nothing is written there.
    if !folder.canonicalize()?.starts_with(root.canonicalize()?) {
        return Err(io::Error::other("the folder leads out of what was imported"));
    }
    let name: [u8; 8] = random_bytes();
    let temporary = folder.join(format!("{TEMPORARY}{:016x}", u64::from_be_bytes(name)));
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let (model, mode) = match full.symlink_metadata() {
        Ok(before) => (before.clone(), before.mode() & 0o7777),
        Err(_) => (folder.metadata()?, folder.metadata()?.mode() & 0o666),
    };
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    // Who may not give files away keeps them.
    let _ = fchown(&file, Some(model.uid()), Some(model.gid()));
    Ok((file, temporary))
}

/// The folders on the way, like those that they are in.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() || !folder.starts_with(root) {
        return Ok(());
    }
    let Some(above) = folder.parent() else { return Ok(()) };
    make_folders(root, above)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    let model = above.metadata()?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(model.mode() & 0o7777))?;
    // As above.
    let _ = std::os::unix::fs::chown(folder, Some(model.uid()), Some(model.gid()));
    Ok(())
}

/// Lets the file be the item's, while nobody else changes the drive: so the last upload is what stays. False where the
/// item has another content by now, or the file is not what it was: then it stays as it is.
async fn put_in_place(
    service: &Service,
    item: &Item,
    file: &FileVersion,
    target: &Target,
    temporary: &Path,
) -> Result<bool> {
    let now = service.clock.now();
    let place = Place { root: spelled_root(&target.root), path: target.path.clone() };
    let full = target.root.join(path_of(&target.path));
    service
        .store
        .write("write_through", async |tx| {
            let change = tx.begin_change(item.id.drive).await?;
            let current = tx.item(item.id).await?;
            let is_current =
                current.and_then(|item| item.file().map(|file| file.content_key)) == Some(file.content_key);
            let there = service.content.outside.look(&place).await?;
            let is_as_known = match (&target.before, &there) {
                (Some(before), Some(there)) => before.is_unchanged(there),
                // It was taken away: what is uploaded comes in its place.
                (_, None) => !full.exists(),
                (None, Some(_)) => false,
            };
            if !is_current || !is_as_known {
                return Ok(false);
            }
            let (from, to) = (temporary.to_owned(), full.clone());
            in_thread(move || {
                std::fs::rename(&from, &to)?;
                std::fs::File::open(to.parent().unwrap_or(&to))?.sync_all()
            })
            .await?;
            let seen = service.content.outside.look(&place).await?.ok_or(Error::ContentGone)?;
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
            tx.write_version_through(item.id, file, outside_key(change, 0), at, &seen).await?;
            if !tx.has_content(item.id, file.content_key).await? {
                tx.leave_content(item.id.drive, file.content_key, now).await?;
            }
            Ok(true)
        })
        .await
}

fn spelled_root(root: &Path) -> String {
    format!("file://{}", spell_path(root.as_os_str().as_encoded_bytes()))
}

/// Does what waits for the disk.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?;
    done.map_err(Error::unavailable)
}
