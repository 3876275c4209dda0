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
use crate::clock::random_bytes;
use crate::domain::authkey::ProvenLink;
use crate::domain::item::{DriveId, FileVersion, Item, ItemId, Kind, mime_type_of};
use crate::domain::link::LinkType;
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::drive::Author;
use crate::error::{Error, Result};
use crate::store::{Change, NewItem, Place, Tx};

/// How often a free name is looked for.
const RENAMES: u32 = 1_000;

/// What to do where an item with the name is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    Fail,
    Replace,
    Rename,
}

/// Where an upload goes, and under which conditions.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The file to give new content, or the folder that the path starts at.
    pub base: &'a Item,
    /// Folders on the way are made where they are missing.
    pub path: &'a ItemPath,
    pub conflict: Conflict,
    pub preconditions: &'a Preconditions,
    pub author: &'a Author,
    /// The edit link it comes through, which must still be there at the end.
    pub through: Option<ProvenLink>,
}

/// Stores the body as a file's current version. True where that made the file.
pub async fn upload(
    app: &App,
    target: &Upload<'_>,
    body: impl Stream<Item = Result<Bytes>> + Unpin,
) -> Result<(PlacedItem, bool)> {
    if target.path.is_empty() && target.base.kind() == Kind::Folder {
        return Err(Error::invalid_request("The item is a folder: it has no content."));
    }
    if !target.path.is_empty() && target.base.kind() == Kind::File {
        return Err(Error::ItemNotFound);
    }
    let drive = target.base.id.drive;
    let key = Uuid::from_bytes(random_bytes());
    app.store.write(async |tx| tx.insert_loose_content(drive, key, app.clock.now()).await).await?;
    let outcome = store_and_commit(app, target, key, body).await;
    if outcome.is_err() {
        // Best done now; the sweep does it later where this fails.
        let _ = discard(app, drive, key).await;
    }
    outcome
}

async fn store_and_commit(
    app: &App,
    target: &Upload<'_>,
    key: Uuid,
    body: impl Stream<Item = Result<Bytes>> + Unpin,
) -> Result<(PlacedItem, bool)> {
    let drive = target.base.id.drive;
    let stored = app.content.put(drive, key, app.limits.upload, body).await?;
    let now = app.clock.now();
    app.store
        .write(async |tx| {
            let change = target.author.change(tx.begin_change(drive).await?, now);
            let slot = resolve(tx, target, change).await?;
            let (name, existing) = match &slot {
                Slot::Free { name, .. } => (name.as_str(), None),
                Slot::Taken(item) => (item.name.as_str(), Some(&**item)),
            };
            if !target.preconditions.hold(existing) {
                return Err(Error::ResourceModified);
            }
            let mut file = FileVersion {
                number: 1,
                content_key: key,
                size: stored.size,
                mime_type: mime_type_of(name),
                hashes: stored.hashes.clone(),
            };
            let (id, is_new) = match &slot {
                Slot::Taken(item) => {
                    file.number = tx.newest_version(item.id).await? + 1;
                    tx.replace_content(item.id, &file, change).await?;
                    (item.id, false)
                }
                Slot::Free { folder, name } => {
                    let place = Place { folder: *folder, name };
                    (tx.insert_item(place, NewItem::File(&file), change).await?, true)
                }
            };
            if !tx.delete_loose_content(drive, key).await? {
                // It took so long that it was swept.
                return Err(Error::RequestTimeout);
            }
            let item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
            Ok((PlacedItem::of(tx, item).await?, is_new))
        })
        .await
}

/// Where in a folder something can go.
pub(super) enum Slot {
    Free {
        folder: ItemId,
        name: Name,
    },
    /// In the place of this item.
    Taken(Box<Item>),
}

/// Where the upload goes. Makes the folders on the way.
async fn resolve(tx: &mut Tx, target: &Upload<'_>, change: Change<'_>) -> Result<Slot> {
    let base = tx.item(target.base.id).await?.ok_or(Error::ItemNotFound)?;
    if let Some(proven) = target.through {
        let opened = tx.open_link(proven).await?.ok_or(Error::ItemNotFound)?;
        let is_inside = tx.lineage(base.id).await?.iter().any(|(number, _)| *number == proven.item().number);
        if opened.link.link_type != LinkType::Edit || !is_inside {
            return Err(Error::ItemNotFound);
        }
    }
    let Some((last, folders)) = target.path.split_last() else { return Ok(Slot::Taken(Box::new(base))) };
    let mut folder = base.id;
    for name in folders {
        let place = Place { folder, name };
        folder = match tx.child(place).await? {
            None => tx.insert_item(place, NewItem::Folder, change).await?,
            Some(id) => match tx.item(id).await? {
                Some(item) if item.kind() == Kind::Folder => id,
                _ => return Err(Error::invalid_request("A file is where the path wants a folder.")),
            },
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
        return Ok(Slot::Free { folder, name: name.clone() });
    };
    match conflict {
        Conflict::Fail => Err(Error::NameAlreadyExists),
        Conflict::Replace => Ok(Slot::Taken(Box::new(tx.item(existing).await?.ok_or(Error::ItemNotFound)?))),
        Conflict::Rename => Ok(Slot::Free { folder, name: free_name(tx, folder, name).await? }),
    }
}

/// The name with the first number that is free.
pub(super) async fn free_name(tx: &mut Tx, folder: ItemId, name: &Name) -> Result<Name> {
    for number in 1..=RENAMES {
        let numbered = name.numbered(number)?;
        if tx.child(Place { folder, name: &numbered }).await?.is_none() {
            return Ok(numbered);
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
