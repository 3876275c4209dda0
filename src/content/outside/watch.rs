//! What happens in a folder, as the system tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::content::outside::folder::TEMPORARY;
use crate::domain::outside::spell_path;
use crate::error::{Error, Result};

/// What nothing happened to for so long is taken as it is.
const QUIET: Duration = Duration::from_millis(200);
/// What something happens to all the time is taken now and then.
const LONGEST: Duration = Duration::from_secs(10);
/// How often it is looked whether something has become quiet.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// More paths than these are not remembered: then all is looked at.
const MOST: usize = 100_000;

/// A folder that is watched, with all below it, until this is dropped.
pub struct Watch {
    _watcher: RecommendedWatcher,
    noticed: Arc<Mutex<Noticed>>,
}

#[derive(Debug, Default)]
struct Noticed {
    /// By their paths: when something happened first, and last, and whether all below it is new.
    paths: BTreeMap<String, (Instant, Instant, bool)>,
    /// Whether something happened that was not told.
    is_lost: bool,
}

/// Where something happened, spelled as paths below the root are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub paths: BTreeSet<String>,
    /// Those of them below which all may be new.
    pub deep: BTreeSet<String>,
    /// Whether more may have happened, anywhere.
    pub is_lost: bool,
}

impl Watch {
    pub fn start(root: &Path) -> Result<Self> {
        let noticed = Arc::new(Mutex::new(Noticed::default()));
        let (keeping, folder) = (noticed.clone(), root.to_owned());
        let handler = move |event: notify::Result<Event>| {
            let mut noticed = keeping.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Ok(event) => noticed.add(&folder, event),
                Err(_) => noticed.is_lost = true,
            }
        };
        // Links are not followed: what they lead to may be outside.
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(handler, config).map_err(cannot_watch)?;
        watcher.watch(root, RecursiveMode::Recursive).map_err(cannot_watch)?;
        Ok(Self { _watcher: watcher, noticed })
    }

    /// Waits until something has happened, and has come to rest.
    pub async fn changes(&self) -> Changes {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            every.tick().await;
            let changes = self.noticed.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
            if changes != Changes::default() {
                return changes;
            }
        }
    }
}

fn cannot_watch(error: notify::Error) -> Error {
    if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
        return Error::internal(
            "there are more folders than may be watched: let more be by \
             `sysctl fs.inotify.max_user_watches=1048576`",
        );
    }
    Error::internal(error)
}

impl Noticed {
    fn add(&mut self, root: &Path, event: Event) {
        self.is_lost |= event.need_rescan();
        let is_written = matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)));
        if matches!(event.kind, EventKind::Access(_)) && !is_written {
            return;
        }
        let is_deep = matches!(
            event.kind,
            EventKind::Create(CreateKind::Folder | CreateKind::Any)
                | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both | RenameMode::Any))
        );
        let now = Instant::now();
        let is_temporary = |name: &OsStr| name.as_bytes().starts_with(TEMPORARY.as_bytes());
        for path in event.paths {
            if path.file_name().is_some_and(is_temporary) {
                continue;
            }
            let Some(path) = below(root, &path) else { continue };
            let at = self.paths.entry(path).or_insert((now, now, false));
            at.1 = now;
            at.2 |= is_deep;
        }
        if self.paths.len() > MOST {
            self.paths.clear();
            self.is_lost = true;
        }
    }

    fn take(&mut self, now: Instant) -> Changes {
        let mut changes = Changes { is_lost: std::mem::take(&mut self.is_lost), ..Changes::default() };
        self.paths.retain(|path, (first, last, is_deep)| {
            let is_due = now.duration_since(*last) >= QUIET || now.duration_since(*first) >= LONGEST;
            if is_due {
                changes.paths.insert(path.clone());
                if *is_deep {
                    changes.deep.insert(path.clone());
                }
            }
            !is_due
        });
        changes
    }
}

/// The root itself is where something happens only when it goes.
fn below(root: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok()?;
    let path = spell_path(below.as_os_str().as_bytes());
    (!path.is_empty()).then_some(path)
}
