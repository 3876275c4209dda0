//! Writes contents that are files, by threads. What was answered survives a power cut: the file is on the disk, and so
//! is its name.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::content::reading::in_thread;

/// What writes; its copies share the syncs of folders.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    folders: Arc<Mutex<HashMap<PathBuf, Arc<Folder>>>>,
    /// Folders whose own names are on the disk.
    named: Arc<Mutex<HashSet<PathBuf>>>,
}

/// A folder whose new names are to be on the disk: one sync is enough for all that were there when it began.
#[derive(Debug, Default)]
struct Folder {
    /// How many have asked for it.
    asked: AtomicU64,
    /// Of how many it is done.
    done: tokio::sync::Mutex<u64>,
}

/// A file that is being written. Dropping it leaves what is there.
pub(super) struct Written {
    path: PathBuf,
    writer: Writer,
    /// The file, once what was given last is written.
    under_way: Option<JoinHandle<io::Result<File>>>,
}

impl Writer {
    /// A new file. Nothing of it is there before its first bytes come.
    pub fn begin(&self, path: PathBuf) -> Written {
        Written { path, writer: self.clone(), under_way: None }
    }

    async fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let folder = {
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            folders.entry(path.to_owned()).or_default().clone()
        };
        let synced = folder.sync(path).await;
        if synced.is_ok() {
            self.sync_name(path).await?;
        }
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        // The table's, and this one.
        if Arc::strong_count(&folder) == 2 {
            folders.remove(path);
        }
        // While nobody else can count.
        drop(folder);
        synced
    }

    /// Whoever made a folder may have been killed before its name was on the disk: so each is looked to once.
    async fn sync_name(&self, path: &Path) -> io::Result<()> {
        let is_named = self.named.lock().unwrap_or_else(PoisonError::into_inner).contains(path);
        if let Some(above) = path.parent().filter(|_| !is_named) {
            let above = above.to_owned();
            in_thread(move || File::open(above)?.sync_all()).await?;
            self.named.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        }
        Ok(())
    }
}

impl Folder {
    async fn sync(&self, path: &Path) -> io::Result<()> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().await;
        if *done >= mine {
            return Ok(());
        }
        let covered = self.asked.load(Ordering::SeqCst);
        let path = path.to_owned();
        in_thread(move || File::open(path)?.sync_all()).await?;
        *done = covered;
        Ok(())
    }
}

impl Written {
    /// Begins to write the next bytes, once those before are written.
    pub async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let file = self.settle().await?;
        let path = self.path.clone();
        self.under_way = Some(tokio::task::spawn_blocking(move || write(file, &path, &bytes)));
        Ok(())
    }

    /// Waits for what is under way.
    pub async fn settle(&mut self) -> io::Result<Option<File>> {
        match self.under_way.take() {
            None => Ok(None),
            Some(writing) => writing.await.map_err(io::Error::other)?.map(Some),
        }
    }

    /// Writes the last bytes, and has all of it on the disk.
    pub async fn finish(mut self, bytes: Bytes) -> io::Result<()> {
        let file = self.settle().await?;
        let path = self.path.clone();
        in_thread(move || write(file, &path, &bytes)?.sync_all()).await?;
        match self.path.parent() {
            Some(folder) => self.writer.sync_folder(folder).await,
            None => Ok(()),
        }
    }
}

fn write(file: Option<File>, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = match file {
        Some(file) => file,
        None => create(path)?,
    };
    file.write_all(bytes)?;
    Ok(file)
}

/// Makes a file that is not there yet, and its folder.
fn create(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).open(path);
    match (create(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == ErrorKind::NotFound => {
            match std::fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            create()
        }
        (created, _) => created,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_are_written_in_their_order_and_the_folder_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("drive").join("content");
        let writer = Writer::default();
        let mut written = writer.begin(path.clone());
        assert!(!path.exists());
        for piece in ["one, ", "two, "] {
            written.write(Bytes::from_static(piece.as_bytes())).await.expect("room");
        }
        written.finish(Bytes::from_static(b"three")).await.expect("room");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "one, two, three");
        assert!(writer.folders.lock().expect("no panic").is_empty(), "folders are forgotten");
        let again = writer.begin(path).finish(Bytes::new()).await;
        assert_eq!(again.expect_err("it is there").kind(), ErrorKind::AlreadyExists);
    }

    #[tokio::test]
    async fn a_sync_that_began_before_a_name_was_there_is_not_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        let syncs = Folder::default();
        syncs.sync(folder.path()).await.expect("a sync");
        assert_eq!(*syncs.done.lock().await, 1);
        // Two ask while a third is at it: one more sync is enough for both.
        let at_it = syncs.done.lock().await;
        let waiting = futures_util::future::join(syncs.sync(folder.path()), syncs.sync(folder.path()));
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(at_it);
        let (first, second) = waiting.await;
        first.and(second).expect("a sync");
        assert_eq!(*syncs.done.lock().await, 3);
    }
}
