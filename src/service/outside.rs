//! Files whose bytes are outside of the content store. Others may change them at any time: so whoever is about to show
//! one looks at it first, and what has changed becomes a new version before it is answered.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::content::Content;
use crate::domain::ids::DriveId;
use crate::domain::item::{ClientProperties, FileVersion, Hashes, Item, mime_type_of};
use crate::domain::outside::Seen;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::author::Author;
use crate::service::store::{Change, OutsideContent, PlaceInImport, Store, Tx};

/// What the key of a content begins with that is outside.
const OUTSIDE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
/// Contents that one change brings, at most.
pub(super) const AT_ONCE: usize = 1 << 16;

/// The key of one of the contents that a drive's change brings: no other change has its number.
pub(super) fn outside_key(change: i64, place: usize) -> Uuid {
    let number = (change.cast_unsigned() << 16) | (place % AT_ONCE) as u64;
    let mut key = [0; 16];
    key[..8].copy_from_slice(&OUTSIDE);
    key[8..].copy_from_slice(&number.to_be_bytes());
    Uuid::from_bytes(key)
}

pub(super) fn is_outside(key: Uuid) -> bool {
    key.as_bytes().starts_with(&OUTSIDE)
}

async fn known(store: &Store, drive: DriveId, key: Uuid) -> Result<Arc<OutsideContent>> {
    let known = store.outside_content(drive, key).await?;
    known.ok_or_else(|| Error::ContentDamaged(format!("{drive}/{} has no place", key.simple()).into()))
}

/// Its bytes, if they are those that the version has.
pub(super) async fn read(
    store: &Store,
    content: &Content,
    drive: DriveId,
    key: Uuid,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    if let Some(known) = store.recent_outside_content(drive, key)
        && let Ok(bytes) = content.outside.read(&known.place()?, &known.seen, range.clone()).await
    {
        return Ok(bytes);
    }
    let known = known(store, drive, key).await?;
    content.outside.read(&known.place()?, &known.seen, range).await
}

/// All of its bytes, however many the version has.
pub(super) async fn read_all(
    store: &Store,
    content: &Content,
    drive: DriveId,
    key: Uuid,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let known = known(store, drive, key).await?;
    let size = known.seen.size.cast_unsigned();
    content.outside.read(&known.place()?, &known.seen, 0..size).await
}

/// Whether it is there with the bytes that the version has.
pub(super) async fn check(store: &Store, content: &Content, drive: DriveId, key: Uuid) -> Result<()> {
    let known = known(store, drive, key).await?;
    match content.outside.look(&known.place()?).await? {
        None => Err(Error::ContentGone),
        Some(now) if known.seen.is_unchanged(&now) => Ok(()),
        Some(_) => Err(Error::ContentChanged),
    }
}

/// Whether it is what was seen last at its place.
pub(super) async fn is_latest(store: &Store, drive: DriveId, key: Uuid) -> Result<bool> {
    Ok(known(store, drive, key).await?.is_latest)
}

/// A live item as it is now: one whose file was changed has the new version first.
pub(super) async fn current(service: &Service, item: Arc<Item>) -> Result<Arc<Item>> {
    match item.file() {
        // On the heap: most items are in the content store, and pass by.
        Some(file) if is_outside(file.content_key) => Box::pin(look_at(service, item)).await,
        _ => Ok(item),
    }
}

