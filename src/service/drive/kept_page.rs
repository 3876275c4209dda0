//! Pages of items as they were written, of folders and of searches: kept in memory, and shown again where they are as
//! they were.

use bytes::Bytes;

use crate::domain::identity::Application;
use crate::domain::ids::DriveId;
use crate::domain::item::Item;
use crate::error::Result;
use crate::service::Service;
use crate::service::store::{Era, KnownPage, Lineage, PageAsked, PageItems, PageStanding, Tx};

/// Bytes of a page's text.
const LARGEST_KEPT: usize = 1 << 20;

/// What a page was read with that may be kept: how the drive stood, which items it shows, how many links there were on
/// these, and the applications that it names.
#[derive(Clone, Debug)]
pub struct SeenWith {
    standing: (Lineage, i64),
    items: PageItems,
    links: i64,
    applications: Vec<Application>,
}

impl SeenWith {
    /// None where there is no such drive. The era is that of before the transaction.
    pub(super) async fn of(
        tx: &mut Tx,
        drive: DriveId,
        era: Era,
        shown: impl Iterator<Item = &Item> + Clone,
    ) -> Result<Option<Self>> {
        let items = PageItems { drive, numbers: shown.clone().map(|item| item.id.number).collect() };
        let Some(standing) = tx.standing(drive, era).await? else { return Ok(None) };
        let Some(links) = tx.count_links_on_page(items.clone()).await? else { return Ok(None) };
        let mut applications: Vec<Application> = Vec::new();
        for application in shown.flat_map(Item::applications) {
            if !applications.contains(application) {
                applications.push(application.clone());
            }
        }
        Ok(Some(Self { standing, items, links, applications }))
    }
}

/// A page as it was written, if it is as it was: its drive, how far its items are shared, and what the applications are
/// called that it names.
pub async fn known_page(service: &Service, asked: &PageAsked) -> Result<Option<Bytes>> {
    let Some((lineage, change, page)) = service.store.known_page(asked, service.clock.now()) else {
        service.metrics.known().missed(false);
        return Ok(None);
    };
    let now = service.queues.page_standing(page.items).await?;
    let is_same =
        |now: &PageStanding| now.lineage == lineage && now.change == change && now.links == page.links;
    if !now.as_ref().is_some_and(is_same) || !service.store.are_still_called(page.applications.iter()).await?
    {
        service.metrics.known().missed(true);
        return Ok(None);
    }
    service.metrics.known().hits.inc();
    Ok(Some(page.text))
}

/// Keeps a page that was written.
pub fn keep_page(service: &Service, asked: PageAsked, seen: SeenWith, text: Bytes) {
    if text.len() > LARGEST_KEPT {
        return;
    }
    let SeenWith { standing, items, links, applications } = seen;
    let known = KnownPage {
        text,
        items,
        links,
        applications: applications.into(),
        until: service.clock.now() + service.limits.ticket_shown(),
    };
    service.store.keep_page(asked, standing, known);
}
