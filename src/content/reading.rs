//! Reads contents that are files. What the system has in memory is read on the spot, which takes less time than asking
//! a thread to; what the disk has is read ahead, in large pieces, by threads.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::limits::READ_AHEAD;

/// What is given at a time: the framework copies it before it sends it, and holds it for as long as the client takes.
const PIECE: usize = 64 * 1024;
/// What is read from the disk at a time.
const AHEAD: usize = 256 * 1024;
/// How many of these are under way at once.
const IN_FLIGHT: usize = 2;
/// How many there may be of all downloads, read and not yet given. Who finds no room reads pieces, one after another.
const ROOM: usize = READ_AHEAD / AHEAD;

/// What reads; its copies share the room for what is read ahead.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    room: Arc<Semaphore>,
}

/// A file that is open.
pub(super) struct Opened {
    file: Arc<File>,
    pub size: u64,
    room: Arc<Semaphore>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(ROOM)) }
    }
}

impl Reader {
    pub async fn open(&self, path: PathBuf) -> io::Result<Opened> {
        let file = match open_at_once(&path) {
            Some(file) => file,
            None => in_thread(move || File::open(path)).await?,
        };
        let size = file.metadata()?.len();
        Ok(self.opened(Arc::new(file), size))
    }

    /// A file that is open already.
    pub fn opened(&self, file: Arc<File>, size: u64) -> Opened {
        Opened { file, size, room: self.room.clone() }
    }
}

impl Opened {
    /// Bytes that are all there; the end of the file within them is an error.
    pub fn read(self, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let reading = Reading {
            at: range.start,
            asked: range.start,
            end: range.end,
            opened: self,
            ahead: VecDeque::new(),
            piece: Bytes::new(),
            given: Bytes::new(),
        };
        try_unfold(reading, |mut reading| async move {
            let piece = reading.next().await?;
            Ok((!piece.is_empty()).then_some((piece, reading)))
        })
    }
}

struct Reading {
    opened: Opened,
    /// What comes next.
    at: u64,
    /// What is to be asked for next.
    asked: u64,
    end: u64,
    ahead: VecDeque<JoinHandle<io::Result<Bytes>>>,
    /// Read, and not given yet.
    piece: Bytes,
    /// What was given last: once nobody else has it, its memory is written again.
    given: Bytes,
}

impl Reading {
    /// The next piece; none at the end.
    async fn next(&mut self) -> io::Result<Bytes> {
        if self.piece.is_empty() && self.at < self.end {
            self.piece = self.read().await?;
            self.at += self.piece.len() as u64;
        }
        Ok(self.piece.split_to(self.piece.len().min(PIECE)))
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        if self.ahead.is_empty() {
            let mut buffer = std::mem::take(&mut self.given).try_into_mut().unwrap_or_default();
            buffer.resize(self.left(PIECE), 0);
            if let Some(read) = read_at_once(&self.opened.file, self.at, &mut buffer) {
                buffer.truncate(read);
                self.asked = self.at + read as u64;
                self.given = buffer.freeze();
                return Ok(self.given.clone());
            }
        }
        while self.ahead.len() < IN_FLIGHT && self.asked < self.end {
            match self.opened.room.clone().try_acquire_owned() {
                Ok(permit) => self.ask(AHEAD, Some(permit)),
                Err(_) if self.ahead.is_empty() => self.ask(PIECE, None),
                Err(_) => break,
            }
        }
        let Some(first) = self.ahead.pop_front() else { return Ok(Bytes::new()) };
        first.await.map_err(io::Error::other)?
    }

    fn ask(&mut self, length: usize, permit: Option<OwnedSemaphorePermit>) {
        let length = usize::try_from(self.end - self.asked).unwrap_or(length).min(length);
        let (file, at) = (self.opened.file.clone(), self.asked);
        self.asked += length as u64;
        self.ahead.push_back(tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, at)?;
            // There is room again once it was given.
            Ok(Bytes::from_owner(Piece { bytes, _permit: permit }))
        }));
    }

    fn left(&self, most: usize) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(most).min(most)
    }
}