async fn look_at(service: &Service, item: Arc<Item>) -> Result<Arc<Item>> {
    let Some(file) = item.file() else { return Ok(item) };
    let (drive, key) = (item.id.drive, file.content_key);
    if let Some(known) = service.store.recent_outside_content(drive, key)
        && let Ok(Some(now)) = service.content.outside.look(&known.place()?).await
        && known.seen.is_unchanged(&now)
        && !tells_less(&known.seen, &now)
    {
        return Ok(item);
    }
    let known = known(&service.store, drive, key).await?;
    let Some(now) = service.content.outside.look(&known.place()?).await? else {
        service.metrics.content_gone();
        service.store.forget_recent(drive, key);
        if known.missing_since.is_none() {
            let since = Some(service.clock.now());
            service.store.write("set_missing", async |tx| tx.set_missing(drive, key, since).await).await?;
        }
        return Err(Error::ContentGone);
    };
    if !known.seen.is_unchanged(&now) {
        add_version(service, &item, &known, &now).await?;
        let item = service.store.item(item.id).await?.ok_or(Error::ItemNotFound)?;
        return Ok(Arc::new(item));
    }
    if known.missing_since.is_some() {
        service.store.write("set_missing", async |tx| tx.set_missing(drive, key, None).await).await?;
    }
    if tells_less(&known.seen, &now) {
        service.store.write("set_seen", async |tx| tx.set_seen(drive, key, &now).await).await?;
    }
    Ok(item)
}

/// Some listings tell less than an object itself does.
fn tells_less(listed: &Seen, now: &Seen) -> bool {
    listed.unit_ns > now.unit_ns || (listed.etag.is_none() && now.etag.is_some())
}

/// The same, where an item is shown whose file may be gone, or can't be asked for.
pub(super) async fn current_or_last(service: &Service, item: Arc<Item>) -> Result<Arc<Item>> {
    match current(service, item.clone()).await {
        Err(error) if matches!(error, Error::ContentGone) || error.is_away() => Ok(item),
        current => current,
    }
}

/// What a file is to be now.
pub(super) struct NewVersion<'a> {
    pub seen: &'a Seen,
    /// By its name where that is not told.
    pub mime_type: Option<&'a str>,
    /// Empty where it is not known.
    pub sha256: &'a str,
}

/// Gives an item a version of what is outside now, in place of a content that was there before.
pub(super) async fn replace(
    tx: &mut Tx,
    (item, old): (&Item, Uuid),
    at: PlaceInImport<'_>,
    new: NewVersion<'_>,
    key: Uuid,
    change: Change<'_>,
) -> Result<()> {
    let file = FileVersion {
        number: tx.newest_version(item.id).await? + 1,
        content_key: key,
        size: new.seen.size,
        mime_type: new.mime_type.map_or_else(|| mime_type_of(&item.name), str::to_owned),
        hashes: Hashes { sha256: new.sha256.to_owned(), ..Hashes::default() },
    };
    tx.replace_content(item, &file, change).await?;
    let properties = ClientProperties { modified_at: modified_at(new.seen), ..ClientProperties::default() };
    tx.set_properties(item.id, &properties, change.number).await?;
    tx.insert_outside_content(item.id, key, old, at, new.seen).await
}

/// When it was last modified, to the microsecond that the database keeps.
pub(super) fn modified_at(seen: &Seen) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(seen.modified_ns.div_euclid(1_000))
}

/// What was found at the place of an item's content becomes its current version, unless somebody else was faster. What
/// is there is there: a drive's quota keeps nobody from it.
async fn add_version(service: &Service, item: &Item, known: &OutsideContent, now: &Seen) -> Result<()> {
    let (id, at, author) = (item.id, service.clock.now(), Author::default());
    let seen_key = item.file().map(|file| file.content_key);
    let is_added = service
        .store
        .write("add_outside_version", async |tx| {
            let number = tx.begin_change(id.drive).await?;
            let item = tx.item(id).await?.ok_or(Error::ItemNotFound)?;
            let Some(old) = item.file().map(|file| file.content_key).filter(|key| Some(*key) == seen_key)
            else {
                return Ok(false);
            };
            let new = NewVersion { seen: now, mime_type: None, sha256: "" };
            let key = outside_key(number, 0);
            replace(tx, (&item, old), known.of_item(id), new, key, author.change(number, at)).await?;
            Ok(true)
        })
        .await?;
    if is_added {
        service.metrics.content_changed();
    }
    Ok(())
}
