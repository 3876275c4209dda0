//! Reading a file's bytes.

use std::ops::Range;

use futures_util::stream::{BoxStream, StreamExt};

use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::FileVersion;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::outside::is_outside;
use crate::service::pieces::{self, is_list};
use crate::service::rights::{ToDownload, ToPreview};

/// Where the bytes come from.
pub enum Bytes {
    /// From here, as they are read; the turn they take is over when they are dropped.
    Here(BoxStream<'static, Result<bytes::Bytes>>),
    /// The object store itself gives them, at this URL, for a minute.
    Elsewhere(String),
}

/// A range of a content that a page shows: always from here, for what the object store gives out it would give to
/// whoever asks, link or no link.
pub async fn show_bytes(
    service: &Service,
    right: &ToPreview,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<bytes::Bytes>>> {
    let turn = service.turns.downloads.take(right.who()).await?;
    let bytes = get(service, right.item().drive, right.file(), range).await?;
    Ok(bytes.inspect(move |_| _ = &turn).boxed())
}

/// A range of the content.
pub async fn ask_for_bytes(service: &Service, right: &ToDownload, range: Range<u64>) -> Result<Bytes> {
    let (drive, key) = (right.item().drive, right.file().content_key);
    // The object store has a list's pieces, but no URL that has them all.
    if !is_list(key)
        && !is_outside(key)
        && let Some(url) = service.content.presigned_url(drive, key).await?
    {
        return Ok(Bytes::Elsewhere(url));
    }
    let turn = service.turns.downloads.take(right.who()).await?;
    let bytes = get(service, drive, right.file(), range).await?;
    Ok(Bytes::Here(bytes.inspect(move |_| _ = &turn).boxed()))
}

async fn get(
    service: &Service,
    drive: DriveId,
    file: &FileVersion,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<bytes::Bytes>>> {
    let size = file.size.cast_unsigned();
    let got = pieces::read(&service.store, &service.content, drive, file.content_key, size, range).await;
    counted(service, got)
}

/// Whether a file's bytes are there from one on, for who asks no more than that.
pub async fn check_bytes(service: &Service, item: ItemId, file: &FileVersion, first: u64) -> Result<()> {
    let (key, size) = (file.content_key, file.size.cast_unsigned());
    let checked = pieces::check(&service.store, &service.content, item.drive, key, size, first).await;
    counted(service, checked)
}

/// Counts what is damaged.
pub(super) fn counted<T>(service: &Service, read: Result<T>) -> Result<T> {
    if let Err(Error::ContentDamaged(_)) = read {
        service.metrics.content_damaged();
    }
    read
}