struct Piece {
    bytes: Vec<u8>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Does what may wait for the disk.
pub(super) async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Opens a file where that waits for nothing: `RESOLVE_CACHED` of openat2(2).
#[cfg(target_os = "linux")]
fn open_at_once(path: &Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

/// Reads bytes of a file, or the first of them, where that waits for nothing: `RWF_NOWAIT` of preadv2(2). Gives how
/// many.
#[cfg(target_os = "linux")]
fn read_at_once(file: &File, at: u64, buffer: &mut [u8]) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let read = preadv2(file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT);
    read.ok().filter(|read| *read > 0)
}

#[cfg(not(target_os = "linux"))]
fn open_at_once(_: &Path) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn read_at_once(_: &File, _: u64, _: &mut [u8]) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 % 251) as u8).collect()
    }

    fn file_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("content");
        std::fs::write(&path, bytes).expect("a file");
        (folder, path)
    }

    /// As if nothing of it were in memory.
    fn from_disk(opened: Opened, range: Range<u64>) -> Reading {
        let (at, end) = (range.start, range.end);
        let mut reading = Reading {
            at,
            asked: at,
            end,
            opened,
            ahead: VecDeque::new(),
            piece: Bytes::new(),
            given: Bytes::new(),
        };
        reading.ask(1, None);
        reading
    }

    #[tokio::test]
    async fn any_range_is_read_whole_from_memory_and_from_the_disk() {
        let all = bytes(3 * AHEAD + 17);
        let (_folder, path) = file_of(&all);
        let reader = Reader::default();
        for range in [0..1, 0..all.len(), 5..PIECE + 6, AHEAD - 1..2 * AHEAD + 2, all.len() - 1..all.len()] {
            let wanted = range.start as u64..range.end as u64;
            let opened = reader.open(path.clone()).await.expect("a file");
            assert_eq!(opened.size, all.len() as u64);
            let read: Vec<Bytes> = opened.read(wanted.clone()).try_collect().await.expect("bytes");
            assert!(read.concat() == all[range.clone()], "{range:?}");
            assert!(read.iter().all(|piece| piece.len() <= PIECE));
            let mut reading = from_disk(reader.open(path.clone()).await.expect("a file"), wanted);
            let mut read = Vec::new();
            loop {
                match reading.next().await.expect("bytes") {
                    piece if piece.is_empty() => break,
                    piece => read.extend_from_slice(&piece),
                }
            }
            assert!(read == all[range.clone()], "{range:?}");
        }
        assert_eq!(reader.room.available_permits(), ROOM);
    }

    #[tokio::test]
    async fn where_there_is_no_room_small_pieces_are_read() {
        let all = bytes(AHEAD);
        let (_folder, path) = file_of(&all);
        let reader = Reader { room: Arc::new(Semaphore::new(0)) };
        let opened = reader.open(path).await.expect("a file");
        let mut reading = from_disk(opened, 0..all.len() as u64);
        let mut read = Vec::new();
        loop {
            let piece = reading.next().await.expect("bytes");
            assert!(reading.ahead.len() <= 1);
            if piece.is_empty() {
                break;
            }
            read.extend_from_slice(&piece);
        }
        assert!(read == all);
    }

    #[tokio::test]
    async fn what_is_read_ahead_takes_room_until_it_was_given() {
        let (_folder, path) = file_of(&bytes(3 * AHEAD));
        let reader = Reader::default();
        let mut reading = from_disk(reader.open(path).await.expect("a file"), 0..3 * AHEAD as u64);
        let first = reading.next().await.expect("bytes");
        let second = reading.next().await.expect("bytes");
        assert_eq!(reader.room.available_permits(), ROOM - IN_FLIGHT);
        drop((first, second, reading));
        while reader.room.available_permits() < ROOM {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_file_that_ends_early_is_an_error() {
        let (_folder, path) = file_of(&bytes(10));
        let opened = Reader::default().open(path).await.expect("a file");
        let read: Result<Vec<Bytes>, _> = opened.read(0..11).try_collect().await;
        assert_eq!(read.expect_err("too short").kind(), io::ErrorKind::UnexpectedEof);
    }
}
