//! The recycle bin. Links of what is in it open nothing, and open again once it is restored.

use crate::domain::grant::FilesReadWrite;
use crate::domain::name::Name;
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::service::author::Author;
use crate::service::drive::rename::{Destination, destination};
use crate::service::drive::subtree;
use crate::service::drive::upload::free_name;
use crate::service::drive::usage::check_growth;
use crate::service::recovery::journal_soon;
use crate::service::rights::{EvenDeleted, Managed};
use crate::service::store::Place;
use crate::service::{PlacedItem, Service};

pub async fn delete_item(
    service: &Service,
    managed: &Managed<FilesReadWrite>,
    preconditions: &Preconditions,
) -> Result<()> {
    let id = managed.id();
    if id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be deleted."));
    }
    let author = managed.author(service).await?;
    let now = service.clock.now();
    let is_done = service
        .store
        .write("delete_item", async |tx| {
            let change = author.change(tx.begin_change(id.drive).await?, now);
            let item = managed.prove(tx).await?;
            if !preconditions.hold(Some(&item)) {
                return Err(Error::ResourceModified);
            }
            subtree::put_into_bin(tx, &item, change).await
        })
        .await?;
    if is_done { Ok(()) } else { subtree::finish(service, id).await }
}

/// Takes an item away for good, be it live or in the recycle bin, with all below it.
pub async fn purge_item(service: &Service, right: &EvenDeleted, preconditions: &Preconditions) -> Result<()> {
    if right.id().is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be deleted."));
    }
    let author = right.author(service).await?;
    purge(service, right, &author, preconditions).await
}

/// What is live goes into the recycle bin first: so nothing below it opens any more when the rest begins.
async fn purge(
    service: &Service,
    right: &EvenDeleted,
    author: &Author,
    preconditions: &Preconditions,
) -> Result<()> {
    let id = right.id();
    let now = service.clock.now();
    let mut preconditions = preconditions;
    let none = Preconditions::default();
    loop {
        let (is_in_bin, revoked) = service
            .store
            .write("purge_item", async |tx| {
                let change = author.change(tx.begin_change(id.drive).await?, now);
                let item = right.prove(tx).await?;
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
        service.metrics.links_revoked(revoked);
        if is_in_bin {
            break;
        }
        subtree::finish(service, id).await?;
        // They were asked of the item as it was.
        preconditions = &none;
    }
    // A link may have been made by who still saw the item live, and be there only now.
    let late = service
        .store
        .write("end_late_links", async |tx| {
            tx.revoke_links_of(id.drive, &[id.number], author.change(0, now)).await
        })
        .await?;
    service.metrics.links_revoked(late);
    journal_soon(service).await;
    Ok(())
}

/// Where a restored item goes; to its old place under its old name where that is not said.
#[derive(Clone, Debug, Default)]
pub struct Restoration {
    pub name: Option<Name>,
    pub destination: Option<Destination>,
    /// Under the name with the first number that is free, where its own is taken by now.
    pub keep_both: bool,
}

/// Takes an item out of the recycle bin.
pub async fn restore_item(
    service: &Service,
    right: &EvenDeleted,
    restoration: &Restoration,
) -> Result<PlacedItem> {
    let id = right.id();
    let author = right.author(service).await?;
    let now = service.clock.now();
    let restore_now = async || {
        service
            .store
            .write("restore_item", async |tx| {
                let change = author.change(tx.begin_change(id.drive).await?, now);
                let item = right.prove(tx).await?;
                if !tx.is_in_recycle_bin(id).await? {
                    return Err(Error::ItemNotFound);
                }
                check_growth(service, tx, id.drive, item.size()).await?;
                let folder = destination(tx, &item, restoration.destination.as_ref()).await?;
                let name = match &restoration.name {
                    Some(name) => name.clone(),
                    None => Name::parse(&item.name).map_err(Error::internal)?,
                };
                let name = match tx.child(Place { folder, name: &name }).await? {
                    None => name,
                    Some(_) if restoration.keep_both => free_name(tx, folder, &name).await?,
                    Some(_) => return Err(Error::NameAlreadyExists),
                };
                tx.place_deleted(&item, Place { folder, name: &name }).await?;
                tx.forget_binned(id).await?;
                let item = right.prove(tx).await?;
                subtree::take_out_of_bin(tx, &item, change).await
            })
            .await
    };
    let is_done = match restore_now().await {
        Err(Error::PathTooLong) if subtree::measure_again(service, right.who(), id).await? => {
            restore_now().await?
        }
        outcome => outcome?,
    };
    if !is_done {
        subtree::finish(service, id).await?;
    }
    let mut tx = service.store.read("restored").await?;
    let item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
    PlacedItem::of(&mut tx, item).await
}
