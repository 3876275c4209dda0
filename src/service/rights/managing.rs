//! What callers manage: their own drives, and the items in these, by whatever address.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::grant::{FilesReadWrite, Granted, Scope};
use crate::domain::identity::{Caller, User};
use crate::domain::ids::ItemId;
use crate::domain::item::{Drive, Item};
use crate::domain::name::{ItemPath, Name};
use crate::error::{Error, Result};
use crate::service::outside::current_or_last;
use crate::service::placed::folder_names;
use crate::service::rights::{Claim, EvenDeleted, Managed, ManagedDrive, Reached, live, managed_by, open};
use crate::service::store::{DriveInUse, ItemsOfLinks, KnownItem, Lineage, Place, Tx, Way};
use crate::service::{PlacedItem, Service};

/// The live item of an address, if the caller manages it.
pub async fn manage<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<Managed<S>> {
    let caller = &granted.caller;
    let item = match address {
        ItemAddress::Shared(shared) => {
            let opened = open(service, Some(caller), shared).await?;
            if !caller.manages(&opened.item.drive.tenant, &opened.item.drive.owner) {
                return Err(Error::ItemNotFound);
            }
            opened.item
        }
        // An id names its drive: one statement tells all.
        ItemAddress::InDrive { drive: DriveAddress::Mine | DriveAddress::Id(_), .. }
            if let Ok(id) = spelled_out(address) =>
        {
            Arc::new(managed_by(caller, service.store.item(id).await?)?)
        }
        ItemAddress::InDrive { drive, base, path } => {
            let (base, mut tx) = base_of(service, caller, drive, *base).await?;
            let item = live(&mut tx, caller, base).await?;
            Arc::new(walk(&mut tx, item, path.names()).await?)
        }
    };
    let item = current_or_last(service, item).await?;
    Ok(Managed { item, caller: caller.clone(), scope: PhantomData })
}

/// The same, and the folders that it is in. What was read lately is shown as it was, where its drive has not changed
/// since: that is one question, which many share.
pub async fn manage_placed<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<(Managed<S>, PlacedItem)> {
    let caller = &granted.caller;
    let known = match known_item(service, caller, address) {
        Some(seen) => prove_standing(service, seen).await?,
        None => None,
    };
    let known = match known {
        Some(known) => known,
        None => read_item(service, granted, address).await?.0,
    };
    let item = current_or_last(service, known.item).await?;
    let placed = PlacedItem { item: item.as_ref().clone(), folders: known.folders };
    Ok((Managed { item, caller: caller.clone(), scope: PhantomData }, placed))
}

/// The same, and the links on it and on the folders that it is in: these are asked for with how the drive stands.
pub async fn manage_reached<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<(Managed<S>, Reached)> {
    let caller = &granted.caller;
    let managed = |item| Managed { item, caller: caller.clone(), scope: PhantomData };
    if let Some((lineage, change, known)) = known_item(service, caller, address) {
        let KnownItem { item, lineage: items, .. } = known;
        let asked = ItemsOfLinks { drive: item.id.drive, kind: item.kind(), items: items.clone() };
        let now = service.queues.links_of(asked).await?;
        if let Some(now) = now.filter(|now| now.lineage == lineage && now.change == change)
            && service.store.are_still_called(item.applications()).await?
        {
            service.metrics.known().hits.inc();
            return Ok((managed(item), Reached { lineage: items, links: now.links }));
        }
        service.metrics.known().missed(true);
    }
    let (known, mut tx) = read_item(service, granted, address).await?;
    let links = tx.links_reaching(known.item.id).await?;
    Ok((managed(known.item), Reached { lineage: known.lineage, links }))
}

