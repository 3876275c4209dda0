//! Finds items by their names.

use std::time::{Duration, Instant};

use crate::domain::ids::ItemId;
use crate::error::{Error, Result};
use crate::limits::SEARCHED;
use crate::service::drive::kept_page::SeenWith;
use crate::service::rights::Managed;
use crate::service::{PlacedItem, Service};

/// A search is done step by step, with a pause of at most this between them.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Found {
    /// The folder that was searched.
    pub folder: ItemId,
    /// What its page was read with.
    pub seen: Option<SeenWith>,
    pub items: Vec<PlacedItem>,
    /// The number of the last item that was looked at, where there are more.
    next: Option<i64>,
}

impl Found {
    /// The number that the next page starts after, where so many of the items are shown; none on the last.
    pub fn next_after(&self, shown: usize) -> Option<i64> {
        if shown < self.items.len() {
            self.items[..shown].last().map(|placed| placed.item.id.number)
        } else {
            self.next
        }
    }
}

/// Items below a folder whose names have the text in them, in either case.
pub async fn search<S>(
    service: &Service,
    folder: &Managed<S>,
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
    if text.chars().count() > SEARCHED {
        return Err(Error::invalid_request("The text to search for is longer than any name."));
    }
    let _turn = service.turns.slow.take(folder.who()).await?;
    let folder = folder.id();
    let era = service.store.era();
    let mut tx = service.store.read_slowly("search").await?;
    let wanted = limit.saturating_add(1);
    let mut items = Vec::new();
    let mut looked_at = Some(after);
    while let Some(after) = looked_at.filter(|_| items.len() < wanted) {
        let started = Instant::now();
        let (some, last) = tx.search_some(folder.drive, text, after, (wanted - items.len()) as i64).await?;
        items.extend(some);
        looked_at = last;
        if looked_at.is_some() && items.len() < wanted {
            // Half of the time is others'.
            tokio::time::sleep(started.elapsed().min(LONGEST_PAUSE)).await;
        }
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|item| item.id.number);
    let mut found = Vec::new();
    for (placed, above) in PlacedItem::of_many(&mut tx, folder.drive, items).await? {
        if placed.item.id == folder || above.contains(&folder.number) {
            found.push(placed);
        }
    }
    let shown = found.iter().map(|placed| &placed.item);
    // What was found is told, be it that it can't be kept.
    let seen = SeenWith::of(&mut tx, folder.drive, era, shown).await.unwrap_or_default();
    Ok(Found { folder, seen, items: found, next })
}
