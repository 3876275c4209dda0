//! A shared folder as one archive: what goes into it, and the bytes of each file.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::ItemId;
use crate::domain::item::{Item, Kind};
use crate::error::{Error, Result};
use crate::limits::Taken;
use crate::service::Service;
use crate::service::rights::ToArchive;
use crate::service::store::Tx;

/// Items in an archive, at most: what is told of each is kept in memory until its end.
const MOST: usize = 50_000;
const TOO_MANY: &str = "There are more than 50,000 items in it: download its folders one by one.";

/// A file or a folder of an archive.
#[derive(Debug)]
pub struct ArchiveEntry {
    /// The names of the folders it is in, and its own.
    pub path: Vec<String>,
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
    chosen: &[i64],
) -> Result<(Vec<ArchiveEntry>, Taken)> {
    let turn = service.turns.downloads.take(right.who()).await?;
    let folder = right.folder();
    let mut tx = service.store.read_slowly("list_archive").await?;
    let mut entries = Vec::new();
    if chosen.is_empty() {
        add_below(&mut tx, folder, &[], &mut entries).await?;
    }
    for number in chosen {
        let item = tx.item(ItemId { number: *number, ..folder }).await?;
        let item = item.filter(|item| item.parent == Some(folder.number)).ok_or(Error::ItemNotFound)?;
        let path = vec![item.name.clone()];
        entries.push(entry_of(&item, path.clone()));
        if item.kind() == Kind::Folder {
            add_below(&mut tx, item.id, &path, &mut entries).await?;
        }
    }
    Ok((entries, turn))
}

fn entry_of(item: &Item, path: Vec<String>) -> ArchiveEntry {
    ArchiveEntry {
        path,
        size: item.size().cast_unsigned(),
        modified_at: item.modified.at,
        content: item.file().map(|file| file.content_key),
    }
}

async fn add_below(
    tx: &mut Tx,
    folder: ItemId,
    at: &[String],
    entries: &mut Vec<ArchiveEntry>,
) -> Result<()> {
    let room = MOST.saturating_sub(entries.len());
    let tree = tx.tree_below(folder, room).await?.ok_or_else(|| Error::invalid_request(TOO_MANY))?;
    // A folder comes before what is in it.
    let mut paths: HashMap<i64, Vec<String>> = HashMap::from([(folder.number, at.to_vec())]);
    for item in tree {
        let Some(parent) = paths.get(&item.parent) else { continue };
        let mut path = parent.clone();
        path.push(item.name);
        if item.kind == Kind::Folder {
            paths.insert(item.number, path.clone());
        }
        entries.push(ArchiveEntry {
            path,
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
        Some(key) => service.content.get(right.folder().drive, key, 0..entry.size).await,
        None => Ok(Box::pin(futures_util::stream::empty())),
    }
}
