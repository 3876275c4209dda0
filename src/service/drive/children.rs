//! A folder's items.

use crate::domain::item::{ClientProperties, Item, Kind};
use crate::domain::name::Name;
use crate::domain::order::{Order, OrderBy, PlaceInOrder};
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::service::drive::kept_page::SeenWith;
use crate::service::drive::upload::{Slot, find_slot};
use crate::service::rights::{ToRead, ToWrite};
use crate::service::store::Place;
use crate::service::{PlacedItem, Service};

/// Folders with more items than this are sorted in turns.
const SORTED_AT_ONCE: i64 = 2_000;

/// Some of a folder's items, in an order.
#[derive(Debug, Default)]
pub struct ChildrenPage {
    pub items: Vec<Item>,
    /// Where the next page starts; none on the last.
    next: Option<PlaceInOrder>,
}

impl ChildrenPage {
    /// Where the next page starts, where so many of the items are shown; none on the last.
    pub fn next_after(&self, shown: usize) -> Option<PlaceInOrder> {
        if shown < self.items.len() {
            self.items[..shown].last().map(PlaceInOrder::of)
        } else {
            self.next.clone()
        }
    }
}

/// Which of a folder's items are wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub order: Order,
    /// The place that the page before gave; none for the first.
    pub after: Option<PlaceInOrder>,
    /// How many, at most.
    pub limit: usize,
}

impl PageRequest {
    /// The first items by name.
    pub fn first(limit: usize) -> Self {
        Self { order: Order { by: OrderBy::Name, descending: false }, after: None, limit }
    }
}

/// A part of a folder's items, without those that so many are before, and whether more follow. By name, folders are
/// before files.
pub async fn list_part(
    service: &Service,
    right: &ToRead,
    order: Order,
    before: usize,
    limit: usize,
) -> Result<(Vec<Item>, bool)> {
    if order.by == OrderBy::Name {
        return list_part_by_name(service, right, order.descending, before as i64, limit).await;
    }
    let mut wanted = PageRequest { order, after: None, limit };
    if before > 0 {
        wanted.after = place_before(service, right, order, before as i64 - 1).await?;
        if wanted.after.is_none() {
            return Ok((Vec::new(), false));
        }
    }
    let page = list_children(service, right, &wanted).await?;
    let has_more = page.next.is_some();
    Ok((page.items, has_more))
}

async fn list_part_by_name(
    service: &Service,
    right: &ToRead,
    descending: bool,
    before: i64,
    limit: usize,
) -> Result<(Vec<Item>, bool)> {
    let folder = right.item().id;
    // One more than asked for tells whether there are more.
    let wanted = limit as i64 + 1;
    let mut tx = service.store.read("list_part").await?;
    right.prove(&mut tx).await?;
    let folders = tx.count_folders(folder).await?;
    let mut items = Vec::new();
    if before < folders {
        items = tx.children_of_kind(folder, Kind::Folder, descending, before, wanted).await?;
    }
    let room = wanted - items.len() as i64;
    if room > 0 {
        let before = (before - folders).max(0);
        items.extend(tx.children_of_kind(folder, Kind::File, descending, before, room).await?);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    Ok((items, has_more))
}

/// The place of an item in an order other than that of names.
async fn place_before(
    service: &Service,
    right: &ToRead,
    order: Order,
    at: i64,
) -> Result<Option<PlaceInOrder>> {
    let folder = right.item().id;
    let mut tx = service.store.read("place_at").await?;
    right.prove(&mut tx).await?;
    // As in `list_children`.
    if !tx.has_more_children(folder, SORTED_AT_ONCE).await? {
        return tx.place_at(folder, order, at).await;
    }
    drop(tx);
    let _turn = service.turns.slow.take(right.who()).await?;
    let mut tx = service.store.read_slowly("sort_children").await?;
    right.prove(&mut tx).await?;
    tx.place_at(folder, order, at).await
}

pub async fn list_children(service: &Service, right: &ToRead, wanted: &PageRequest) -> Result<ChildrenPage> {
    Ok(read_page(service, right, wanted, None).await?.0)
}

/// The same with what it takes to keep the page; none where it is not to be kept.
pub async fn list_children_to_keep(
    service: &Service,
    right: &ToRead,
    folder: &PlacedItem,
    wanted: &PageRequest,
) -> Result<(ChildrenPage, Option<SeenWith>)> {
    read_page(service, right, wanted, Some(folder)).await
}

async fn read_page(
    service: &Service,
    right: &ToRead,
    wanted: &PageRequest,
    placed: Option<&PlacedItem>,
) -> Result<(ChildrenPage, Option<SeenWith>)> {
    let folder = right.item();
    if folder.kind() != Kind::Folder {
        return Err(Error::invalid_request("The item is a file: it has no children."));
    }
    // One more than asked for tells whether there is a next page.
    let limit = wanted.limit.saturating_add(1) as i64;
    let (order, after) = (wanted.order, wanted.after.as_ref());
    let era = service.store.era();
    let mut tx = service.store.read("list_children").await?;
    right.prove(&mut tx).await?;
    let mut seen = None;
    // By name they are in order already. By anything else all of them are looked at for each page.
    let mut items = if order.by == OrderBy::Name || !tx.has_more_children(folder.id, SORTED_AT_ONCE).await? {
        let items = tx.children(folder.id, order, after, limit).await?;
        let shown = &items[..items.len().min(wanted.limit)];
        // Not where the folder has another name or place by now: the page tells of both.
        if let Some(placed) = placed
            && placed.is_as_in(&tx.lineage(folder.id).await?)
        {
            seen = SeenWith::of(&mut tx, folder.id.drive, era, shown.iter()).await?;
        }
        items
    } else {
        drop(tx);
        let _turn = service.turns.slow.take(right.who()).await?;
        let mut tx = service.store.read_slowly("sort_children").await?;
        right.prove(&mut tx).await?;
        tx.children(folder.id, order, after, limit).await?
    };
    let has_more = items.len() > wanted.limit;
    items.truncate(wanted.limit);
    let next = items.last().filter(|_| has_more).map(PlaceInOrder::of);
    Ok((ChildrenPage { items, next }, seen))
}

/// The folder, and whether this made it: where it is to replace a folder that is there, that is it, with all in it.
pub async fn create_folder(
    service: &Service,
    parent: &ToWrite,
    name: &Name,
    properties: &ClientProperties,
    conflict: Conflict,
) -> Result<(PlacedItem, bool)> {
    if parent.only_adds() {
        return Err(Error::ItemNotFound);
    }
    let author = parent.author();
    let now = service.clock.now();
    service
        .store
        .write("create_folder", async |tx| {
            let change = author.change(tx.begin_change(parent.base().id.drive).await?, now);
            let parent = parent.prove(tx).await?;
            if parent.kind() != Kind::Folder {
                return Err(Error::invalid_request("The item is a file: nothing can be put into it."));
            }
            let name = match find_slot(tx, parent.id, name, conflict).await? {
                Slot::Free { name, .. } => name,
                Slot::Taken(there) if there.kind() == Kind::Folder => {
                    return Ok((PlacedItem::of(tx, *there).await?, false));
                }
                // A file makes no room for a folder.
                Slot::Taken(_) => return Err(Error::NameAlreadyExists),
            };
            let place = Place { folder: parent.id, name: &name };
            let id = tx.insert_folder(place, change).await?;
            if !properties.is_empty() {
                tx.set_properties(id, properties, change.number).await?;
            }
            let folder = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
            Ok((PlacedItem::of(tx, folder).await?, true))
        })
        .await
}
