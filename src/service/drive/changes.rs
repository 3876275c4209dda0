//! What has changed in a drive, for clients that keep a copy.
//!
//! Every change takes the next number of its drive, and an item carries the number of its last one. A
//! token is a place in that order: what comes after it is what the client has not seen.

use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::rights::Managed;
use crate::service::{PlacedItem, Service};

/// A place in the order of changes: a change's number, and an item of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangePlace {
    pub change: i64,
    pub item: i64,
    /// The drive's last change when the client began with an empty copy, until it has seen all there
    /// is: what was deleted up to then it never had.
    pub began_at: Option<i64>,
}

/// From where on changes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// All that is there now.
    Beginning,
    /// Nothing yet: what comes from now on.
    Now,
    Place(ChangePlace),
    /// A place that was never given.
    Unknown,
}

#[derive(Debug)]
pub struct ChangesPage {
    pub drive: DriveId,
    /// Deleted ones where they were, as far as that is known.
    pub items: Vec<PlacedItem>,
    next: ChangePlace,
    /// Whether `next` is where the next page starts, rather than where to ask again later.
    has_more: bool,
    /// As in the place that the page starts at.
    began_at: Option<i64>,
}

impl ChangesPage {
    /// Where to go on, where so many of the items are shown; true where there are more now.
    pub fn next_after(&self, shown: usize) -> (ChangePlace, bool) {
        match self.items[..shown].last().map(|placed| &placed.item) {
            Some(last) if shown < self.items.len() => {
                let began_at = self.began_at;
                (ChangePlace { change: last.change, item: last.id.number, began_at }, true)
            }
            _ => (self.next, self.has_more),
        }
    }
}

/// The changes of a whole drive, by its root.
pub async fn list_changes<S>(
    service: &Service,
    root: &Managed<S>,
    since: Since,
    limit: usize,
) -> Result<ChangesPage> {
    let root = root.id();
    if !root.is_root() {
        return Err(Error::NotSupported("Changes are told of a whole drive: ask its root for delta."));
    }
    let mut tx = service.store.read("list_changes").await?;
    let last = tx.last_change(root.drive).await?;
    let end = ChangePlace { change: last, item: i64::MAX, began_at: None };
    let start = match since {
        Since::Now => {
            let (drive, items) = (root.drive, Vec::new());
            return Ok(ChangesPage { drive, items, next: end, has_more: false, began_at: None });
        }
        Since::Beginning => ChangePlace { change: 0, item: 0, began_at: Some(last) },
        Since::Unknown => return Err(Error::ResyncRequired { start: String::new() }),
        // A token of a drive's future is one of a database that was restored since.
        Since::Place(place) if place.change > last => {
            return Err(Error::ResyncRequired { start: String::new() });
        }
        Since::Place(place) => place,
    };
    let mut items =
        tx.changes(root.drive, (start.change, start.item), limit.saturating_add(1) as i64).await?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = match items.last() {
        Some(item) if has_more => {
            ChangePlace { change: item.change, item: item.id.number, began_at: start.began_at }
        }
        _ => end,
    };
    items.retain(|item| !item.deleted || start.began_at.is_none_or(|began_at| item.change > began_at));
    let items = PlacedItem::of_many(&mut tx, root.drive, items).await?;
    let items = items.into_iter().map(|(placed, _)| placed).collect();
    Ok(ChangesPage { drive: root.drive, items, next, has_more, began_at: start.began_at })
}
