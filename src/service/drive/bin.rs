//! What is in a drive's recycle bin.

use crate::clock::Timestamp;
use crate::domain::ids::ItemId;
use crate::error::Result;
use crate::service::rights::ManagedDrive;
use crate::service::{PlacedItem, Service};

/// Something in the recycle bin, where it was, and when it went there.
#[derive(Clone, Debug)]
pub struct Binned {
    pub placed: PlacedItem,
    pub deleted_at: Timestamp,
}

/// What was deleted itself, the last first, without those that so many are before; and whether there is more.
pub async fn list_bin(
    service: &Service,
    drive: &ManagedDrive,
    before: usize,
    limit: usize,
) -> Result<(Vec<Binned>, bool)> {
    let drive = drive.drive().id;
    let mut tx = service.store.read("list_bin").await?;
    let mut rows = tx.in_bin(drive, before as i64, limit as i64 + 1).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let mut found = Vec::new();
    for (number, deleted_at) in rows {
        if let Some(item) = tx.item_or_deleted(ItemId { drive, number }).await? {
            found.push(Binned { placed: PlacedItem::of(&mut tx, item).await?, deleted_at });
        }
    }
    Ok((found, has_more))
}

/// More links than this are not counted where all that is wanted is their number.
pub const MOST_COUNTED: i64 = 1_000;

/// How many links a drive has, and how many things are in its recycle bin.
pub async fn count_links_and_binned(service: &Service, drive: &ManagedDrive) -> Result<(i64, i64)> {
    let mut tx = service.store.read("count_links_and_binned").await?;
    let links = tx.count_links_of(drive.drive().id, MOST_COUNTED).await?;
    Ok((links, tx.count_in_bin(drive.drive().id).await?))
}
