//! Puts bytes into a drive.
//!
//! The bytes go to the content store first, under a fresh key; then one transaction makes them an
//! item's current version. So no transaction waits for a client, and until the last moment nobody
//! sees any of it.

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::Stream;
use uuid::Uuid;

use crate::clock::{Timestamp, random_bytes};
use crate::content::Digests;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{FileVersion, HasNoContent, Hashes, Item, Kind, mime_type_of};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::limits::Who;
use crate::service::drive::usage::{check_growth, check_room_for};
use crate::service::drive::write_through::write_through_or_later;
use crate::service::rights::{ToWrite, walk};
use crate::service::store::{Below, Change, NewItem, Place, Together, Tx};
use crate::service::{PlacedItem, Service, pieces};

/// Longer than any upload takes: its content is not swept before.
const LONGEST_UPLOAD: TimeDelta = TimeDelta::days(1);
/// Bytes that are read sooner than it is known whether there is room for them: whoever sends more is told before.
pub const READ_AT_ONCE: u64 = 64 * 1024;
/// How many names are tried for one that is free: a few, then all.
const FEW_RENAMES: u32 = 10;
const RENAMES: u32 = 1_000;

/// Where an upload goes, and under which conditions.
#[derive(Debug)]
pub struct Upload<'a> {
    /// To the file that is to get new content, or the folder that the path starts at.
    pub to: &'a ToWrite,
    /// Folders on the way are made where they are missing.
    pub path: &'a ItemPath,
    pub conflict: Conflict,
    pub preconditions: &'a Preconditions,
}

/// Refuses what can never become an upload, before any byte is read.
pub fn check_target(base: &Item, path: &ItemPath) -> Result<()> {
    match base.kind() {
        Kind::Folder if path.is_empty() => Err(HasNoContent.into()),
        Kind::File if !path.is_empty() => Err(Error::ItemNotFound),
        _ => Ok(()),
    }
}

/// Refuses what the drive has no room for, before any byte is read. `length` is what the client says.
pub async fn check_room(service: &Service, to: &ToWrite, path: &ItemPath, length: u64) -> Result<()> {
    let base = to.base();
    // Who may see nothing could find out by it how much is there: for them it is seen when the bytes are.
    if to.only_adds() && i64::try_from(length).is_ok_and(|length| length <= service.quota) {
        return Ok(());
    }
    let mut tx = service.store.read("check_room").await?;
    let (used, _) = tx.bytes_used(base.id.drive).await?;
    let room = service.quota.saturating_sub(used);
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    if length <= room {
        return Ok(());
    }
    // What it takes the place of makes room.
    let replaced = match walk(&mut tx, base.clone(), path.names()).await {
        Ok(item) if item.kind() == Kind::File => item.size(),
        Ok(_) | Err(Error::ItemNotFound) => 0,
        Err(error) => return Err(error),
    };
    if length.saturating_sub(replaced) <= room { Ok(()) } else { Err(Error::QuotaLimitReached) }
}

/// Stores the body, which is at most `limit` bytes, as a file's current version. True where that made the file.
pub async fn upload(
    service: &Service,
    target: &Upload<'_>,
    limit: u64,
    body: impl Stream<Item = Result<Bytes>> + Unpin,
) -> Result<(PlacedItem, bool)> {
    check_target(target.to.base(), target.path)?;
    let drive = target.to.base().id.drive;
    let mut digests = Digests::default();
    let pending = put_pending(service, drive, target.to.who(), limit, body, &mut digests).await?;
    let content = NewContent { key: pending.key, size: pending.size, hashes: digests.finish().await? };
    let now = service.clock.now();
    let outcome = service
        .store
        .write_together("upload", Together::Drive(drive), async |tx| {
            take_pending(tx, drive, content.key).await?;
            commit(service, tx, target, &content, now).await
        })
        .await;
    match &outcome {
        Ok((placed, _)) => write_through_or_later(service, placed.item.id).await,
        // Best done now; the sweep does it later where this fails.
        Err(_) => _ = discard(service, drive, content.key).await,
    }
    outcome
}

/// What the body yielded is stored under this key, and nothing names it yet.
pub(super) struct PendingContent {
    pub key: Uuid,
    pub size: i64,
}

/// A content that is to be a version's, and is pending until then.
pub(super) struct NewContent {
    pub key: Uuid,
    pub size: i64,
    pub hashes: Hashes,
}