/// Reads an item that its caller manages, and keeps it. With it, the transaction that it was read in.
async fn read_item<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<(KnownItem, Tx)> {
    let caller = &granted.caller;
    let era = service.store.era();
    let ItemAddress::InDrive { drive, base, path } = address else {
        let item = manage(service, granted, address).await?.item;
        let mut tx = service.store.read("place").await?;
        let known = located(&mut tx, item).await?;
        return Ok((known, tx));
    };
    let (start, mut tx) = base_of(service, caller, drive, *base).await?;
    let item = live(&mut tx, caller, start).await?;
    let item = Arc::new(walk(&mut tx, item, path.names()).await?);
    let known = located(&mut tx, item).await?;
    if let Some(standing) = tx.standing(start.drive, era).await? {
        let Drive { tenant, owner, .. } = &known.item.drive;
        service.store.keep_drive(tenant, owner, start.drive);
        service.store.keep_item(way_of(start, path), standing, known.clone());
    }
    Ok((known, tx))
}

/// An item, and where it is.
async fn located(tx: &mut Tx, item: Arc<Item>) -> Result<KnownItem> {
    let lineage: Arc<[(i64, String)]> = tx.lineage(item.id).await?.into();
    Ok(KnownItem { item, folders: folder_names(&lineage), lineage })
}

fn way_of(start: ItemId, path: &ItemPath) -> Way {
    let mut way = Way { start, path: String::new() };
    for name in path.names() {
        way.path.push('/');
        way.path.push_str(&name.key());
    }
    way
}

/// How an item's address begins, as far as that is known without a question; none where it is not.
fn known_way(service: &Service, caller: &Caller, address: &ItemAddress) -> Option<Way> {
    let ItemAddress::InDrive { drive, base, path } = address else { return None };
    let drive = match (drive, base) {
        (DriveAddress::Id(id), _) => *id,
        (DriveAddress::Mine, Base::Item(item)) => item.drive,
        (DriveAddress::Mine, Base::Root) => service.store.known_drive(&caller.tenant, caller.user_id()?)?,
        (DriveAddress::Of(owner), _) => service.store.known_drive(&caller.tenant, owner)?,
    };
    let start = match base {
        Base::Root => ItemId::root_of(drive),
        Base::Item(item) => *item,
    };
    (start.drive == drive).then(|| way_of(start, path))
}

/// What is known of an item that the caller manages, with how its drive stood then. None where it is to be read:
/// nothing is known, or its owner is to be called otherwise.
fn known_item(
    service: &Service,
    caller: &Caller,
    address: &ItemAddress,
) -> Option<(Lineage, i64, KnownItem)> {
    let known = known_way(service, caller, address).and_then(|way| service.store.known_item(&way));
    let Some(known) = known else {
        service.metrics.known().missed(false);
        return None;
    };
    let drive = &known.2.item.drive;
    // An id names its drive, whosever that is: the caller manages it or does not.
    let is_address = match address {
        ItemAddress::InDrive { drive: DriveAddress::Mine, base: Base::Item(_), .. } => true,
        ItemAddress::InDrive { drive: at, .. } => is_at(caller, drive, at),
        ItemAddress::Shared(_) => false,
    };
    let is_managed = caller.manages(&drive.tenant, &drive.owner);
    (is_address && is_managed && !is_to_be_renamed(caller, drive)).then_some(known)
}

/// Whether a caller's token calls the drive's owner, who they are, otherwise than the drive does.
fn is_to_be_renamed(caller: &Caller, drive: &Drive) -> bool {
    let name = caller.user.as_ref().filter(|user| user.id == drive.owner).and_then(|user| user.name.as_ref());
    name.is_some_and(|name| drive.owner_name.as_ref() != Some(name))
}

