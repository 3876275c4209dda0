//! What the page of a shared item shows of what is around it and in it.

use futures_util::TryStreamExt;

use crate::domain::ids::ItemId;
use crate::domain::item::{Item, Kind};
use crate::domain::order::PlaceInOrder;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::drive::show_bytes;
use crate::service::rights::{ManagedDrive, Shared, ToPreview};

/// The files before and after a file in its folder, by name.
#[derive(Debug, Default)]
pub struct Neighbours {
    pub previous: Option<Item>,
    pub next: Option<Item>,
}

/// Id and name of each folder from what is shared down to the folder that the item is in; none where it is itself
/// what is shared.
pub async fn folders_within(service: &Service, shared: &Shared) -> Result<Vec<(ItemId, String)>> {
    let right = shared.to_read()?;
    let (item, whole) = (right.item().id, shared.whole().id);
    if item == whole {
        return Ok(Vec::new());
    }
    let mut tx = service.store.read("folders_within").await?;
    right.prove(&mut tx).await?;
    let lineage = tx.lineage(item).await?;
    let end = lineage.iter().position(|(number, _)| *number == whole.number).unwrap_or(0);
    let above = lineage.into_iter().take(end + 1).skip(1);
    let mut folders: Vec<_> = above.map(|(number, name)| (ItemId { number, ..item }, name)).collect();
    folders.reverse();
    Ok(folders)
}

/// Id and name of each folder from a drive's root down to the one that an item of the drive is in.
pub async fn folders_above(
    service: &Service,
    drive: &ManagedDrive,
    item: &Item,
) -> Result<Vec<(ItemId, String)>> {
    if item.id.drive != drive.drive().id {
        return Ok(Vec::new());
    }
    let lineage = service.store.read("folders_above").await?.lineage(item.id).await?;
    let above = lineage.into_iter().skip(1);
    let mut folders: Vec<_> = above.map(|(number, name)| (ItemId { number, ..item.id }, name)).collect();
    folders.reverse();
    Ok(folders)
}

/// The neighbours of a file that is inside of what is shared.
pub async fn find_neighbours(service: &Service, shared: &Shared) -> Result<Neighbours> {
    let right = shared.to_read()?;
    let id = right.item().id;
    if id == shared.whole().id {
        return Ok(Neighbours::default());
    }
    let mut tx = service.store.read("find_neighbours").await?;
    right.prove(&mut tx).await?;
    // Where it is now: the folder of before may be nobody's any more who has the link.
    let item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
    let folder = item.folder()?;
    let name_key = PlaceInOrder::of(&item).name_key;
    let previous = tx.children_of_kind_after(folder, Kind::File, true, &name_key, 1).await?.pop();
    let next = tx.children_of_kind_after(folder, Kind::File, false, &name_key, 1).await?.pop();
    Ok(Neighbours { previous, next })
}

/// A content's first bytes, at most so many.
pub async fn read_start(service: &Service, right: &ToPreview, most: u64) -> Result<Vec<u8>> {
    let end = right.file().size.cast_unsigned().min(most);
    let bytes = show_bytes(service, right, 0..end).await?;
    bytes
        .try_fold(Vec::new(), async |mut all, some| {
            all.extend_from_slice(&some);
            Ok(all)
        })
        .await
}
