//! Contents as versions name them: one in the content store, or a list of pieces there, as an upload session received
//! them, or one that is outside. What has come in a hundred pieces is read as if it were one.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt, try_unfold};
use uuid::Uuid;

use crate::clock::random_bytes;
use crate::content::Content;
use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::outside::{self, is_outside};
use crate::service::store::{Piece, Store, Tx};

/// Pieces that are asked for at once.
const PAGE: i64 = 1_000;
/// Pieces that are deleted side by side.
const DELETED_AT_ONCE: usize = 8;
/// What the key of a list begins with.
const LIST: [u8; 8] = [0; 8];

/// A fresh key of a list.
pub(super) fn list_key() -> Uuid {
    let [a, b, c, d, e, f, g, h] = random_bytes();
    Uuid::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
}

pub(super) fn is_list(key: Uuid) -> bool {
    key.as_bytes().starts_with(&LIST)
}

/// Bytes of a content that has so many. What is missing of it is damaged.
pub(super) async fn read(
    store: &Store,
    content: &Content,
    drive: DriveId,
    key: Uuid,
    size: u64,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    if is_outside(key) {
        return outside::read(store, content, drive, key, range).await;
    }
    if !is_list(key) {
        return content.get(drive, key, size, range).await;
    }
    let (store, content, pieces) = (store.clone(), content.clone(), VecDeque::new());
    let mut reading = Reading { store, content, drive, key, range, pieces };
    // What is wrong with the first piece is told before the answer begins, as of a content that is one.
    let first = reading.next().await?;
    let rest =
        try_unfold(
            reading,
            |mut reading| async move { Ok(reading.next().await?.map(|piece| (piece, reading))) },
        );
    Ok(futures_util::stream::iter(first.map(Ok::<_, Error>)).chain(rest).try_flatten().boxed())
}

/// Whether a content is there, where it has a byte: as much as is known of it when its bytes begin to be sent.
pub(super) async fn check(
    store: &Store,
    content: &Content,
    drive: DriveId,
    key: Uuid,
    size: u64,
    byte: u64,
) -> Result<()> {
    if is_outside(key) {
        return outside::check(store, content, drive, key).await;
    }
    if !is_list(key) {
        return content.check(drive, key, size).await;
    }
    match page(store, drive, key, byte).await?.first() {
        Some(piece) => content.check(drive, piece.piece_key, piece.size.cast_unsigned()).await,
        None => Ok(()),
    }
}

/// Whether a content is there, all of it, whatever its bytes are. For who reads all contents.
pub(super) async fn is_there(
    store: &Store,
    content: &Content,
    drive: DriveId,
    key: Uuid,
    size: u64,
) -> Result<bool> {
    if is_outside(key) {
        return match outside::check(store, content, drive, key).await {
            Ok(()) => Ok(true),
            Err(Error::ContentGone | Error::ContentChanged) => Ok(false),
            Err(error) => Err(error),
        };
    }
    if !is_list(key) {
        return content.is_there(drive, key).await;
    }
    let mut end = 0;
    while end < size {
        let pieces = match page(store, drive, key, end).await {
            Err(Error::ContentDamaged(_)) => return Ok(false),
            pieces => pieces?,
        };
        for piece in pieces {
            if !content.is_there(drive, piece.piece_key).await? {
                return Ok(false);
            }
            end = (piece.first_byte + piece.size).cast_unsigned();
        }
    }
    Ok(true)
}

/// Takes a content away, piece by piece. One that is outside is forgotten, and stays where it is.
pub(super) async fn delete(store: &Store, content: &Content, drive: DriveId, key: Uuid) -> Result<()> {
    if is_outside(key) {
        let forget = async |tx: &mut Tx| tx.forget_outside_content(drive, key).await;
        return store.write("forget_outside_content", forget).await;
    }
    while is_list(key) {
        let pieces = store.read("pieces").await?.first_pieces(drive, key, PAGE).await?;
        let Some(last) = pieces.last() else { break };
        futures_util::stream::iter(&pieces)
            .map(|piece| content.delete(drive, piece.piece_key))
            .buffer_unordered(DELETED_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let forget = async |tx: &mut Tx| tx.forget_pieces(drive, key, last.first_byte).await;
        store.write("forget_pieces", forget).await?;
    }
    content.delete(drive, key).await
}

/// The pieces from a byte on; one of them has it.
async fn page(store: &Store, drive: DriveId, key: Uuid, byte: u64) -> Result<Vec<Piece>> {
    let pieces = store.read("pieces").await?.pieces_from(drive, key, byte.cast_signed(), PAGE).await?;
    let has_it = |piece: &Piece| (piece.first_byte + piece.size).cast_unsigned() > byte;
    if pieces.first().is_some_and(has_it) { Ok(pieces) } else { Err(gap(drive, key, byte)) }
}

fn gap(drive: DriveId, key: Uuid, byte: u64) -> Error {
    Error::ContentDamaged(format!("{drive}/{} has no piece with byte {byte}", key.simple()).into())
}

struct Reading {
    store: Store,
    content: Content,
    drive: DriveId,
    key: Uuid,
    /// What is still to be read.
    range: Range<u64>,
    pieces: VecDeque<Piece>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
        if self.range.is_empty() {
            return Ok(None);
        }
        if self.pieces.is_empty() {
            self.pieces = page(&self.store, self.drive, self.key, self.range.start).await?.into();
        }
        let Some(piece) = self.pieces.pop_front() else { return Ok(None) };
        let (first, size) = (piece.first_byte.cast_unsigned(), piece.size.cast_unsigned());
        if !(first..first + size).contains(&self.range.start) {
            return Err(gap(self.drive, self.key, self.range.start));
        }
        let part = self.range.start - first..self.range.end.min(first + size) - first;
        self.range.start = first + part.end;
        self.content.get(self.drive, piece.piece_key, size, part).await.map(Some)
    }
}