/// What is known of an item, if its drive stands as it did, and its applications are called as they were.
async fn prove_standing(
    service: &Service,
    (lineage, change, mut known): (Lineage, i64, KnownItem),
) -> Result<Option<KnownItem>> {
    let now = service.queues.standing(known.item.id).await?;
    let Some(now) = now.filter(|now| now.lineage == lineage && now.change == change) else {
        service.metrics.known().missed(true);
        return Ok(None);
    };
    if !service.store.are_still_called(known.item.applications()).await? {
        service.metrics.known().missed(true);
        return Ok(None);
    }
    service.metrics.known().hits.inc();
    if now.shared != known.item.shared {
        known.item = Arc::new(Item { shared: now.shared, ..known.item.as_ref().clone() });
    }
    Ok(Some(known))
}

/// The drive of an address, if the caller manages it.
pub async fn manage_drive<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &DriveAddress,
) -> Result<ManagedDrive> {
    let caller = &granted.caller;
    // Where it is known which one it is, it is asked for with others.
    let known = match address {
        DriveAddress::Id(id) => Some(*id),
        DriveAddress::Mine => {
            caller.user_id().and_then(|user| service.store.known_drive(&caller.tenant, user))
        }
        DriveAddress::Of(owner) => service.store.known_drive(&caller.tenant, owner),
    };
    if let Some(id) = known
        && let Some(DriveInUse { drive, used, deleted }) = service.queues.drive(id).await?
        && is_at(caller, &drive, address)
        && caller.manages(&drive.tenant, &drive.owner)
        && !is_to_be_renamed(caller, &drive)
    {
        return Ok(ManagedDrive { drive, used, deleted });
    }
    let drive = managed_drive(service, caller, address).await?;
    service.store.keep_drive(&drive.tenant, &drive.owner, drive.id);
    let (used, deleted) = service.store.read("bytes_used").await?.bytes_used(drive.id).await?;
    Ok(ManagedDrive { drive, used, deleted })
}

/// Whether a drive is the one that an address names.
fn is_at(caller: &Caller, drive: &Drive, address: &DriveAddress) -> bool {
    let is_of = |owner: &str| owner == drive.owner && caller.tenant == drive.tenant;
    match address {
        DriveAddress::Id(id) => *id == drive.id,
        DriveAddress::Mine => caller.user_id().is_some_and(is_of),
        DriveAddress::Of(owner) => is_of(owner),
    }
}

