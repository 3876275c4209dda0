//! Contents that are files of a folder. Nothing outside of the folder is reached, whatever links lead there.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};

use crate::clock::Clock;
use crate::content::disk_failed;
use crate::content::reading::{Reader, in_thread};
use crate::domain::outside::{Seen, path_of, spell_path};
use crate::error::{Error, Result};

/// Within so much of its last change a file may change again and look the same: clocks of file systems are coarse.
const COARSE: Duration = Duration::from_millis(20);
/// What the names of files begin with that are being written: they are nobody's yet.
pub const TEMPORARY: &str = ".everlink-";
/// How often it is waited for a file that is being written to rest.
const PATIENCE: usize = 5;

/// How a file looks; none where nothing is there, or no file.
pub(super) async fn look(root: PathBuf, path: PathBuf) -> Result<Option<Seen>> {
    Ok(opened(root, path).await?.map(|(_, metadata)| seen_as(&metadata)))
}

/// A file that rests, and how it looks. None where nothing is there, or no file.
async fn opened(root: PathBuf, path: PathBuf) -> Result<Option<(File, Metadata)>> {
    for _ in 0..PATIENCE {
        let (at, below) = (root.clone(), path.clone());
        let found = in_thread(move || open_within(&at, &below)).await;
        match found {
            Ok((file, metadata)) if is_resting(&metadata) => return Ok(Some((file, metadata))),
            Ok(_) => tokio::time::sleep(COARSE).await,
            Err(error) if is_nothing(&error) => return Ok(None),
            Err(error) => return Err(disk_failed(error)),
        }
    }
    // It is written all the time: what it looks like now is as good as any.
    match in_thread(move || open_within(&root, &path)).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_nothing(&error) => Ok(None),
        Err(error) => Err(disk_failed(error)),
    }
}

/// Whether an error tells that there is no such file. A root that is not there is another matter.
fn is_nothing(error: &io::Error) -> bool {
    // A loop of links, or one that leads out of the root.
    let bad_links = [rustix::io::Errno::LOOP, rustix::io::Errno::XDEV].map(|errno| errno.raw_os_error());
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error().is_some_and(|code| bad_links.contains(&code))
        || error.get_ref().is_some_and(|inner| inner.is::<NoFile>())
}

#[derive(Debug, thiserror::Error)]
#[error("it is no file")]
struct NoFile;

#[derive(Debug, thiserror::Error)]
#[error("the folder {} can't be opened", root.display())]
struct NoRoot {
    root: PathBuf,
    source: io::Error,
}

fn open_within(root: &Path, path: &Path) -> io::Result<(File, Metadata)> {
    let file = open_beneath(root, path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::Error::other(NoFile)) }
}

fn no_root(root: &Path, source: io::Error) -> io::Error {
    io::Error::other(NoRoot { root: root.to_owned(), source })
}

