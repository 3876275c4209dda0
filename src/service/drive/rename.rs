//! Renames and moves. Links name items by number, so they follow.

use crate::domain::address::Base;
use crate::domain::grant::FilesReadWrite;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{ClientProperties, Item, Kind};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::service::drive::subtree;
use crate::service::drive::upload::free_name;
use crate::service::rights::{Managed, walk};
use crate::service::store::{Place, Together, Tx};
use crate::service::{PlacedItem, Service};

/// The folder an item is to go to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Must be the item's own; none: it is.
    pub drive: Option<DriveId>,
    pub base: Base,
    pub path: ItemPath,
}

/// What is to change; what is none stays.
#[derive(Clone, Debug)]
pub struct ItemUpdate {
    pub name: Option<Name>,
    pub destination: Option<Destination>,
    pub properties: ClientProperties,
    pub conflict: Conflict,
}

pub async fn update_item(
    service: &Service,
    managed: &Managed<FilesReadWrite>,
    update: &ItemUpdate,
    preconditions: &Preconditions,
) -> Result<PlacedItem> {
    let id = managed.id();
    let author = managed.author(service).await?;
    let now = service.clock.now();
    let is_placed = update.name.is_some() || update.destination.is_some();
    if is_placed && id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be renamed or moved."));
    }
    // What fails later undoes the work of others who share the transaction, so that they do it again.
    if !preconditions.hold(Some(managed.item())) {
        return Err(Error::ResourceModified);
    }
    let update_now = async || {
        service
            .store
            .write_together("update_item", Together::Drive(id.drive), async |tx| {
                let number = tx.begin_change(id.drive).await?;
                let item = managed.prove(tx).await?;
                if !preconditions.hold(Some(&item)) {
                    return Err(Error::ResourceModified);
                }
                let mut above = None;
                if is_placed {
                    let folder = destination(tx, &item, update.destination.as_ref()).await?;
                    let name = match &update.name {
                        Some(name) => name.clone(),
                        None => Name::parse(&item.name).map_err(Error::internal)?,
                    };
                    // Without another name to go to, one that is taken is found where the item is placed.
                    let name = match update.conflict {
                        Conflict::Rename => match tx.child(Place { folder, name: &name }).await? {
                            Some(existing) if existing != item.id => free_name(tx, folder, &name).await?,
                            // It may change the case of its own name.
                            _ => name,
                        },
                        Conflict::Fail | Conflict::Replace => name,
                    };
                    let place = Place { folder, name: &name };
                    above = Some(tx.place_item(&item, place, author.change(number, now)).await?);
                }
                if !update.properties.is_empty() {
                    tx.set_properties(item.id, &update.properties, number).await?;
                }
                let item = tx.item(item.id).await?.ok_or(Error::ItemNotFound)?;
                match above {
                    Some(above) => Ok(PlacedItem::within(item, &above)),
                    None => PlacedItem::of(tx, item).await,
                }
            })
            .await
    };
    match update_now().await {
        Err(Error::PathTooLong) if subtree::measure_again(service, managed.who(), id).await? => {
            update_now().await
        }
        outcome => outcome,
    }
}

/// The folder an item goes to: a live one of the same drive, and not inside the item itself.
pub(super) async fn destination(tx: &mut Tx, item: &Item, wanted: Option<&Destination>) -> Result<ItemId> {
    let no_folder = || Error::invalid_request("The new parent is not a folder of the same drive.");
    let folder = match wanted {
        // Where it is live, the folder that it is in is, too.
        None if !item.deleted => {
            return item.parent.map(|number| ItemId { number, ..item.id }).ok_or_else(no_folder);
        }
        None => item.parent.map(|number| ItemId { number, ..item.id }).ok_or_else(no_folder)?,
        Some(wanted) => {
            let base = match wanted.base {
                Base::Root => ItemId::root_of(item.id.drive),
                Base::Item(id) => id,
            };
            if base.drive != item.id.drive || wanted.drive.is_some_and(|drive| drive != base.drive) {
                return Err(no_folder());
            }
            let base = tx.item(base).await?.ok_or_else(no_folder)?;
            match walk(tx, base, wanted.path.names()).await {
                Err(Error::ItemNotFound) => return Err(no_folder()),
                found => found?.id,
            }
        }
    };
    match tx.item(folder).await? {
        Some(folder) if folder.kind() == Kind::Folder => {}
        _ => return Err(no_folder()),
    }
    if tx.is_inside(folder, item.id).await? {
        return Err(Error::invalid_request("A folder can't be moved into itself."));
    }
    Ok(folder)
}