/// An item by its id, if the caller manages it: one that is deleted has no other address.
pub async fn manage_deleted(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<EvenDeleted> {
    let right = EvenDeleted { id: spelled_out(address)?, caller: granted.caller.clone() };
    right.prove(&mut service.store.read("manage_deleted").await?).await?;
    Ok(right)
}

/// An item by whatever address, if the caller manages it; addressed by its id, it may also be in the recycle bin.
pub async fn manage_even_deleted(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<EvenDeleted> {
    if spelled_out(address).is_ok() {
        return manage_deleted(service, granted, address).await;
    }
    let item = manage(service, granted, address).await?;
    Ok(EvenDeleted { id: item.id(), caller: item.caller })
}

/// An id that the address spells out is taken as it is; any other address is looked up.
pub async fn claim(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<Claim> {
    let id = match address {
        ItemAddress::InDrive {
            drive: DriveAddress::Mine | DriveAddress::Id(_),
            base: Base::Item(_),
            path,
        } if path.is_empty() => spelled_out(address)?,
        _ => manage(service, granted, address).await?.id(),
    };
    Ok(Claim { id, caller: granted.caller.clone() })
}

/// The id of an address that is one.
fn spelled_out(address: &ItemAddress) -> Result<ItemId> {
    match address {
        ItemAddress::InDrive { drive, base: Base::Item(id), path } if path.is_empty() => match drive {
            DriveAddress::Id(drive) if *drive != id.drive => Err(Error::ItemNotFound),
            _ => Ok(*id),
        },
        _ => Err(Error::ItemNotFound),
    }
}

/// The caller's own drive, made at its first use.
async fn own_drive(service: &Service, caller: &Caller) -> Result<Drive> {
    let user = user_of(caller)?;
    let known = service.store.read("own_drive").await?.drive_of(&caller.tenant, &user.id).await?;
    if let Some(mut drive) = known {
        if let Some(name) = &user.name
            && drive.owner_name.as_ref() != Some(name)
        {
            let rename = async |tx: &mut Tx| tx.rename_owner(drive.id, name).await;
            service.store.write("rename_owner", rename).await?;
            drive.owner_name = Some(name.clone());
        }
        return Ok(drive);
    }
    let now = service.clock.now();
    service
        .store
        .write("make_drive", async |tx| {
            let drive = Drive {
                id: service.new_ids.drive(&caller.tenant, &user.id),
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

fn user_of(caller: &Caller) -> Result<&User> {
    caller.user.as_ref().ok_or_else(|| {
        Error::invalid_request(
            "An application on its own has no drive: address one by /drives/{id} or /users/{id}/drive.",
        )
    })
}

/// The drive of an address, if the caller manages it; none where it is to be made, or its owner's name written, first.
async fn drive_in(tx: &mut Tx, caller: &Caller, address: &DriveAddress) -> Result<Option<Drive>> {
    let drive = match address {
        DriveAddress::Id(id) => tx.drive(*id).await?,
        DriveAddress::Of(owner) if caller.user_id() != Some(owner) => {
            tx.drive_of(&caller.tenant, owner).await?
        }
        DriveAddress::Mine | DriveAddress::Of(_) => {
            let user = user_of(caller)?;
            let drive = tx.drive_of(&caller.tenant, &user.id).await?;
            return Ok(drive.filter(|drive| user.name.is_none() || drive.owner_name == user.name));
        }
    };
    let drive = drive.filter(|drive| caller.manages(&drive.tenant, &drive.owner));
    drive.ok_or(Error::ItemNotFound).map(Some)
}

async fn managed_drive(service: &Service, caller: &Caller, address: &DriveAddress) -> Result<Drive> {
    let known = drive_in(&mut service.store.read("manage_drive").await?, caller, address).await?;
    match known {
        Some(drive) => Ok(drive),
        None => own_drive(service, caller).await,
    }
}

/// The id of the item that an address's path starts at, and a transaction to go on with. That the caller manages it is
/// still to be seen.
async fn base_of(
    service: &Service,
    caller: &Caller,
    drive: &DriveAddress,
    base: Base,
) -> Result<(ItemId, Tx)> {
    let mut tx = service.store.read("manage").await?;
    match (base, drive) {
        (Base::Root, DriveAddress::Id(id)) => return Ok((ItemId::root_of(*id), tx)),
        // An id names its drive. Whether that is the caller's is seen with the item.
        (Base::Item(item), DriveAddress::Mine) => return Ok((item, tx)),
        (Base::Item(item), DriveAddress::Id(id)) if item.drive == *id => return Ok((item, tx)),
        (Base::Item(_), DriveAddress::Id(_)) => return Err(Error::ItemNotFound),
        (Base::Root, DriveAddress::Mine) | (_, DriveAddress::Of(_)) => {}
    }
    let drive = match drive_in(&mut tx, caller, drive).await? {
        Some(drive) => drive.id,
        None => {
            drop(tx);
            let drive = own_drive(service, caller).await?.id;
            // One that sees it.
            tx = service.store.read("manage").await?;
            drive
        }
    };
    match base {
        Base::Root => Ok((ItemId::root_of(drive), tx)),
        Base::Item(item) if item.drive == drive => Ok((item, tx)),
        Base::Item(_) => Err(Error::ItemNotFound),
    }
}

/// Follows names down from an item.
pub(in crate::service) async fn walk(tx: &mut Tx, from: Item, names: &[Name]) -> Result<Item> {
    if names.is_empty() {
        return Ok(from);
    }
    let mut id = from.id;
    for name in names {
        id = tx.child(Place { folder: id, name }).await?.ok_or(Error::ItemNotFound)?;
    }
    tx.item(id).await?.ok_or(Error::ItemNotFound)
}