/// Stores what the body yields under a fresh key. Nothing is left when it fails. `digests` go on with it.
pub(super) async fn put_pending(
    service: &Service,
    drive: DriveId,
    who: Who,
    limit: u64,
    body: impl Stream<Item = Result<Bytes>> + Unpin,
    digests: &mut Digests,
) -> Result<PendingContent> {
    let memory = service.content.memory_of_upload(limit).div_ceil(1024);
    let _turn = service.turns.uploads.take_many(who, memory).await?;
    let key = Uuid::from_bytes(random_bytes());
    let due_at = service.clock.now() + LONGEST_UPLOAD;
    let note = async |tx: &mut Tx| tx.insert_pending_content(drive, key, due_at).await;
    service.store.write_together("insert_pending_content", Together::Rows, note).await?;
    match Box::pin(service.content.put(drive, key, limit, body, digests)).await {
        Ok(size) => Ok(PendingContent { key, size: size.cast_signed() }),
        Err(error) => {
            // As in `upload`.
            let _ = discard(service, drive, key).await;
            Err(error)
        }
    }
}

/// Makes a content the current version of the file that the target names.
pub(super) async fn commit(
    service: &Service,
    tx: &mut Tx,
    target: &Upload<'_>,
    content: &NewContent,
    now: Timestamp,
) -> Result<(PlacedItem, bool)> {
    let drive = target.to.base().id.drive;
    let (number, new) = tx.begin_change_with_item(drive).await?;
    let change = target.to.author().change(number, now);
    let base = target.to.prove(tx).await?;
    // The root has the size of all the drive's files.
    let used = base.id.is_root().then_some(base.size());
    let slot = resolve(tx, target, base).await?;
    let (name, existing) = match &slot {
        Slot::Free { name, .. } => (name.as_str(), None),
        Slot::Taken(item) => (item.name.as_str(), Some(&**item)),
    };
    if !target.preconditions.hold(existing) {
        return Err(Error::ResourceModified);
    }
    let growth = content.size - existing.map_or(0, Item::size);
    match used {
        Some(used) => check_room_for(service, used, growth)?,
        None => check_growth(service, tx, drive, growth).await?,
    }
    let mut file = FileVersion {
        number: 1,
        content_key: content.key,
        size: content.size,
        mime_type: mime_type_of(name),
        hashes: content.hashes.clone(),
    };
    let (id, above) = match &slot {
        Slot::Taken(item) => {
            file.number = tx.newest_version(item.id).await? + 1;
            tx.replace_content(item, &file, change).await?;
            (item.id, None)
        }
        Slot::Free { folder, missing, name } => {
            let (folder, above) = make_folders(tx, *folder, missing, name, file.size, change).await?;
            let place = Place { folder, name };
            (tx.insert_item_as(new, place, NewItem::File(&file), change).await?, Some(above))
        }
    };
    let mut item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
    if target.to.only_adds()
        && let Some((sent, _)) = target.path.split_last()
    {
        // The name it has would tell that another has the one that was sent.
        item.name = sent.as_str().to_owned();
    }
    match above {
        Some(above) => Ok((PlacedItem::within(item, &above), true)),
        None => Ok((PlacedItem::of(tx, item).await?, false)),
    }
}

/// Lets pending content be a version's from now on.
pub(super) async fn take_pending(tx: &mut Tx, drive: DriveId, key: Uuid) -> Result<()> {
    if tx.delete_pending_content(drive, key).await? {
        Ok(())
    } else {
        // It took so long that it was swept.
        Err(Error::RequestTimeout)
    }
}

/// Where in a folder something can go.
pub(super) enum Slot {
    Free {
        folder: ItemId,
        /// Folders that are to be made within each other before.
        missing: Vec<Name>,
        name: Name,
    },
    /// In the place of this item.
    Taken(Box<Item>),
}

/// Makes the folders that are missing on the way to a new file, with what is to be below them; gives the last one, and
/// its lineage. Those above are told once, of all of it.
async fn make_folders(
    tx: &mut Tx,
    folder: ItemId,
    missing: &[Name],
    file: &Name,
    bytes: i64,
    change: Change<'_>,
) -> Result<(ItemId, Vec<(i64, String)>)> {
    let mut path = file.characters() + missing.iter().map(|name| name.characters() + 1).sum::<i64>();
    let mut above = tx.tell_above(folder, Below { children: 1, bytes, longest_path: Some(path) }).await?;
    let mut folder = folder;
    for name in missing {
        path -= name.characters() + 1;
        let below = Below { children: 1, bytes, longest_path: Some(path) };
        folder = tx.insert_item(Place { folder, name }, NewItem::Folder(below), change).await?;
        above.insert(0, (folder.number, name.as_str().to_owned()));
    }
    Ok((folder, above))
}

