//! The two ways to an item: managing it, and having a link to it. Every operation gets its items here,
//! so that nobody gets at one that is neither theirs nor shared with them.

mod locate;
mod open_link;

pub use locate::{PlacedItem, get_item, locate, managed_drive, own_drive, walk};
pub use open_link::{Opened, open_link, open_shared};
