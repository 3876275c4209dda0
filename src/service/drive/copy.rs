//! Copies files and folders within a drive. A copy has contents of its own, and none of the links.
//!
//! What is copied is what was there when the copy began, however the tree changes meanwhile.

use std::collections::HashMap;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::grant::FilesReadWrite;
use crate::domain::ids::ItemId;
use crate::domain::item::Kind;
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::service::author::Author;
use crate::service::drive::Upload;
use crate::service::drive::delete::purge;
use crate::service::drive::rename::{Destination, destination};
use crate::service::drive::upload::{PendingContent, Slot, commit, discard, find_slot, put_pending};
use crate::service::rights::Managed;
use crate::service::store::{Place, TreeItem};
use crate::service::{PlacedItem, Service};

/// Items that one copy may have: it is done before it is answered.
const MOST: usize = 10_000;

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
    let source = managed.item();
    if source.id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be copied."));
    }
    let author = managed.author(service).await?;
    let name = match &copy.name {
        Some(name) => name.clone(),
        None => Name::parse(&source.name).map_err(Error::internal)?,
    };
    let mut tx = service.store.read("copy_destination").await?;
    let folder = destination(&mut tx, source, copy.destination.as_ref()).await?;
    drop(tx);
    let _turn = service.turns.copies.take(managed.who()).await?;
    let copying = Copying { service, managed, author: &author, now: service.clock.now() };
    let made = match source.file() {
        Some(file) => {
            let content = (file.content_key, file.size);
            copying.copy_file(content, folder, name, copy.conflict).await?
        }
        None => {
            // The folder itself is one of them.
            let too_many = || Error::invalid_request(format!("The folder has more than {MOST} items."));
            let looking = service.turns.slow.take(managed.who()).await?;
            let mut tx = service.store.read_slowly("copy_tree").await?;
            if tx.has_more_children(source.id, MOST as i64).await? {
                return Err(too_many());
            }
            let tree = tx.tree_below(source.id, MOST - 1).await?.ok_or_else(too_many)?;
            drop((tx, looking));
            let made = copying.make_folder(folder, name, copy.conflict).await?;
            if let Err(error) = copying.copy_tree(&tree, made).await {
                // Half a copy is none.
                purge(service, &managed.even_deleted(made)?, &author, &Preconditions::default()).await?;
                return Err(error);
            }
            made
        }
    };
    let mut tx = service.store.read("copied").await?;
    let item = tx.item(made).await?.ok_or(Error::ItemNotFound)?;
    PlacedItem::of(&mut tx, item).await
}

/// Whether a copy is there: for who asks by its id, and is told no more than that.
pub async fn find_copy(service: &Service, id: ItemId) -> Result<()> {
    service.store.read("find_copy").await?.item(id).await?.ok_or(Error::ItemNotFound).map(|_| ())
}

struct Copying<'a> {
    service: &'a Service,
    /// What is copied.
    managed: &'a Managed<FilesReadWrite>,
    author: &'a Author,
    now: Timestamp,
}

impl Copying<'_> {
    async fn copy_file(
        &self,
        (content_key, size): (Uuid, i64),
        folder: ItemId,
        name: Name,
        conflict: Conflict,
    ) -> Result<ItemId> {
        let (service, drive) = (self.service, self.managed.id().drive);
        let size = size.cast_unsigned();
        let bytes = service.content.get(drive, content_key, 0..size).await?;
        let folder = service.store.read("copy_file").await?.item(folder).await?.ok_or(Error::ItemNotFound)?;
        let to = self.managed.to_write_into(folder, self.author.clone())?;
        let path = ItemPath::default().child(name);
        let preconditions = Preconditions::default();
        let target = Upload { to: &to, path: &path, conflict, preconditions: &preconditions };
        let pending: PendingContent = put_pending(service, drive, to.who(), size, bytes).await?;
        let made = service
            .store
            .write("copy_file", async |tx| commit(service, tx, &target, &pending, self.now).await)
            .await;
        if made.is_err() {
            // Best done now; the sweep does it later where this fails.
            let _ = discard(service, drive, pending.key).await;
        }
        made.map(|(placed, _)| placed.item.id)
    }

    async fn make_folder(&self, folder: ItemId, name: Name, conflict: Conflict) -> Result<ItemId> {
        let (author, now) = (self.author, self.now);
        self.service
            .store
            .write("copy_folder", async |tx| {
                let change = author.change(tx.begin_change(folder.drive).await?, now);
                if tx.item(folder).await?.is_none() {
                    return Err(Error::ItemNotFound);
                }
                let name = match find_slot(tx, folder, &name, conflict).await? {
                    Slot::Free { name, .. } => name,
                    Slot::Taken(_) => return Err(Error::NameAlreadyExists),
                };
                tx.insert_folder(Place { folder, name: &name }, change).await
            })
            .await
    }

    /// Copies what is below a folder into another. Folders come before what is in them.
    async fn copy_tree(&self, tree: &[TreeItem], made: ItemId) -> Result<()> {
        let mut copies = HashMap::from([(self.managed.id().number, made)]);
        for item in tree {
            let folder = *copies.get(&item.parent).ok_or(Error::ItemNotFound)?;
            let name = Name::parse(&item.name).map_err(Error::internal)?;
            match item.kind {
                Kind::File => {
                    let key = item.content_key.ok_or(Error::ItemNotFound)?;
                    self.copy_file((key, item.size), folder, name, Conflict::Fail).await?;
                }
                Kind::Folder => {
                    copies.insert(item.number, self.make_folder(folder, name, Conflict::Fail).await?);
                }
            }
        }
        Ok(())
    }
}
