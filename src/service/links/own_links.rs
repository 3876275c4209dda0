//! All links of a drive, for its owner to look through.

use crate::domain::ids::ItemId;
use crate::domain::link::Link;
use crate::error::Result;
use crate::limits::Who;
use crate::service::opens::OpensOfLink;
use crate::service::rights::ManagedDrive;
use crate::service::{PlacedItem, Service};

pub use crate::service::store::{LinkCounts, OwnLinkFilter};

/// A link, what it is on and where that is, and how often it was opened.
#[derive(Clone, Debug)]
pub struct OwnLink {
    pub link: Link,
    pub placed: PlacedItem,
    pub opens: OpensOfLink,
}

/// Some of the links, the newest first, without those that so many are before; and whether there are more.
pub async fn list_own_links(
    service: &Service,
    drive: &ManagedDrive,
    filter: &OwnLinkFilter,
    before: usize,
    limit: usize,
) -> Result<(Vec<OwnLink>, bool)> {
    let drive = drive.drive().id;
    let _turn = service.turns.slow.take(Who::Drive(drive)).await?;
    let mut tx = service.store.read_slowly("list_own_links").await?;
    let mut links = tx.own_links(drive, filter, before as i64, limit as i64 + 1).await?;
    let has_more = links.len() > limit;
    links.truncate(limit);
    let mut found = Vec::new();
    for (link, opens) in links {
        // It may have gone in between.
        if let Some(item) = tx.item(link.item).await? {
            found.push(OwnLink { link, placed: PlacedItem::of(&mut tx, item).await?, opens });
        }
    }
    Ok((found, has_more))
}

pub async fn count_own_links(
    service: &Service,
    drive: &ManagedDrive,
    since: crate::clock::Timestamp,
) -> Result<LinkCounts> {
    let drive = drive.drive().id;
    let _turn = service.turns.slow.take(Who::Drive(drive)).await?;
    service.store.read_slowly("count_own_links").await?.count_own_links(drive, since).await
}

/// Ids and names of the applications that have made links in the drive.
pub async fn applications_of(
    service: &Service,
    drive: &ManagedDrive,
) -> Result<Vec<(String, Option<String>)>> {
    service.store.read("applications_of").await?.applications_of(drive.drive().id).await
}

/// How many links each of some items of the drive has itself, in their order.
pub async fn count_links_on(service: &Service, drive: &ManagedDrive, items: &[ItemId]) -> Result<Vec<i64>> {
    let numbers: Vec<i64> = items.iter().map(|item| item.number).collect();
    let mut tx = service.store.read("count_links_on").await?;
    let counts = tx.count_links_on(drive.drive().id, &numbers).await?;
    let count = |number: &i64| counts.iter().find(|(item, _)| item == number).map_or(0, |(_, count)| *count);
    Ok(numbers.iter().map(count).collect())
}
