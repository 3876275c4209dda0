//! How a client names an item. Nothing is looked up yet, and nothing is proven.

use secrecy::SecretString;

use crate::domain::ids::{DriveId, ItemId};
use crate::domain::name::ItemPath;

#[derive(Clone, Debug)]
pub enum ItemAddress {
    /// `/drive/root:/path`, `/drives/{id}/items/{id}` and their like.
    InDrive { drive: DriveAddress, base: Base, path: ItemPath },
    /// `/shares/{share}/driveItem:/path` and its like.
    Shared(SharedAddress),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriveAddress {
    /// The caller's own.
    Mine,
    Id(DriveId),
    /// That of a user of the caller's tenant.
    Of(String),
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Root,
    Item(ItemId),
}

#[derive(Clone, Debug)]
pub struct SharedAddress {
    pub share: ShareToken,
    /// An item inside what is shared; what is shared itself where none is named.
    pub item: Option<ItemId>,
    pub path: ItemPath,
}

impl SharedAddress {
    /// What is shared itself.
    pub fn whole(share: ShareToken) -> Self {
        Self { share, item: None, path: ItemPath::default() }
    }

    /// Whether it names what is shared itself, and nothing inside.
    pub fn is_whole(&self) -> bool {
        self.item.is_none() && self.path.is_empty()
    }
}

/// What a client shows to get at something shared.
#[derive(Clone, Debug)]
pub enum ShareToken {
    /// `s!…`
    ShareId(SecretString),
    /// A link's URL.
    Link { item: ItemId, authkey: SecretString },
    /// An item's own URL, which opens it to those who manage it.
    Item(ItemId),
}
