//! A folder's items.

use crate::access::{PlacedItem, locate};
use crate::app::App;
use crate::domain::address::ItemAddress;
use crate::domain::identity::Caller;
use crate::domain::item::{Item, Kind};
use crate::domain::name::{Name, name_key};
use crate::domain::upload::Conflict;
use crate::drive::Author;
use crate::drive::upload::{Slot, find_slot};
use crate::error::{Error, Result};
use crate::store::{NewItem, Place, Tx};

/// Some of a folder's items, by name.
#[derive(Debug)]
pub struct ChildrenPage {
    pub folder: PlacedItem,
    pub items: Vec<Item>,
    /// Where the next page starts; none on the last.
    pub next: Option<String>,
}

/// The folder's items after the place `after`, which a page before gave; `limit` at most.
pub async fn list_children(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    after: &str,
    limit: usize,
) -> Result<ChildrenPage> {
    let folder = locate(app, caller, address).await?;
    list_children_of(&mut app.store.read().await?, folder, after, limit).await
}

/// As [`list_children`], of a folder that was found already.
pub async fn list_children_of(tx: &mut Tx, folder: Item, after: &str, limit: usize) -> Result<ChildrenPage> {
    if folder.kind() != Kind::Folder {
        return Err(Error::invalid_request("The item is a file: it has no children."));
    }
    // One more than asked for tells whether there is a next page.
    let mut items = tx.children(folder.id, after, limit.saturating_add(1) as i64).await?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|item| name_key(&item.name));
    Ok(ChildrenPage { folder: PlacedItem::of(tx, folder).await?, items, next })
}

pub async fn create_folder(
    app: &App,
    caller: &Caller,
    parent: &ItemAddress,
    name: &Name,
    conflict: Conflict,
) -> Result<PlacedItem> {
    let parent = locate(app, caller, parent).await?;
    let author = Author::of(app, caller).await?;
    let now = app.clock.now();
    app.store
        .write(async |tx| {
            let change = author.change(tx.begin_change(parent.id.drive).await?, now);
            let parent = tx.item(parent.id).await?.ok_or(Error::ItemNotFound)?;
            if parent.kind() != Kind::Folder {
                return Err(Error::invalid_request("The item is a file: nothing can be put into it."));
            }
            let name = match find_slot(tx, parent.id, name, conflict).await? {
                Slot::Free { name, .. } => name,
                // Replacing a folder would take away what is in it.
                Slot::Taken(_) => return Err(Error::NameAlreadyExists),
            };
            let place = Place { folder: parent.id, name: &name };
            let id = tx.insert_item(place, NewItem::Folder, change).await?;
            let folder = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
            PlacedItem::of(tx, folder).await
        })
        .await
}
