//! Finds the item that an address names, for a caller who manages it.

use std::sync::Arc;

use crate::access::open_shared;
use crate::app::App;
use crate::clock::random_bytes;
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::identity::Caller;
use crate::domain::item::{Drive, DriveId, Item, ItemId};
use crate::domain::name::Name;
use crate::error::{Error, Result};
use crate::store::{Place, Tx};

/// An item, and the names of the folders it is in, the outermost first; the root has no name.
#[derive(Clone, Debug)]
pub struct PlacedItem {
    pub item: Item,
    pub folders: Arc<[String]>,
}

impl PlacedItem {
    pub async fn of(tx: &mut Tx, item: Item) -> Result<Self> {
        let lineage = tx.lineage(item.id).await?;
        // The item itself is first, the root last; neither is a folder that it is in by name.
        let folders = lineage.into_iter().skip(1).filter(|(number, _)| *number != ItemId::ROOT_NUMBER);
        let mut folders: Vec<String> = folders.map(|(_, name)| name).collect();
        folders.reverse();
        Ok(Self { item, folders: folders.into() })
    }
}

/// The caller's own drive, made at its first use.
pub async fn own_drive(app: &App, caller: &Caller) -> Result<Drive> {
    let user = caller.user.as_ref().ok_or_else(|| {
        Error::invalid_request(
            "An application on its own has no drive: address one by /drives/{id} or /users/{id}/drive.",
        )
    })?;
    let known = app.store.read().await?.drive_of(&caller.tenant, &user.id).await?;
    match known {
        Some(mut drive) => {
            if let Some(name) = &user.name
                && drive.owner_name.as_ref() != Some(name)
            {
                app.store.write(async |tx| tx.rename_owner(drive.id, name).await).await?;
                drive.owner_name = Some(name.clone());
            }
            Ok(drive)
        }
        None => {
            let now = app.clock.now();
            app.store
                .write(async |tx| {
                    let drive = Drive {
                        id: DriveId::from_bytes(random_bytes()),
                        tenant: caller.tenant.clone(),
                        owner: user.id.clone(),
                        owner_name: user.name.clone(),
                    };
                    if tx.insert_drive(&drive, now).await? {
                        return Ok(drive);
                    }
                    // Another request of the same user was first.
                    tx.drive_of(&caller.tenant, &user.id).await?.ok_or(Error::ItemNotFound)
                })
                .await
        }
    }
}

/// The drive of an address, if the caller manages it.
pub async fn managed_drive(app: &App, caller: &Caller, address: &DriveAddress) -> Result<Drive> {
    let drive = match address {
        DriveAddress::Mine => return own_drive(app, caller).await,
        DriveAddress::Of(owner) if caller.user_id() == Some(owner) => return own_drive(app, caller).await,
        DriveAddress::Of(owner) => app.store.read().await?.drive_of(&caller.tenant, owner).await?,
        DriveAddress::Id(id) => app.store.read().await?.drive(*id).await?,
    };
    drive.filter(|drive| caller.manages(&drive.tenant, &drive.owner)).ok_or(Error::ItemNotFound)
}

/// The live item of an address, if the caller manages it.
pub async fn locate(app: &App, caller: &Caller, address: &ItemAddress) -> Result<Item> {
    match address {
        ItemAddress::Shared(shared) => {
            let opened = open_shared(app, Some(caller), shared).await?;
            if !caller.manages(&opened.item.drive.tenant, &opened.item.drive.owner) {
                return Err(Error::ItemNotFound);
            }
            Ok(Arc::unwrap_or_clone(opened.item))
        }
        ItemAddress::InDrive { drive, base, path } => {
            let base = base_of(app, caller, drive, *base).await?;
            let mut tx = app.store.read().await?;
            let item = tx.item(base).await?.ok_or(Error::ItemNotFound)?;
            if !caller.manages(&item.drive.tenant, &item.drive.owner) {
                return Err(Error::ItemNotFound);
            }
            walk(&mut tx, item, path.names()).await
        }
    }
}

/// The id of the item that an address's path starts at. That the caller manages it is still to be seen.
async fn base_of(app: &App, caller: &Caller, drive: &DriveAddress, base: Base) -> Result<ItemId> {
    match (base, drive) {
        (Base::Root, DriveAddress::Id(id)) => Ok(ItemId::root_of(*id)),
        (Base::Root, drive) => Ok(ItemId::root_of(managed_drive(app, caller, drive).await?.id)),
        (Base::Item(item), DriveAddress::Id(id)) if item.drive != *id => Err(Error::ItemNotFound),
        (Base::Item(item), DriveAddress::Of(_)) => {
            let drive = managed_drive(app, caller, drive).await?;
            if item.drive == drive.id { Ok(item) } else { Err(Error::ItemNotFound) }
        }
        // An id names its drive. Whether that is the caller's is seen with the item.
        (Base::Item(item), DriveAddress::Id(_) | DriveAddress::Mine) => Ok(item),
    }
}

/// Follows names down from an item.
pub async fn walk(tx: &mut Tx, from: Item, names: &[Name]) -> Result<Item> {
    if names.is_empty() {
        return Ok(from);
    }
    let mut id = from.id;
    for name in names {
        id = tx.child(Place { folder: id, name }).await?.ok_or(Error::ItemNotFound)?;
    }
    tx.item(id).await?.ok_or(Error::ItemNotFound)
}

pub async fn get_item(app: &App, caller: &Caller, address: &ItemAddress) -> Result<PlacedItem> {
    let item = locate(app, caller, address).await?;
    PlacedItem::of(&mut app.store.read().await?, item).await
}
