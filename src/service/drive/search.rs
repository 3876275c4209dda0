//! Finds items by their names.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::ids::ItemId;
use crate::error::{Error, Result};
use crate::service::rights::Managed;
use crate::service::store::Folders;
use crate::service::{PlacedItem, Service};

/// A search is done step by step, with a pause of at most this between them.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Found {
    /// The folder that was searched.
    pub folder: ItemId,
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
    let _turn = service.turns.slow.take(folder.who()).await?;
    let folder = folder.id();
    let mut tx = service.store.read_slowly("search").await?;
    let wanted = limit.saturating_add(1);
    let mut items = Vec::new();
    let mut looked_at = Some(after);
    while let Some(after) = looked_at.filter(|_| items.len() < wanted) {
        let started = Instant::now();
        let (some, last) = tx.search_some(folder.drive, text, after, (wanted - items.len()) as i64).await?;
        items.extend(some);
        looked_at = last;
        // Half of the time is others'.
        tokio::time::sleep(started.elapsed().min(LONGEST_PAUSE)).await;
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|item| item.id.number);
    let parents: BTreeSet<i64> = items.iter().filter_map(|item| item.parent).collect();
    let parents: Vec<i64> = parents.into_iter().collect();
    let above = tx.folders_above(folder.drive, &parents).await?;
    let places: HashMap<i64, Place> =
        parents.iter().map(|number| (*number, Place::of(*number, &above))).collect();
    let mut found = Vec::new();
    for item in items {
        let Some(place) = item.parent.and_then(|parent| places.get(&parent)) else { continue };
        if item.id == folder || place.numbers.contains(&folder.number) {
            found.push(PlacedItem { item, folders: place.folders.clone() });
        }
    }
    Ok(Found { folder, items: found, next })
}

/// Where a folder is: itself and those above it.
struct Place {
    numbers: Vec<i64>,
    /// Their names, the outermost first; the root has none.
    folders: Arc<[String]>,
}

impl Place {
    fn of(folder: i64, above: &Folders) -> Self {
        let mut numbers = Vec::new();
        let mut folders = Vec::new();
        let mut next = Some(folder);
        while let Some(number) = next {
            numbers.push(number);
            let Some((parent, name)) = above.get(&number) else { break };
            if number != ItemId::ROOT_NUMBER {
                folders.push(name.clone());
            }
            next = *parent;
        }
        folders.reverse();
        Self { numbers, folders: folders.into() }
    }
}
