//! The recycle bin. Links of what is in it open nothing, and open again once it is restored.

use crate::access::{PlacedItem, locate};
use crate::app::App;
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::identity::Caller;
use crate::domain::item::ItemId;
use crate::domain::name::Name;
use crate::domain::preconditions::Preconditions;
use crate::drive::Author;
use crate::drive::rename::{Destination, destination};
use crate::drive::subtree;
use crate::error::{Error, Result};
use crate::store::Place;

pub async fn delete_item(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    preconditions: &Preconditions,
) -> Result<()> {
    let item = locate(app, caller, address).await?;
    if item.id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be deleted."));
    }
    let author = Author::of(app, caller).await?;
    let now = app.clock.now();
    let is_done = app
        .store
        .write(async |tx| {
            let change = author.change(tx.begin_change(item.id.drive).await?, now);
            let item = tx.item(item.id).await?.ok_or(Error::ItemNotFound)?;
            if !preconditions.hold(Some(&item)) {
                return Err(Error::ResourceModified);
            }
            subtree::put_into_bin(tx, &item, change).await
        })
        .await?;
    if is_done { Ok(()) } else { subtree::finish(app, item.id).await }
}

/// Takes an item away for good, be it live or in the recycle bin, with all below it.
pub async fn purge_item(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    preconditions: &Preconditions,
) -> Result<()> {
    let author = Author::of(app, caller).await?;
    let id = match deleted_id(address) {
        Ok(id) => id,
        Err(_) => locate(app, caller, address).await?.id,
    };
    let known = app.store.read().await?.item_or_deleted(id).await?;
    known.filter(|item| caller.manages(&item.drive.tenant, &item.drive.owner)).ok_or(Error::ItemNotFound)?;
    if id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be deleted."));
    }
    purge(app, &author, id, preconditions).await
}

/// What is live goes into the recycle bin first: so nothing below it opens any more when the rest begins.
pub(super) async fn purge(
    app: &App,
    author: &Author,
    id: ItemId,
    preconditions: &Preconditions,
) -> Result<()> {
    let now = app.clock.now();
    let mut preconditions = preconditions;
    let none = Preconditions::default();
    loop {
        let (is_in_bin, revoked) = app
            .store
            .write(async |tx| {
                let change = author.change(tx.begin_change(id.drive).await?, now);
                let item = tx.item_or_deleted(id).await?.ok_or(Error::ItemNotFound)?;
                if item.deleted && !tx.is_in_recycle_bin(id).await? {
                    return Err(Error::ItemNotFound);
                }
                if !preconditions.hold(Some(&item)) {
                    return Err(Error::ResourceModified);
                }
                if !item.deleted && !subtree::put_into_bin(tx, &item, change).await? {
                    return Ok((false, Vec::new()));
                }
                Ok((true, subtree::clear_from_bin(tx, &item, change).await?))
            })
            .await?;
        app.metrics.links_revoked(revoked);
        if is_in_bin {
            break;
        }
        subtree::finish(app, id).await?;
        // They were asked of the item as it was.
        preconditions = &none;
    }
    // A link may have been made by who still saw the item live, and be there only now.
    let late = app
        .store
        .write(async |tx| tx.revoke_links_of(id.drive, &[id.number], author.change(0, now)).await)
        .await?;
    app.metrics.links_revoked(late);
    Ok(())
}

/// Where a restored item goes; to its old place under its old name where that is not said.
#[derive(Clone, Debug, Default)]
pub struct Restoration {
    pub name: Option<Name>,
    pub destination: Option<Destination>,
}

/// Takes an item out of the recycle bin. It is addressed by its id: a path leads to live items only.
pub async fn restore_item(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    restoration: &Restoration,
) -> Result<PlacedItem> {
    let id = deleted_id(address)?;
    let author = Author::of(app, caller).await?;
    let now = app.clock.now();
    let known = app.store.read().await?.item_or_deleted(id).await?;
    known.filter(|item| caller.manages(&item.drive.tenant, &item.drive.owner)).ok_or(Error::ItemNotFound)?;
    let restore_now = async || {
        app.store
            .write(async |tx| {
                let change = author.change(tx.begin_change(id.drive).await?, now);
                if !tx.is_in_recycle_bin(id).await? {
                    return Err(Error::ItemNotFound);
                }
                let item = tx.item_or_deleted(id).await?.ok_or(Error::ItemNotFound)?;
                let folder = destination(tx, &item, restoration.destination.as_ref()).await?;
                let name = match &restoration.name {
                    Some(name) => name.clone(),
                    None => Name::parse(&item.name).map_err(Error::internal)?,
                };
                if tx.child(Place { folder, name: &name }).await?.is_some() {
                    return Err(Error::NameAlreadyExists);
                }
                tx.place_deleted(&item, Place { folder, name: &name }).await?;
                let item = tx.item_or_deleted(id).await?.ok_or(Error::ItemNotFound)?;
                subtree::take_out_of_bin(tx, &item, change).await
            })
            .await
    };
    let is_done = match restore_now().await {
        Err(Error::PathTooLong) if subtree::measure_again(app, caller.into(), id).await? => {
            restore_now().await?
        }
        outcome => outcome?,
    };
    if !is_done {
        subtree::finish(app, id).await?;
    }
    let mut tx = app.store.read().await?;
    let item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
    PlacedItem::of(&mut tx, item).await
}

fn deleted_id(address: &ItemAddress) -> Result<ItemId> {
    match address {
        ItemAddress::InDrive { drive, base: Base::Item(id), path } if path.is_empty() => match drive {
            DriveAddress::Id(drive) if *drive != id.drive => Err(Error::ItemNotFound),
            _ => Ok(*id),
        },
        _ => Err(Error::ItemNotFound),
    }
}
