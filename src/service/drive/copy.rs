//! Copies files and folders within a drive. A copy has none of the links.
//!
//! A content never changes, so a copy names those of what it is a copy of: no byte is copied, and all of it comes to be
//! in one transaction. So it is what was there at that moment, and there is nothing half-made.

use std::collections::HashMap;

use crate::domain::grant::FilesReadWrite;
use crate::domain::ids::ItemId;
use crate::domain::item::{FileVersion, Item, mime_type_of};
use crate::domain::name::Name;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::limits::COPIED;
use crate::service::drive::rename::{Destination, destination};
use crate::service::drive::subtree;
use crate::service::drive::upload::{Slot, find_slot};
use crate::service::drive::usage::check_growth;
use crate::service::rights::Managed;
use crate::service::store::{Below, Change, Copied, FirstName, TreeItem, Tx};
use crate::service::{PlacedItem, Service};

/// Where a copy goes; beside the item, and under its name, where that is not said.
#[derive(Clone, Debug)]
pub struct Copy {
    pub destination: Option<Destination>,
    pub name: Option<Name>,
    pub conflict: Conflict,
}

pub async fn copy_item(
    service: &Service,
    managed: &Managed<FilesReadWrite>,
    copy: &Copy,
) -> Result<PlacedItem> {
    let id = managed.id();
    if id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be copied."));
    }
    let author = managed.author(service).await?;
    let now = service.clock.now();
    let _turn = service.turns.copies.take(managed.who()).await?;
    let seen = look(service, managed).await?;
    let copy_now = async || {
        service
            .store
            .write("copy_item", async |tx| {
                let change = author.change(tx.begin_change(id.drive).await?, now);
                let source = managed.prove(tx).await?;
                // Where the drive has not changed since, what was seen is what is there.
                let tree = match &seen {
                    Some(seen) if seen.change + 1 == change.number => seen.tree.clone(),
                    _ => tree_of(tx, &source).await?,
                };
                let folder = destination(tx, &source, copy.destination.as_ref()).await?;
                let name = match &copy.name {
                    Some(name) => name.clone(),
                    None => Name::parse(&source.name).map_err(Error::internal)?,
                };
                let made = match find_slot(tx, folder, &name, copy.conflict).await? {
                    Slot::Free { name, .. } => {
                        check_growth(service, tx, id.drive, source.size()).await?;
                        insert_copy(tx, (&source, &tree), folder, &name, change).await?
                    }
                    Slot::Taken(taken) => {
                        check_growth(service, tx, id.drive, source.size() - taken.size()).await?;
                        replace_by_copy(tx, &source, &taken, change).await?
                    }
                };
                let item = tx.item(made).await?.ok_or(Error::ItemNotFound)?;
                PlacedItem::of(tx, item).await
            })
            .await
    };
    match copy_now().await {
        Err(Error::PathTooLong) if subtree::measure_again(service, managed.who(), id).await? => {
            copy_now().await
        }
        outcome => outcome,
    }
}

/// What names a copy in the URL that tells how it stands.
pub fn sign_copy(service: &Service, copy: &PlacedItem) -> String {
    service.keys.sign_copy(copy.item.id)
}

/// The copy that a secret names, where it is there.
pub async fn find_copy(service: &Service, secret: &str) -> Result<ItemId> {
    let id = service.keys.prove_copy(secret).ok_or(Error::ItemNotFound)?;
    service.store.read("find_copy").await?.item(id).await?.ok_or(Error::ItemNotFound).map(|_| id)
}

/// What is below a folder, as it was after a change of the drive.
struct Seen {
    change: i64,
    tree: Vec<TreeItem>,
}

/// Looks at what is to be copied before anybody has to wait for it; none where that is a file.
async fn look(service: &Service, managed: &Managed<FilesReadWrite>) -> Result<Option<Seen>> {
    let source = managed.item();
    if source.file().is_some() {
        return Ok(None);
    }
    let _looking = service.turns.slow.take(managed.who()).await?;
    let mut tx = service.store.read_slowly("copy_tree").await?;
    if tx.has_more_children(source.id, COPIED as i64).await? {
        return Err(too_many());
    }
    let change = tx.last_change(source.id.drive).await?;
    Ok(Some(Seen { change, tree: tree_of(&mut tx, source).await? }))
}

fn too_many() -> Error {
    Error::invalid_request(format!("The folder has more than {COPIED} items."))
}

/// What is live below an item, the nearest first. The item itself is one of those that there may be.
async fn tree_of(tx: &mut Tx, source: &Item) -> Result<Vec<TreeItem>> {
    match source.file() {
        Some(_) => Ok(Vec::new()),
        None => tx.tree_below(source.id, COPIED - 1).await?.ok_or_else(too_many),
    }
}

/// A copy of an item with what is below it.
async fn insert_copy(
    tx: &mut Tx,
    (source, tree): (&Item, &[TreeItem]),
    folder: ItemId,
    name: &Name,
    change: Change<'_>,
) -> Result<ItemId> {
    let longest_path = Some(tx.path_of_placed(source, name).await?);
    tx.tell_above(folder, Below { children: 1, bytes: source.size(), longest_path }).await?;
    let drive = source.id.drive;
    let first = tx.take_item_numbers(drive, 1 + tree.len() as i64).await?;
    let mut copied = vec![Copied { from: source.id.number, number: first, folder: folder.number }];
    let mut numbers = HashMap::from([(source.id.number, first)]);
    // Folders come before what is in them.
    for (item, number) in tree.iter().zip(first + 1..) {
        let folder = *numbers.get(&item.parent).ok_or(Error::ItemNotFound)?;
        copied.push(Copied { from: item.number, number, folder });
        numbers.insert(item.number, number);
    }
    let (key, mime_type) = (name.key(), mime_type_of(name.as_str()));
    let first_name =
        FirstName { name: name.as_str(), key: &key, mime_type: source.file().map(|_| mime_type.as_str()) };
    tx.insert_copies(drive, &copied, first_name, change).await?;
    Ok(ItemId { drive, number: first })
}

/// Gives a file the content of another, as a new version.
async fn replace_by_copy(tx: &mut Tx, source: &Item, taken: &Item, change: Change<'_>) -> Result<ItemId> {
    let (Some(file), Some(_)) = (source.file(), taken.file()) else { return Err(Error::NameAlreadyExists) };
    if !tx.has_content(taken.id, file.content_key).await? {
        tx.share_content(taken.id.drive, file.content_key).await?;
    }
    let number = tx.newest_version(taken.id).await? + 1;
    let version = FileVersion { number, mime_type: mime_type_of(&taken.name), ..file.clone() };
    tx.replace_content(taken, &version, change).await?;
    Ok(taken.id)
}
