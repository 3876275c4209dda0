//! Finds items by their names.

use crate::access::{PlacedItem, locate};
use crate::app::App;
use crate::domain::address::ItemAddress;
use crate::domain::identity::Caller;
use crate::domain::item::ItemId;
use crate::error::{Error, Result};

#[derive(Debug)]
pub struct Found {
    /// The folder that was searched.
    pub folder: ItemId,
    pub items: Vec<PlacedItem>,
    /// The number that the next page starts after; none on the last.
    pub next: Option<i64>,
}

/// Items below a folder whose names have the text in them, in either case.
pub async fn search(
    app: &App,
    caller: &Caller,
    folder: &ItemAddress,
    text: &str,
    after: i64,
    limit: usize,
) -> Result<Found> {
    if text.is_empty() {
        return Err(Error::invalid_request("There is no text to search for: search(q='text')."));
    }
    if text.contains('\0') {
        return Err(Error::invalid_request("The text to search for has a character that is in no name."));
    }
    let folder = locate(app, caller, folder).await?;
    let mut tx = app.store.read().await?;
    let mut items = tx.search(folder.id.drive, text, after, limit.saturating_add(1) as i64).await?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|item| item.id.number);
    let mut found = Vec::new();
    for item in items {
        let id = item.id;
        if folder.id.number == ItemId::ROOT_NUMBER || tx.is_inside(id, folder.id).await? {
            found.push(PlacedItem::of(&mut tx, item).await?);
        }
    }
    Ok(Found { folder: folder.id, items: found, next })
}
