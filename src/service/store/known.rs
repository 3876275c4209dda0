//! What was read of drives and stays in memory, so that a database that has nothing new to say sends nothing.
//!
//! Each is kept with the number that its drive's next change had in the same statement. That number moves with
//! everything that an answer shows or depends on, in the transaction that changes it (triggers hold that for SQL typed
//! by hand, too). So whoever finds the number unchanged, by a statement that began after the request came, has proven
//! the answer; and nobody answers without that.
//!
//! Numbers of different databases mean nothing to each other: a server that came up anew, or was promoted, may lack
//! changes and count them again. So each connection has a [`Lineage`], and what was read by one of another is as good
//! as not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{Item, ItemContent};
use crate::domain::link::Link;
use crate::keys::ProvenLink;
use crate::service::store::finding::{Facts, LinkOf};
use crate::service::store::opening::{OpenedApplications, OpenedLink, OpenedRow};
use crate::service::store::standing::PageItems;

/// What the cache's own table takes for an entry, and the allocator for its bytes, roughly.
const OF_TABLE: usize = 64;
/// What keeping an answer takes beside its texts, roughly: itself, and the cache's own.
const OVERHEAD: usize = 640;
/// What a link is shown as takes, roughly.
const SHOWN: usize = 1_792;
/// What one takes on average, for the size of the cache's table: a packed row, and what is not packed.
const PACKED: u64 = 512;
const AVERAGE: u64 = 1_536;
/// Links of which it is remembered that they were asked for.
const CALLERS: usize = 1 << 15;
/// Pages that there may be room for, for the size of their table. So few that the cache is not divided: a page is large
/// beside a part of it.
const PAGES: usize = 31;
/// Users whose drives are remembered.
const DRIVES: usize = 100_000;
/// The number of what is not known: no drive has it.
pub(super) const UNKNOWN: i64 = -1;

/// Since when what was read counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Era(u64);

/// Which run of which database a connection leads to, and the era in which something was read there. The era is looked
/// at before the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage {
    pub(super) database: i64,
    pub(super) era: Era,
}

/// An item of a drive's owner, as its addresses name it: by the item that its path starts at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    pub start: ItemId,
    /// Names as they compare, each after a slash.
    pub path: String,
}

/// An item, and the folders that it is in.
#[derive(Clone, Debug)]
pub struct KnownItem {
    pub item: Arc<Item>,
    /// Numbers and names of the item itself, then of the folders up to the root.
    pub lineage: Arc<[(i64, String)]>,
    /// The folders' names, the outermost first.
    pub folders: Arc<[String]>,
}

/// A page of items, as it is asked for: of a folder's own, or of what a search found below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageAsked {
    pub folder: ItemId,
    /// What its addresses start with, which kind of page it is, and the query.
    pub how: String,
}

/// The page as it was written.
#[derive(Clone, Debug)]
pub struct KnownPage {
    pub text: Bytes,
    pub items: PageItems,
    /// How many there were on these.
    pub links: i64,
    /// The applications that it names.
    pub applications: Arc<[Application]>,
    /// When it is too old: the tickets in it last for a while yet then.
    pub until: Timestamp,
}

/// An answer, and what it stands on.
#[derive(Clone)]
pub(super) struct Kept<T> {
    lineage: Lineage,
    /// What its drive's next change had for a number.
    pub change: i64,
    pub answer: T,
}

/// What a link opened: its row, or that made ready to be shown.
pub(super) enum KnownOpen {
    Row(Box<OpenedRow>),
    Ready(ReadyOpen),
}

/// A link's item and its drive as they were, with the numbers of the applications that they name.
#[derive(Clone)]
pub(super) struct ReadyOpen {
    pub opened: OpenedLink,
    pub applications: OpenedApplications,
}

impl KnownOpen {
    pub fn applications(&self) -> OpenedApplications {
        match self {
            Self::Row(row) => row.applications(),
            Self::Ready(ready) => ready.applications,
        }
    }
}

/// A row as few bytes: an [`OpenedRow`], or [`Facts`].
type Packed = Box<[u8]>;

/// What a packed row answers: what a link opens, or which link an item has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Asked {
    Opened(ProvenLink),
    Found(LinkOf),
}

