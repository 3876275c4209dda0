//! Puts bytes into a drive.
//!
//! The bytes go to the content store first, under a fresh key; then one transaction makes them an
//! item's current version. So no transaction waits for a client, and until the last moment nobody
//! sees any of it.

use bytes::Bytes;
use futures_util::Stream;
use uuid::Uuid;

use crate::access::PlacedItem;
use crate::app::App;
use crate::clock::{Timestamp, random_bytes};
use crate::content::Stored;
use crate::domain::item::{DriveId, FileVersion, Item, ItemId, Kind, mime_type_of};
use crate::domain::link::{LinkId, LinkType};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::drive::Author;
use crate::error::{Error, Result};
use crate::limits::Who;
use crate::store::{Below, Change, NewItem, Place, Tx};

/// How many names are tried for one that is free: a few, then all.
const FEW_RENAMES: u32 = 10;
const RENAMES: u32 = 1_000;

/// Where an upload goes, and under which conditions.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The file to give new content, or the folder that the path starts at.
    pub base: ItemId,
    /// Folders on the way are made where they are missing.
    pub path: &'a ItemPath,
    pub conflict: Conflict,
    pub preconditions: &'a Preconditions,
    pub author: &'a Author,
    /// The edit link it comes through, and the item that link is on. Both must still be so at the end.
    pub through: Option<(ItemId, LinkId)>,
}

impl Upload<'_> {
    /// Whose turn it takes.
    pub(super) fn who(&self) -> Who {
        match (self.through, &self.author.who) {
            (Some((_, link)), _) => Who::Link(link),
            (None, Some(who)) => who.clone(),
            (None, None) => Who::Drive(self.base.drive),
        }
    }
}

/// Refuses what can never become an upload, before any byte is read.
pub fn check_target(base: &Item, path: &ItemPath) -> Result<()> {
    match base.kind() {
        Kind::Folder if path.is_empty() => {
            Err(Error::invalid_request("The item is a folder: it has no content."))
        }
        Kind::File if !path.is_empty() => Err(Error::ItemNotFound),
        _ => Ok(()),
    }
}

/// Stores the body, which is at most `limit` bytes, as a file's current version. True where that made the file.
pub async fn upload(
    app: &App,
    target: &Upload<'_>,
    limit: u64,
    body: impl Stream<Item = Result<Bytes>> + Unpin,
) -> Result<(PlacedItem, bool)> {
    let loose = put_loose(app, target.base.drive, target.who(), limit, body).await?;
    let now = app.clock.now();
    let outcome = app.store.write(async |tx| commit(tx, target, &loose, now).await).await;
    if outcome.is_err() {
        // Best done now; the sweep does it later where this fails.
        let _ = discard(app, target.base.drive, loose.key).await;
    }
    outcome
}

/// Content that is stored, and that no version names yet.
pub(super) struct LooseContent {
    pub key: Uuid,
    pub stored: Stored,
}

/// Stores what the body yields under a fresh key. Nothing is left when it fails.
pub(super) async fn put_loose(
    app: &App,
    drive: DriveId,
    who: Who,
    limit: u64,
    body: impl Stream<Item = Result<Bytes>> + Unpin,
) -> Result<LooseContent> {
    let _turn = app.turns.uploads.take_many(who, app.content.memory_of_upload(limit).div_ceil(1024)).await?;
    let key = Uuid::from_bytes(random_bytes());
    app.store.write(async |tx| tx.insert_loose_content(drive, key, app.clock.now()).await).await?;
    match app.content.put(drive, key, limit, body).await {
        Ok(stored) => Ok(LooseContent { key, stored }),
        Err(error) => {
            // As in `upload`.
            let _ = discard(app, drive, key).await;
            Err(error)
        }
    }
}

/// Makes a content the current version of the file that the target names.
pub(super) async fn commit(
    tx: &mut Tx,
    target: &Upload<'_>,
    content: &LooseContent,
    now: Timestamp,
) -> Result<(PlacedItem, bool)> {
    let drive = target.base.drive;
    let change = target.author.change(tx.begin_change(drive).await?, now);
    let slot = resolve(tx, target).await?;
    let (name, existing) = match &slot {
        Slot::Free { name, .. } => (name.as_str(), None),
        Slot::Taken(item) => (item.name.as_str(), Some(&**item)),
    };
    if !target.preconditions.hold(existing) {
        return Err(Error::ResourceModified);
    }
    let mut file = FileVersion {
        number: 1,
        content_key: content.key,
        size: content.stored.size,
        mime_type: mime_type_of(name),
        hashes: content.stored.hashes.clone(),
    };
    let (id, is_new) = match &slot {
        Slot::Taken(item) => {
            file.number = tx.newest_version(item.id).await? + 1;
            tx.replace_content(item, &file, change).await?;
            (item.id, false)
        }
        Slot::Free { folder, missing, name } => {
            let folder = make_folders(tx, *folder, missing, name, file.size, change).await?;
            (tx.insert_item(Place { folder, name }, NewItem::File(&file), change).await?, true)
        }
    };
    if !tx.delete_loose_content(drive, content.key).await? {
        // It took so long that it was swept.
        return Err(Error::RequestTimeout);
    }
    let item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
    Ok((PlacedItem::of(tx, item).await?, is_new))
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

/// Makes the folders that are missing on the way to a new file, with what is to be below them; gives the last one.
/// Those above are told once, of all of it.
async fn make_folders(
    tx: &mut Tx,
    folder: ItemId,
    missing: &[Name],
    file: &Name,
    bytes: i64,
    change: Change<'_>,
) -> Result<ItemId> {
    let mut path = file.characters() + missing.iter().map(|name| name.characters() + 1).sum::<i64>();
    tx.tell_above(folder, Below { children: 1, bytes, longest_path: Some(path) }).await?;
    let mut folder = folder;
    for name in missing {
        path -= name.characters() + 1;
        let below = Below { children: 1, bytes, longest_path: Some(path) };
        folder = tx.insert_item(Place { folder, name }, NewItem::Folder(below), change).await?;
    }
    Ok(folder)
}

/// Where the upload goes.
async fn resolve(tx: &mut Tx, target: &Upload<'_>) -> Result<Slot> {
    let base = tx.item(target.base).await?.ok_or(Error::ItemNotFound)?;
    check_target(&base, target.path)?;
    if let Some((shared, link)) = target.through {
        let link_type = tx.link_type(shared, link).await?;
        if link_type != Some(LinkType::Edit) || !tx.is_inside(base.id, shared).await? {
            return Err(Error::ItemNotFound);
        }
    }
    let Some((last, folders)) = target.path.split_last() else { return Ok(Slot::Taken(Box::new(base))) };
    let mut folder = base.id;
    for (depth, name) in folders.iter().enumerate() {
        let Some(id) = tx.child(Place { folder, name }).await? else {
            let missing = folders[depth..].to_vec();
            return Ok(Slot::Free { folder, missing, name: last.clone() });
        };
        folder = match tx.item(id).await? {
            Some(item) if item.kind() == Kind::Folder => id,
            _ => return Err(Error::invalid_request("A file is where the path wants a folder.")),
        };
    }
    match find_slot(tx, folder, last, target.conflict).await? {
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

/// Takes a content away that no version names.
pub(super) async fn discard(app: &App, drive: DriveId, key: Uuid) -> Result<()> {
    // The row first: from here on no transaction can make it a version's.
    if app.store.write(async |tx| tx.delete_loose_content(drive, key).await).await? {
        app.content.delete(drive, key).await?;
    }
    Ok(())
}