/// Opens without waiting, be it a pipe, and never what is outside of the root: `RESOLVE_BENEATH` of openat2(2).
#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, root, flags, Mode::empty()).map_err(|error| no_root(root, error.into()))?;
    // Beneath the root of everything is everything.
    let beneath = if root == Path::new("/") { ResolveFlags::IN_ROOT } else { ResolveFlags::BENEATH };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    loop {
        match openat2(&folder, path, flags, Mode::empty(), beneath | ResolveFlags::NO_MAGICLINKS) {
            // Something was renamed on the way.
            Err(rustix::io::Errno::AGAIN) => {}
            Err(rustix::io::Errno::NOSYS) => return open_canonical(root, path),
            opened => return Ok(opened?.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    open_canonical(root, path)
}

/// The same where the system can't hold it: whoever changes links at the same moment may lead outside.
fn open_canonical(root: &Path, path: &Path) -> io::Result<File> {
    let root = root.canonicalize().map_err(|error| no_root(root, error))?;
    let path = root.join(path).canonicalize()?;
    if !path.starts_with(&root) || !path.metadata()?.is_file() {
        return Err(io::Error::other(NoFile));
    }
    File::open(path)
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map(|since| i64::try_from(since.as_nanos()));
    since.ok().and_then(std::result::Result::ok).unwrap_or(0)
}

/// How a file looks that has these.
pub fn seen_as(metadata: &Metadata) -> Seen {
    Seen {
        size: metadata.len().cast_signed(),
        modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        unit_ns: 1,
        etag: None,
        inode: Some(metadata.ino().cast_signed()),
        born_ns: metadata.created().ok().map(nanoseconds),
    }
}

/// Whether a change from now on would be seen.
fn is_resting(metadata: &Metadata) -> bool {
    let changed = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
    // The machine's own clock, by which the file has its time.
    let now = Clock::system().now().timestamp_nanos_opt().unwrap_or(i64::MAX);
    let since = now.saturating_sub(changed);
    // A clock that is ahead says nothing.
    since < 0 || since >= COARSE.as_nanos() as i64
}

pub(super) async fn read(
    reader: &Reader,
    root: PathBuf,
    path: PathBuf,
    wanted: &Seen,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let (file, metadata) = opened(root, path).await?.ok_or(Error::ContentGone)?;
    if !wanted.is_unchanged(&seen_as(&metadata)) {
        return Err(Error::ContentChanged);
    }
    if range.is_empty() {
        return Ok(futures_util::stream::empty().boxed());
    }
    let file = Arc::new(file);
    let began = marks(&metadata);
    let bytes = reader.opened(file.clone(), metadata.len()).read(range).map(move |piece| {
        // After the bytes were read: so they are of the file as it was.
        let is_so_still = file.metadata().is_ok_and(|now| marks(&now) == began);
        if is_so_still { piece.map_err(disk_failed) } else { Err(Error::ContentChanged) }
    });
    Ok(bytes.boxed())
}

/// What changes with each change of a file.
fn marks(metadata: &Metadata) -> [i64; 5] {
    [
        metadata.len().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}

/// A file or a folder below a root.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Below the root, spelled.
    pub path: String,
    pub is_folder: bool,
    pub seen: Seen,
}

/// What is not taken, and why.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Below the root, spelled.
    pub path: String,
    pub why: String,
    /// Whether what is below it is not known therefore.
    pub hides: bool,
}

/// A walk through a folder: each folder comes before what is in it, and each folder's entries in the order of their
/// names.
pub struct Walk {
    root: PathBuf,
    inner: walkdir::IntoIter,
}

impl Walk {
    /// Of all that is below the root.
    pub fn of(root: &Path) -> Self {
        let inner = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
        Self { root: root.to_owned(), inner }
    }

    /// Of one file or folder, and perhaps of all that is below it.
    pub fn from(root: &Path, path: &str, is_deep: bool) -> Self {
        let depth = if is_deep { usize::MAX } else { 0 };
        let inner = walkdir::WalkDir::new(root.join(path_of(path))).follow_root_links(false);
        Self { root: root.to_owned(), inner: inner.max_depth(depth).sort_by_file_name().into_iter() }
    }
}

impl Iterator for Walk {
    type Item = std::result::Result<Entry, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_temporary = |name: &OsStr| name.as_bytes().starts_with(TEMPORARY.as_bytes());
        let found =
            self.inner.find(|found| !found.as_ref().is_ok_and(|entry| is_temporary(entry.file_name())))?;
        let spelled = |path: &Path| {
            let below = path.strip_prefix(&self.root).unwrap_or(path);
            spell_path(below.as_os_str().as_bytes())
        };
        Some(match found {
            Ok(entry) => {
                let path = spelled(entry.path());
                let skipped = |why: String, hides| Skipped { path: path.clone(), why, hides };
                look_at(&self.root, &entry)
                    .map(|(is_folder, seen)| Entry { path: path.clone(), is_folder, seen })
                    .map_err(|(why, hides)| skipped(why, hides))
            }
            Err(error) => Err(Skipped {
                path: error.path().map(spelled).unwrap_or_default(),
                why: error.io_error().map_or_else(|| "it leads to itself".to_owned(), ToString::to_string),
                hides: true,
            }),
        })
    }
}

/// What an entry is, or why it is not taken, and whether more is hidden by that.
fn look_at(root: &Path, entry: &walkdir::DirEntry) -> std::result::Result<(bool, Seen), (String, bool)> {
    let told = |error: io::Error| (error.to_string(), false);
    let kind = entry.file_type();
    if kind.is_dir() {
        let metadata = entry.metadata().map_err(|error| (error.to_string(), true))?;
        return Ok((true, seen_as(&metadata)));
    }
    let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
    if kind.is_symlink() {
        let opened = open_within(root, path);
        return match opened {
            Ok((_, metadata)) => Ok((false, seen_as(&metadata))),
            Err(error) if error.get_ref().is_some_and(|inner| inner.is::<NoFile>()) => {
                Err(("it is a link to a folder, which are not followed".to_owned(), false))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(("it is a link to what is not there".to_owned(), false))
            }
            Err(error) if is_nothing(&error) => Err(("it is a link that leads out".to_owned(), false)),
            Err(error) => Err(told(error)),
        };
    }
    if !kind.is_file() {
        return Err(("it is no file".to_owned(), false));
    }
    can_be_read(entry.path()).map_err(told)?;
    // One that is being written just now is found out when it is first read.
    Ok((false, seen_as(&entry.path().symlink_metadata().map_err(told)?)))
}

fn can_be_read(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)?)
}
