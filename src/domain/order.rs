//! The orders that a folder's items are listed in.

use crate::clock::Timestamp;
use crate::domain::item::Item;
use crate::domain::name::name_key;

/// How a folder's items are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub by: OrderBy,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    Name,
    Size,
    Modified,
}

/// An item's place in an order. Names tell apart what is the same otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceInOrder {
    pub name_key: String,
    pub size: i64,
    pub modified_at: Timestamp,
}

impl PlaceInOrder {
    pub fn of(item: &Item) -> Self {
        Self { name_key: name_key(&item.name), size: item.size(), modified_at: item.modified.at }
    }
}

impl Order {
    /// A place before all items.
    pub fn start(self) -> PlaceInOrder {
        let time = |seconds| Timestamp::from_timestamp(seconds, 0).unwrap_or_default();
        match self.descending {
            false => PlaceInOrder { name_key: String::new(), size: -1, modified_at: time(0) },
            // No name has the last character there is; the year is 9999.
            true => PlaceInOrder {
                name_key: char::MAX.to_string(),
                size: i64::MAX,
                modified_at: time(253_402_300_799),
            },
        }
    }
}
