//! A shared folder as one archive: what goes into it, and the bytes of each file.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::ItemId;
use crate::domain::item::Kind;
use crate::error::{Error, Result};
use crate::limits::{ARCHIVED, Taken};
use crate::service::Service;
use crate::service::drive::download::counted;
use crate::service::outside::{self, is_outside};
use crate::service::pieces;
use crate::service::rights::ToArchive;
use crate::service::store::Tx;

const TOO_MANY: &str = "There are more than 50,000 items in it: download its folders one by one.";

/// Files outside of the content store that are looked at side by side.
const LOOKED_AT_ONCE: usize = 16;
/// Items that may be chosen, at most.
const MOST_CHOSEN: usize = 1_000;

/// A file or a folder of an archive.
#[derive(Debug)]
pub struct ArchiveEntry {
    /// The folder it is in, by its place among the entries, which is before it; none at the archive's top.
    pub parent: Option<usize>,
    item: ItemId,
    pub name: String,
    pub size: u64,
    pub modified_at: Timestamp,
    /// None for a folder.
    content: Option<Uuid>,
}

impl ArchiveEntry {
    pub fn is_folder(&self) -> bool {
        self.content.is_none()
    }
}

/// What is in the folder, with all that is below it, each folder before what is in it; or of that only those items of
/// the folder that are chosen by their numbers. With it, the turn that the archive takes until it is dropped.
pub async fn list_archive(
    service: &Service,
    right: &ToArchive,
    chosen: &BTreeSet<i64>,
) -> Result<(Vec<ArchiveEntry>, Taken)> {
    if chosen.len() > MOST_CHOSEN {
        return Err(Error::invalid_request(
            "More than 1,000 items were chosen: download the folder as a whole.",
        ));
    }
    let turn = service.turns.archives.take(right.who()).await?;
    let mut gone = HashSet::new();
    let mut entries = collect(service, right, chosen, &gone).await?;
    if bring_up_to_date(service, &entries, &mut gone).await? {
        entries = collect(service, right, chosen, &gone).await?;
    }
    Ok((entries, turn))
}

/// What is to be in it, but for files that are gone.
async fn collect(
    service: &Service,
    right: &ToArchive,
    chosen: &BTreeSet<i64>,
    gone: &HashSet<ItemId>,
) -> Result<Vec<ArchiveEntry>> {
    let folder = right.folder();
    let mut tx = service.store.read_slowly("list_archive").await?;
    right.prove(&mut tx).await?;
    let mut entries = Vec::new();
    if chosen.is_empty() {
        add_below(&mut tx, folder, None, gone, &mut entries).await?;
    }
    for number in chosen {
        let item = tx.item(ItemId { number: *number, ..folder }).await?;
        let item = item.filter(|item| item.parent == Some(folder.number));
        let item = item.ok_or_else(|| {
            Error::invalid_request("What was chosen is not here any more: load the page again.")
        })?;
        if gone.contains(&item.id) {
            continue;
        }
        entries.push(ArchiveEntry {
            parent: None,
            item: item.id,
            size: item.size().cast_unsigned(),
            modified_at: item.modified.at,
            content: item.file().map(|file| file.content_key),
            name: item.name.clone(),
        });
        if item.kind() == Kind::Folder {
            let at = entries.len() - 1;
            add_below(&mut tx, item.id, Some(at), gone, &mut entries).await?;
        }
    }
    Ok(entries)
}

/// Files that are not in the content store may have changed, or be gone: these are left out, for an archive would end
/// in the middle by one of them. True where any was so.
async fn bring_up_to_date(
    service: &Service,
    entries: &[ArchiveEntry],
    gone: &mut HashSet<ItemId>,
) -> Result<bool> {
    let outside = entries
        .iter()
        .filter_map(|entry| entry.content.filter(|key| is_outside(*key)).map(|key| (entry.item, key)));
    let mut looks = futures_util::stream::iter(outside)
        .map(async |(item, key)| {
            match outside::check(&service.store, &service.content, item.drive, key).await {
                Ok(()) => Ok(None),
                Err(Error::ContentGone) => Ok(Some((item, true))),
                Err(Error::ContentChanged) => Ok(Some((item, false))),
                Err(error) => Err(error),
            }
        })
        .buffer_unordered(LOOKED_AT_ONCE);
    let mut found = Vec::new();
    while let Some(look) = looks.next().await {
        found.extend(look?);
    }
    for (id, is_gone) in &found {
        let item = service.store.item(*id).await?.map(Arc::new);
        let is_gone = *is_gone
            || match item {
                Some(item) => matches!(outside::current(service, item).await, Err(Error::ContentGone)),
                None => true,
            };
        if is_gone {
            gone.insert(*id);
        }
    }
    Ok(!found.is_empty())
}

/// Adds what is below a folder that is at a place among the entries; none is the archive's top.
async fn add_below(
    tx: &mut Tx,
    folder: ItemId,
    at: Option<usize>,
    gone: &HashSet<ItemId>,
    entries: &mut Vec<ArchiveEntry>,
) -> Result<()> {
    let room = ARCHIVED.saturating_sub(entries.len());
    let tree = tx.tree_below(folder, room).await?.ok_or_else(|| Error::invalid_request(TOO_MANY))?;
    // A folder comes before what is in it.
    let mut places: HashMap<i64, Option<usize>> = HashMap::from([(folder.number, at)]);
    for item in tree {
        let Some(parent) = places.get(&item.parent).copied() else { continue };
        let id = ItemId { number: item.number, ..folder };
        if gone.contains(&id) {
            continue;
        }
        if item.kind == Kind::Folder {
            places.insert(item.number, Some(entries.len()));
        }
        entries.push(ArchiveEntry {
            parent,
            item: id,
            name: item.name,
            size: item.size.cast_unsigned(),
            modified_at: item.modified_at,
            content: item.content_key,
        });
    }
    Ok(())
}

/// The bytes of a file of the archive.
pub async fn read_entry(
    service: &Service,
    right: &ToArchive,
    entry: &ArchiveEntry,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    match entry.content {
        Some(key) => {
            let (drive, size) = (right.folder().drive, entry.size);
            let got = pieces::read(&service.store, &service.content, drive, key, size, 0..size).await;
            counted(service, got)
        }
        None => Ok(Box::pin(futures_util::stream::empty())),
    }
}
