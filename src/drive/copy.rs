//! Copies files and folders within a drive. A copy has contents of its own, and none of the links.

use crate::access::{PlacedItem, locate};
use crate::app::App;
use crate::clock::Timestamp;
use crate::domain::address::ItemAddress;
use crate::domain::identity::Caller;
use crate::domain::item::{Item, ItemId, Kind};
use crate::domain::name::{ItemPath, Name};
use crate::domain::order::{Order, OrderBy, PlaceInOrder};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::drive::rename::{Destination, destination};
use crate::drive::upload::{LooseContent, Slot, commit, discard, find_slot, put_loose};
use crate::drive::{Author, Upload};
use crate::error::{Error, Result};
use crate::store::{NewItem, Place};

/// Items that one copy may have: it is done before it is answered.
const MOST: i64 = 10_000;
const PAGE: i64 = 500;

/// Where a copy goes; beside the item, and under its name, where that is not said.
#[derive(Clone, Debug)]
pub struct Copy {
    pub destination: Option<Destination>,
    pub name: Option<Name>,
    pub conflict: Conflict,
}

pub async fn copy_item(app: &App, caller: &Caller, address: &ItemAddress, copy: &Copy) -> Result<PlacedItem> {
    let source = locate(app, caller, address).await?;
    if source.id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be copied."));
    }
    let author = Author::of(app, caller).await?;
    let name = match &copy.name {
        Some(name) => name.clone(),
        None => Name::parse(&source.name).map_err(Error::internal)?,
    };
    let mut tx = app.store.read().await?;
    let folder = destination(&mut tx, &source, copy.destination.as_ref()).await?;
    if tx.count_below(source.id, MOST + 1).await? > MOST {
        return Err(Error::invalid_request(format!("The folder has more than {MOST} items.")));
    }
    drop(tx);
    let copying = Copying { app, author: &author, now: app.clock.now() };
    let made = match source.kind() {
        Kind::File => copying.copy_file(&source, folder, name, copy.conflict).await?,
        Kind::Folder => {
            let made = copying.make_folder(folder, name, copy.conflict).await?;
            if let Err(error) = copying.copy_children(&source, made).await {
                // Half a copy is none.
                copying.take_away(made).await?;
                return Err(error);
            }
            made
        }
    };
    let mut tx = app.store.read().await?;
    let item = tx.item(made).await?.ok_or(Error::ItemNotFound)?;
    PlacedItem::of(&mut tx, item).await
}

struct Copying<'a> {
    app: &'a App,
    author: &'a Author,
    now: Timestamp,
}

impl Copying<'_> {
    async fn copy_file(
        &self,
        source: &Item,
        folder: ItemId,
        name: Name,
        conflict: Conflict,
    ) -> Result<ItemId> {
        let app = self.app;
        let file = source.file().ok_or(Error::ItemNotFound)?;
        let size = file.size.cast_unsigned();
        let bytes = app.content.get(source.id.drive, file.content_key, 0..size).await?;
        let loose: LooseContent = put_loose(app, folder.drive, size, bytes).await?;
        let preconditions = Preconditions::default();
        let path = ItemPath::default().child(name);
        let target = Upload {
            base: folder,
            path: &path,
            conflict,
            preconditions: &preconditions,
            author: self.author,
            through: None,
        };
        let made = app.store.write(async |tx| commit(tx, &target, &loose, self.now).await).await;
        if made.is_err() {
            // Best done now; the sweep does it later where this fails.
            let _ = discard(app, folder.drive, loose.key).await;
        }
        made.map(|(placed, _)| placed.item.id)
    }

    async fn make_folder(&self, folder: ItemId, name: Name, conflict: Conflict) -> Result<ItemId> {
        let (author, now) = (self.author, self.now);
        self.app
            .store
            .write(async |tx| {
                let change = author.change(tx.begin_change(folder.drive).await?, now);
                let name = match find_slot(tx, folder, &name, conflict).await? {
                    Slot::Free { name, .. } => name,
                    Slot::Taken(_) => return Err(Error::NameAlreadyExists),
                };
                tx.insert_item(Place { folder, name: &name }, NewItem::Folder, change).await
            })
            .await
    }

    async fn copy_children(&self, source: &Item, made: ItemId) -> Result<()> {
        let order = Order { by: OrderBy::Name, descending: false };
        let mut after = None;
        loop {
            let children =
                self.app.store.read().await?.children(source.id, order, after.as_ref(), PAGE).await?;
            let Some(last) = children.last() else { return Ok(()) };
            after = Some(PlaceInOrder::of(last));
            for child in &children {
                let name = Name::parse(&child.name).map_err(Error::internal)?;
                match child.kind() {
                    Kind::File => {
                        self.copy_file(child, made, name, Conflict::Fail).await?;
                    }
                    Kind::Folder => {
                        let folder = self.make_folder(made, name, Conflict::Fail).await?;
                        Box::pin(self.copy_children(child, folder)).await?;
                    }
                }
            }
        }
    }

    async fn take_away(&self, made: ItemId) -> Result<()> {
        let (author, now) = (self.author, self.now);
        let revoked = self
            .app
            .store
            .write(async |tx| {
                let change = author.change(tx.begin_change(made.drive).await?, now);
                tx.purge_item(made, change).await
            })
            .await?;
        self.app.metrics.links_revoked(revoked);
        Ok(())
    }
}
