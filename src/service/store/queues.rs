//! The queues by which many ask at a time: links are opened, found and made, and drives asked for what is in them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Settings;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::link::Link;
use crate::error::Result;
use crate::keys::ProvenLink;
use crate::service::store::Store;
use crate::service::store::asked::Tables;
use crate::service::store::connect::Pools;
use crate::service::store::drives::{AskDrives, DriveInUse};
use crate::service::store::finding::FindLinks;
use crate::service::store::item_links::{AskLinks, ItemsLinks, ItemsOfLinks};
use crate::service::store::making::{LatestLinks, MakeLinks, NewLink};
use crate::service::store::opening::{OpenLinks, OpenedLink};
use crate::service::store::own_connection::OwnDatabase;
use crate::service::store::queue::{Queue, QueueSettings};
use crate::service::store::repeating::Repeating;
use crate::service::store::standing::{AskPages, AskStandings, PageItems, PageStanding, Standing};
use crate::telemetry::Metrics;

/// A failure after this leaves no time to look: who waits is to be told of it.
const SOON: Duration = Duration::from_secs(1);
/// Questions in one batch, at most, whose answers may have a thousand rows each.
const MOST_OF_MANY: usize = 16;

/// The queues of a worker. Each task that answers one has a connection of its own.
pub struct Queues {
    opening: Queue<OpenLinks>,
    finding: Queue<FindLinks>,
    making: Arc<Queue<MakeLinks>>,
    latest: LatestLinks,
    standing: Queue<Repeating<AskStandings>>,
    pages: Queue<Repeating<AskPages>>,
    links: Queue<Repeating<AskLinks>>,
    drives: Queue<Repeating<AskDrives>>,
    settings: QueueSettings,
}

impl Queues {
    pub fn start(store: &Store, settings: &Settings, metrics: &Metrics) -> Self {
        Self::with(store, settings.into(), metrics)
    }

    /// Queues for one more worker; called on its thread.
    pub fn for_worker(&self, store: &Store, metrics: &Metrics) -> Self {
        let queues = Self::with(store, self.settings, metrics);
        match store.pools {
            Pools::Postgres { .. } => queues,
            // Its one writer is best kept busy by one queue.
            Pools::Sqlite { .. } => Self { making: self.making.clone(), ..queues },
        }
    }

    fn with(store: &Store, settings: QueueSettings, metrics: &Metrics) -> Self {
        let tables = || Tables {
            database: OwnDatabase::of(&store.pools),
            applications: store.applications.clone(),
            known: store.known.clone(),
            metrics: metrics.known().clone(),
        };
        let of_many = QueueSettings { limit: settings.limit.min(MOST_OF_MANY), ..settings };
        Self {
            opening: Queue::start(settings, metrics.batches("open"), || OpenLinks::new(tables())),
            finding: Queue::start(settings, metrics.batches("find"), || FindLinks::new(tables())),
            making: Arc::new(Queue::start(settings, metrics.batches("make"), || {
                MakeLinks::new(tables(), &store.pools)
            })),
            latest: LatestLinks::default(),
            standing: Queue::start(settings, metrics.batches("standing"), || {
                Repeating::new(AskStandings(tables()))
            }),
            pages: Queue::start(of_many, metrics.batches("page"), || Repeating::new(AskPages(tables()))),
            links: Queue::start(of_many, metrics.batches("links"), || Repeating::new(AskLinks(tables()))),
            drives: Queue::start(settings, metrics.batches("drive"), || Repeating::new(AskDrives(tables()))),
            settings,
        }
    }

    /// What a link opens now. None where the link is revoked or its item not live.
    pub async fn open(&self, proven: ProvenLink) -> Result<Option<OpenedLink>> {
        self.opening.ask(proven).await
    }

    /// The link that an item has of an application and a type, or else a new one. None where there can be none, or
    /// others' links come and go meanwhile.
    ///
    /// A look is cheaper than an insertion that comes to nothing, and an insertion that comes to a link makes a look
    /// needless: so what is tried first is what most calls came to of late. Who inserted nothing looks, for another may
    /// have been faster.
    pub async fn find_or_make(&self, new: NewLink) -> Result<Option<Link>> {
        let was_looked_for = !self.latest.are_mostly_made();
        if was_looked_for && let Some(link) = self.finding.ask(new.clone()).await? {
            self.latest.found();
            return Ok(Some(link));
        }
        let started = Instant::now();
        let made = self.making.ask(new.clone()).await;
        if let Ok(Some(_)) = made {
            self.latest.made();
            return made;
        }
        if made.is_err() {
            self.latest.failed();
            // Where nothing can be written, what is there is found still, if that was told soon.
            if was_looked_for || started.elapsed() > SOON {
                return made;
            }
        }
        match self.finding.ask(new).await? {
            Some(link) => {
                self.latest.found();
                Ok(Some(link))
            }
            None => made,
        }
    }

    /// How an item's drive stands now. None where there is no such drive.
    pub async fn standing(&self, item: ItemId) -> Result<Option<Standing>> {
        self.standing.ask(item).await
    }

    /// How the drive of a page's items stands now, and how many links there are on these.
    pub async fn page_standing(&self, page: PageItems) -> Result<Option<PageStanding>> {
        self.pages.ask(page).await
    }

    /// The links on items of a drive, and how that stands now. None where there is no such drive.
    pub async fn links_of(&self, items: ItemsOfLinks) -> Result<Option<ItemsLinks>> {
        self.links.ask(items).await
    }

    /// A drive, and how much is in it. None where there is no such drive.
    pub async fn drive(&self, drive: DriveId) -> Result<Option<DriveInUse>> {
        self.drives.ask(drive).await
    }
}