/// As many answers as there is room for; those that are asked for most stay.
pub(super) struct Known {
    packed: Option<Cache<Asked, Kept<Packed>, Weight>>,
    /// Of the links that are opened the few that are so again and again.
    ready: Option<Cache<ProvenLink, Kept<ReadyOpen>, Weight>>,
    items: Option<Cache<Way, Kept<KnownItem>, Weight>>,
    pages: Option<Cache<PageAsked, Kept<KnownPage>, Weight>>,
    /// Of users, the drives that they had last; whether they have them still is proven with what is in them.
    drives: Cache<(String, String), DriveId>,
    /// What was asked for lately and is not kept: whoever comes again soon is.
    callers: Vec<AtomicU32>,
    /// Moves where numbers of before are to mean nothing.
    era: AtomicU64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Asked, Kept<Packed>> for Weight {
    fn weight(&self, _: &Asked, kept: &Kept<Packed>) -> u64 {
        (OF_TABLE + size_of::<(Asked, Kept<Packed>)>() + kept.answer.len()) as u64
    }
}

impl Weighter<ProvenLink, Kept<ReadyOpen>> for Weight {
    fn weight(&self, _: &ProvenLink, kept: &Kept<ReadyOpen>) -> u64 {
        let OpenedLink { link, item, .. } = &kept.answer.opened;
        (OVERHEAD + SHOWN + bytes_of_item(item) + bytes_of_link(link)) as u64
    }
}

impl Weighter<Way, Kept<KnownItem>> for Weight {
    fn weight(&self, way: &Way, kept: &Kept<KnownItem>) -> u64 {
        let KnownItem { item, lineage, folders, .. } = &kept.answer;
        let folders: usize = folders.iter().map(|folder| size_of::<String>() + folder.len()).sum();
        let lineage: usize = lineage.iter().map(|(_, name)| size_of::<(i64, String)>() + name.len()).sum();
        (OVERHEAD / 2 + way.path.len() + bytes_of_item(item) + lineage + folders) as u64
    }
}

impl Weighter<PageAsked, Kept<KnownPage>> for Weight {
    fn weight(&self, asked: &PageAsked, kept: &Kept<KnownPage>) -> u64 {
        let KnownPage { text, items, applications, .. } = &kept.answer;
        let applications: usize =
            applications.iter().map(|one| size_of::<Application>() + one.id.len()).sum();
        (OVERHEAD + asked.how.len() + text.len() + size_of_val(&*items.numbers) + applications) as u64
    }
}

fn bytes_of_link(link: &Link) -> usize {
    size_of::<Link>() + link.item_name.len() + link.application.id.len()
}

fn bytes_of_item(item: &Item) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let content = match &item.content {
        ItemContent::File(file) => file.mime_type.len() + 160,
        ItemContent::Folder { .. } => 0,
    };
    let drive = item.drive.tenant.len() + item.drive.owner.len() + text(&item.drive.owner_name);
    size_of::<Item>() + item.name.len() + text(&item.description) + content + 3 * drive
}

impl Known {
    /// `room` is in bytes; where it is 0, nothing is kept.
    pub fn new(room: u64) -> Self {
        let of = |room: u64, size: u64| usize::try_from(room / size).unwrap_or(usize::MAX);
        // Who opens is many.
        let part = room / 16;
        Self {
            packed: (room > 0).then(|| Cache::with_weighter(of(11 * part, PACKED), 11 * part, Weight)),
            ready: (room > 0).then(|| Cache::with_weighter(of(part, SHOWN as u64), part, Weight)),
            items: (room > 0).then(|| Cache::with_weighter(of(2 * part, AVERAGE), 2 * part, Weight)),
            pages: (room > 0).then(|| Cache::with_weighter(PAGES, 2 * part, Weight)),
            drives: Cache::new(DRIVES),
            callers: (0..CALLERS).map(|_| AtomicU32::new(0)).collect(),
            era: AtomicU64::new(0),
        }
    }

    /// Whether anything is kept.
    pub fn keeps(&self) -> bool {
        self.packed.is_some()
    }

    /// Whether a link is worth keeping: there is room, or it was asked for a moment ago. Where many are opened once
    /// each, keeping one takes the place of another for nothing.
    pub fn wants_opened(&self, link: &ProvenLink) -> bool {
        let Some(cache) = &self.packed else { return false };
        if cache.weight() < cache.capacity() / 8 * 7 {
            return true;
        }
        self.is_asked_again(link)
    }

