//! How often links are opened: counted in memory, and written down every few seconds, many in one statement. So opening
//! a link stays a read. A server that is killed loses what it has not written down yet.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{NaiveDate, TimeDelta};

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, LinkId};
use crate::error::Result;
use crate::service::Service;
use crate::service::rights::Managed;
use crate::service::store::DayOfLink;

pub use crate::service::store::OpensOfLink;

/// Links and days that are kept in memory, at most: what is opened beyond that is not counted.
const MOST: usize = 100_000;
/// Of these, what is written down at once: so few that others who write hardly wait, and little memory is taken.
const AT_ONCE: usize = 2_000;
/// Days of a week, today included.
const WEEK: TimeDelta = TimeDelta::days(6);

/// How a link is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Its page is opened, or what it opens is looked at.
    View,
    Download,
}

/// What is counted and not written down yet.
#[derive(Debug, Default)]
pub struct Opens {
    counted: Mutex<HashMap<(DriveId, LinkId, NaiveDate), Counted>>,
    /// Held while it is written down, so that a server's last write comes after the one that is under way, and writes
    /// again what that one could not.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    views: i64,
    downloads: i64,
    last_opened_at: Timestamp,
}

impl Opens {
    pub fn count(&self, drive: DriveId, link: LinkId, opening: Opening, now: Timestamp) {
        let (views, downloads) = match opening {
            Opening::View => (1, 0),
            Opening::Download => (0, 1),
        };
        self.add((drive, link, now.date_naive()), Counted { views, downloads, last_opened_at: now });
    }

    fn add(&self, key: (DriveId, LinkId, NaiveDate), more: Counted) {
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let counted = all.entry(key).or_insert(Counted { views: 0, downloads: 0, ..more });
        counted.views += more.views;
        counted.downloads += more.downloads;
        counted.last_opened_at = counted.last_opened_at.max(more.last_opened_at);
    }

    fn take(&self) -> Vec<DayOfLink> {
        let all = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        let mut days: Vec<DayOfLink> = all
            .into_iter()
            .map(|((drive, link, day), counted)| DayOfLink {
                drive,
                link,
                day,
                views: counted.views,
                downloads: counted.downloads,
                last_opened_at: counted.last_opened_at,
            })
            .collect();
        days.sort_unstable_by_key(|day| (day.drive.to_i64(), day.link.to_bytes(), day.day));
        days
    }

    fn put_back(&self, days: &[DayOfLink]) {
        for day in days {
            let (views, downloads) = (day.views, day.downloads);
            let counted = Counted { views, downloads, last_opened_at: day.last_opened_at };
            self.add((day.drive, day.link, day.day), counted);
        }
    }
}

/// Writes down what was counted. Where that fails, it is counted still.
pub async fn write_opens(service: &Service) -> Result<()> {
    let _writing = service.opens.writing.lock().await;
    let days = service.opens.take();
    let mut rest = &days[..];
    while !rest.is_empty() {
        let (some, others) = rest.split_at(rest.len().min(AT_ONCE));
        let written = service.store.write("write_opens", async |tx| tx.add_opens(some).await).await;
        if written.is_err() {
            service.opens.put_back(rest);
            return written;
        }
        rest = others;
    }
    Ok(())
}

/// How often the live links on an item itself were opened, ever and in the last seven days.
pub async fn opens_of_item<S>(service: &Service, item: &Managed<S>) -> Result<(i64, i64)> {
    let since = (service.clock.now() - WEEK).date_naive();
    service.store.read("opens_of_item").await?.opens_of_item(item.id(), since).await
}

/// How often each of some links of the item's drive was opened.
pub async fn opens_of_links<S>(
    service: &Service,
    item: &Managed<S>,
    links: &[LinkId],
) -> Result<Vec<OpensOfLink>> {
    let since = (service.clock.now() - WEEK).date_naive();
    let mut tx = service.store.read("opens_of_links").await?;
    let mut opens = Vec::new();
    for link in links {
        opens.push(tx.opens_of_link(item.id().drive, *link, since).await?);
    }
    Ok(opens)
}
