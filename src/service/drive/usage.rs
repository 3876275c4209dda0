//! A drive, and an item in it, as they are.

use crate::error::Result;
use crate::service::rights::{Managed, ManagedDrive};
use crate::service::{PlacedItem, Service};

/// Bytes of a drive's files.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Of those that are live.
    pub used: i64,
    /// Of those in the recycle bin.
    pub deleted: i64,
}

pub async fn get_usage(service: &Service, drive: &ManagedDrive) -> Result<Usage> {
    let (used, deleted) = service.store.read("get_usage").await?.bytes_used(drive.drive().id).await?;
    Ok(Usage { used, deleted })
}

/// The item, and where it is.
pub async fn place<S>(service: &Service, managed: &Managed<S>) -> Result<PlacedItem> {
    PlacedItem::of(&mut service.store.read("place").await?, managed.item().as_ref().clone()).await
}