    /// Whether a link was asked for a moment ago.
    pub fn is_asked_again(&self, link: &ProvenLink) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = link.at().link.to_bytes();
        let [slot, print] = [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])];
        let known = self.callers[slot as usize % CALLERS].swap(print, Ordering::Relaxed);
        known == print
    }

    pub fn era(&self) -> Era {
        Era(self.era.load(Ordering::Acquire))
    }

    /// Of a connection to a database. To be asked before a statement begins whose answers are to be kept.
    pub fn lineage(&self, database: i64) -> Lineage {
        Lineage { database, era: self.era() }
    }

    /// Lets all that was read before count for nothing: numbers go back.
    pub fn begin_era(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
    }

    pub fn opened(&self, link: &ProvenLink, lineage: Lineage) -> Option<Kept<KnownOpen>> {
        let ready = self.ready.as_ref()?.get(link).filter(|kept| kept.lineage == lineage);
        if let Some(Kept { lineage, change, answer }) = ready {
            return Some(Kept { lineage, change, answer: KnownOpen::Ready(answer) });
        }
        let Kept { lineage, change, answer } = self.unpacked(Asked::Opened(*link), lineage)?;
        Some(Kept { lineage, change, answer: KnownOpen::Row(Box::new(answer)) })
    }

    fn unpacked<T: DeserializeOwned>(&self, asked: Asked, lineage: Lineage) -> Option<Kept<T>> {
        let kept = self.packed.as_ref()?.get(&asked).filter(|kept| kept.lineage == lineage)?;
        let answer = postcard::from_bytes(&kept.answer).ok()?;
        Some(Kept { lineage, change: kept.change, answer })
    }

    fn keep_packed(&self, asked: Asked, (lineage, change): (Lineage, i64), row: &impl Serialize) {
        if let (Some(cache), Ok(packed)) = (&self.packed, postcard::to_stdvec(row)) {
            cache.insert(asked, Kept { lineage, change, answer: packed.into_boxed_slice() });
        }
    }

    pub fn keep_opened(&self, link: ProvenLink, standing: (Lineage, i64), row: &OpenedRow) {
        if let Some(ready) = &self.ready {
            ready.remove(&link);
        }
        self.keep_packed(Asked::Opened(link), standing, row);
    }

    pub fn keep_ready(&self, link: ProvenLink, (lineage, change): (Lineage, i64), answer: ReadyOpen) {
        if let Some(cache) = &self.ready {
            cache.insert(link, Kept { lineage, change, answer });
        }
    }

    pub fn forget_opened(&self, link: &ProvenLink) {
        if let (Some(ready), Some(packed)) = (&self.ready, &self.packed) {
            ready.remove(link);
            packed.remove(&Asked::Opened(*link));
        }
    }

    pub fn found(&self, of: LinkOf, lineage: Lineage) -> Option<Kept<Facts>> {
        self.unpacked(Asked::Found(of), lineage)
    }

    pub fn keep_found(&self, of: LinkOf, standing: (Lineage, i64), facts: &Facts) {
        self.keep_packed(Asked::Found(of), standing, facts);
    }

    pub fn forget_found(&self, of: LinkOf) {
        if let Some(packed) = &self.packed {
            packed.remove(&Asked::Found(of));
        }
    }

    /// What is known of an item, with how its drive stood then.
    pub fn item(&self, way: &Way) -> Option<(Lineage, i64, KnownItem)> {
        let kept = self.items.as_ref()?.get(way)?;
        Some((kept.lineage, kept.change, kept.answer))
    }

    pub fn keep_item(&self, way: Way, (lineage, change): (Lineage, i64), answer: KnownItem) {
        if let Some(cache) = &self.items {
            cache.insert(way, Kept { lineage, change, answer });
        }
    }

    /// A page that is not too old, with how its drive stood.
    pub fn page(&self, asked: &PageAsked, now: Timestamp) -> Option<(Lineage, i64, KnownPage)> {
        let kept = self.pages.as_ref()?.get(asked)?;
        (now < kept.answer.until).then_some((kept.lineage, kept.change, kept.answer))
    }

    pub fn keep_page(&self, asked: PageAsked, (lineage, change): (Lineage, i64), answer: KnownPage) {
        if let Some(cache) = &self.pages {
            cache.insert(asked, Kept { lineage, change, answer });
        }
    }

    pub fn drive_of(&self, tenant: &str, owner: &str) -> Option<DriveId> {
        self.drives.get(&(tenant.to_owned(), owner.to_owned()))
    }

    pub fn keep_drive(&self, tenant: &str, owner: &str, drive: DriveId) {
        self.drives.insert((tenant.to_owned(), owner.to_owned()), drive);
    }

    /// Bytes that are kept, roughly.
    pub fn bytes(&self) -> u64 {
        self.packed.as_ref().map_or(0, Cache::weight)
            + self.ready.as_ref().map_or(0, Cache::weight)
            + self.items.as_ref().map_or(0, Cache::weight)
            + self.pages.as_ref().map_or(0, Cache::weight)
    }
}
