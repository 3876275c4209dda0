//! An item and where it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::Item;
use crate::error::Result;
use crate::service::store::{Folders, Tx};

/// An item, and the names of the folders it is in, the outermost first; the root has no name.
#[derive(Clone, Debug)]
pub struct PlacedItem {
    pub item: Item,
    pub folders: Arc<[String]>,
}

impl PlacedItem {
    pub(super) async fn of(tx: &mut Tx, item: Item) -> Result<Self> {
        let folders = folder_names(&tx.lineage(item.id).await?);
        Ok(Self { item, folders })
    }

    /// Whether it is called, and where it is, as its lineage says.
    pub(super) fn is_as_in(&self, lineage: &[(i64, String)]) -> bool {
        let is_called = lineage.first().is_some_and(|(_, name)| *name == self.item.name);
        is_called && folder_names(lineage) == self.folders
    }

    /// An item in a folder, by the folder's lineage.
    pub(super) fn within(item: Item, above: &[(i64, String)]) -> Self {
        Self { item, folders: names_down_to(above) }
    }

    /// The same of many items, by one look at all folders above them. With each, the numbers of those folders. An item
    /// whose folder is in no drive any more, or that is a root, is in no folder.
    pub(super) async fn of_many(
        tx: &mut Tx,
        drive: DriveId,
        items: Vec<Item>,
    ) -> Result<Vec<(Self, Arc<[i64]>)>> {
        let parents: BTreeSet<i64> = items.iter().filter_map(|item| item.parent).collect();
        let parents: Vec<i64> = parents.into_iter().collect();
        let above = tx.folders_above(drive, &parents).await?;
        let ways: HashMap<i64, Way> =
            parents.iter().map(|number| (*number, Way::to(*number, &above))).collect();
        let placed = items.into_iter().map(|item| {
            let way = item.parent.and_then(|parent| ways.get(&parent)).cloned().unwrap_or_default();
            (Self { item, folders: way.names }, way.numbers)
        });
        Ok(placed.collect())
    }
}

/// Of the folders that an item is in, the outermost first, by its lineage, in which it is first itself.
pub(super) fn folder_names(lineage: &[(i64, String)]) -> Arc<[String]> {
    names_down_to(lineage.get(1..).unwrap_or_default())
}

/// The root is last, and no folder that anything is in by name.
fn names_down_to(above: &[(i64, String)]) -> Arc<[String]> {
    let folders = above.iter().rev().filter(|(number, _)| *number != ItemId::ROOT_NUMBER);
    folders.map(|(_, name)| name.clone()).collect()
}

/// A folder and those above it.
#[derive(Clone, Default)]
struct Way {
    numbers: Arc<[i64]>,
    /// Their names, the outermost first; the root has none.
    names: Arc<[String]>,
}

impl Way {
    fn to(folder: i64, above: &Folders) -> Self {
        let mut numbers = Vec::new();
        let mut names = Vec::new();
        let mut next = Some(folder);
        while let Some(number) = next {
            numbers.push(number);
            let Some((parent, name)) = above.get(&number) else { break };
            if number != ItemId::ROOT_NUMBER {
                names.push(name.clone());
            }
            next = *parent;
        }
        names.reverse();
        Self { numbers: numbers.into(), names: names.into() }
    }
}