/// Where the upload goes.
async fn resolve(tx: &mut Tx, target: &Upload<'_>, base: Item) -> Result<Slot> {
    check_target(&base, target.path)?;
    let Some((last, folders)) = target.path.split_last() else { return Ok(Slot::Taken(Box::new(base))) };
    let only_adds = target.to.only_adds();
    let mut folder = base.id;
    for (depth, name) in folders.iter().enumerate() {
        let Some(id) = tx.child(Place { folder, name }).await? else {
            let missing = folders[depth..].to_vec();
            return Ok(Slot::Free { folder, missing, name: last.clone() });
        };
        folder = match tx.item(id).await? {
            Some(item) if item.kind() == Kind::Folder => id,
            _ if only_adds => match folder_beside(tx, folder, name).await? {
                Beside::There(id) => id,
                Beside::Free(name) => {
                    let mut missing = folders[depth..].to_vec();
                    missing[0] = name;
                    return Ok(Slot::Free { folder, missing, name: last.clone() });
                }
            },
            _ => return Err(Error::invalid_request("A file is where the path wants a folder.")),
        };
    }
    let conflict = if only_adds { Conflict::Rename } else { target.conflict };
    let found = match find_slot(tx, folder, last, conflict).await {
        // So many have sent this name that all its numbers are taken, which is not for others to know.
        Err(Error::NameAlreadyExists) if only_adds => {
            let numbers = u32::from_be_bytes(random_bytes()).max(RENAMES);
            find_slot(tx, folder, &last.numbered(numbers)?, Conflict::Fail).await
        }
        found => found,
    };
    match found? {
        Slot::Taken(item) if item.kind() == Kind::Folder => Err(Error::NameAlreadyExists),
        slot => Ok(slot),
    }
}

/// Where something of this name can go.
pub(super) async fn find_slot(tx: &mut Tx, folder: ItemId, name: &Name, conflict: Conflict) -> Result<Slot> {
    let Some(existing) = tx.child(Place { folder, name }).await? else {
        return Ok(Slot::Free { folder, missing: Vec::new(), name: name.clone() });
    };
    match conflict {
        Conflict::Fail => Err(Error::NameAlreadyExists),
        Conflict::Replace => Ok(Slot::Taken(Box::new(tx.item(existing).await?.ok_or(Error::ItemNotFound)?))),
        Conflict::Rename => {
            Ok(Slot::Free { folder, missing: Vec::new(), name: free_name(tx, folder, name).await? })
        }
    }
}

/// The name with the first number that is free.
pub(super) async fn free_name(tx: &mut Tx, folder: ItemId, name: &Name) -> Result<Name> {
    for numbers in [1..=FEW_RENAMES, FEW_RENAMES + 1..=RENAMES] {
        let names = numbers.map(|number| name.numbered(number)).collect::<Result<Vec<_>, _>>()?;
        if let Some(free) = tx.first_free_name(folder, &names).await? {
            return Ok(names[free].clone());
        }
    }
    Err(Error::NameAlreadyExists)
}

/// Where a folder is, or can be, whose name a file has.
enum Beside {
    There(ItemId),
    Free(Name),
}

/// The folder of the first number: the one that came to be there when the name was wanted before, or a new one.
async fn folder_beside(tx: &mut Tx, folder: ItemId, name: &Name) -> Result<Beside> {
    for number in 1..=RENAMES {
        let name = name.numbered(number)?;
        let Some(id) = tx.child(Place { folder, name: &name }).await? else { return Ok(Beside::Free(name)) };
        if tx.item(id).await?.is_some_and(|item| item.kind() == Kind::Folder) {
            return Ok(Beside::There(id));
        }
    }
    Err(Error::NameAlreadyExists)
}

/// Takes a content away that no version names, be it one or a list of pieces.
pub(super) async fn discard(service: &Service, drive: DriveId, key: Uuid) -> Result<()> {
    // In a store that is not the right one it would seem to be gone.
    service.content.check_identity().await?;
    // From here on no transaction can make it a version's, and whoever finds the row goes on with it.
    let condemn = async |tx: &mut Tx| tx.condemn_pending_content(drive, key).await;
    if !service.store.write("condemn_pending_content", condemn).await? {
        return Ok(());
    }
    pieces::delete(&service.store, &service.content, drive, key).await?;
    let forget = async |tx: &mut Tx| tx.forget_pending_content(drive, key).await;
    service.store.write("forget_pending_content", forget).await
}
