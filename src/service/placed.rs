//! An item and where it is.

use std::sync::Arc;

use crate::domain::ids::ItemId;
use crate::domain::item::Item;
use crate::error::Result;
use crate::service::store::Tx;

/// An item, and the names of the folders it is in, the outermost first; the root has no name.
#[derive(Clone, Debug)]
pub struct PlacedItem {
    pub item: Item,
    pub folders: Arc<[String]>,
}

impl PlacedItem {
    pub(super) async fn of(tx: &mut Tx, item: Item) -> Result<Self> {
        let lineage = tx.lineage(item.id).await?;
        // The item itself is first, the root last; neither is a folder that it is in by name.
        let folders = lineage.into_iter().skip(1).filter(|(number, _)| *number != ItemId::ROOT_NUMBER);
        let mut folders: Vec<String> = folders.map(|(_, name)| name).collect();
        folders.reverse();
        Ok(Self { item, folders: folders.into() })
    }
}
