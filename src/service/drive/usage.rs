//! A drive, and an item in it, as they are.

use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::rights::{Managed, ManagedDrive};
use crate::service::store::Tx;
use crate::service::{PlacedItem, Service};

/// Bytes of a drive's files.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Of those that are live.
    pub used: i64,
    /// Of those in the recycle bin.
    pub deleted: i64,
    /// That there may be.
    pub total: i64,
}

impl Usage {
    /// What there is still room for.
    pub fn remaining(&self) -> i64 {
        self.total.saturating_sub(self.used).max(0)
    }
}

/// Refuses what the drive would grow by beyond its quota. The drive's change is begun, so nobody else makes it grow.
pub(super) async fn check_growth(service: &Service, tx: &mut Tx, drive: DriveId, growth: i64) -> Result<()> {
    if growth > 0 { check_room_for(service, tx.bytes_used(drive).await?.0, growth) } else { Ok(()) }
}

/// The same where it is known how much is used.
pub(super) fn check_room_for(service: &Service, used: i64, growth: i64) -> Result<()> {
    let fits = growth <= 0 || used.saturating_add(growth) <= service.quota;
    if fits { Ok(()) } else { Err(Error::QuotaLimitReached) }
}

pub fn usage_of(service: &Service, drive: &ManagedDrive) -> Usage {
    let (used, deleted) = drive.bytes();
    Usage { used, deleted, total: service.quota }
}

/// The item, and where it is.
pub async fn place<S>(service: &Service, managed: &Managed<S>) -> Result<PlacedItem> {
    PlacedItem::of(&mut service.store.read("place").await?, managed.item().as_ref().clone()).await
}
