//! `everlink import --watch`: goes on, and follows what happens in the folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::import::{BATCH, Batch, ImportFiles, Source, entry_of};
use crate::cli::{Failure, asked_to_stop};
use crate::content::{Changes, Skipped, Walk, Watch};
use crate::domain::outside::path_of;
use crate::service::drive::{Import, ImportEntry};

/// How long a database that is away is given, and how often.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
const TRIES: usize = 60;

/// Begins to watch what can be watched.
pub(super) fn start(source: &Source) -> Result<(Watch, PathBuf), Failure> {
    match source {
        Source::Folder(root) => Ok((Watch::start(root)?, root.clone())),
        _ => Err(Failure("only a folder can be watched: import the others now and then".to_owned())),
    }
}

impl ImportFiles {
    /// Until the process is asked to stop. Gives how many files were left out.
    pub(super) async fn follow(
        &self,
        import: &mut Import<'_>,
        source: &Source,
        watch: &Watch,
        root: &Path,
    ) -> Result<u64, Failure> {
        eprintln!("Following what happens in {}; Ctrl-C ends it.", root.display());
        let mut left_out = 0;
        let stop = asked_to_stop();
        tokio::pin!(stop);
        loop {
            let changes = tokio::select! {
                _ = &mut stop => return Ok(left_out),
                changes = watch.changes() => changes,
            };
            import.begin_again();
            let mut done = match changes.is_lost {
                true => self.pass(import, source).await,
                false => self.take_changes(import, root, changes).await,
            };
            for _ in 0..TRIES {
                let Err(failure) = &done else { break };
                eprintln!("{failure}: all is looked at again soon");
                tokio::select! {
                    _ = &mut stop => return Ok(left_out),
                    () = tokio::time::sleep(AGAIN_AFTER) => {}
                }
                import.begin_again();
                done = self.pass(import, source).await;
            }
            left_out += done?;
        }
    }

    async fn take_changes(
        &self,
        import: &mut Import<'_>,
        root: &Path,
        changes: Changes,
    ) -> Result<u64, Failure> {
        let walked = root.to_owned();
        let looking = tokio::task::spawn_blocking(move || look(&walked, &changes));
        let (batch, gone) = looking.await.map_err(|error| Failure(error.to_string()))?;
        let mut skipped = batch.skipped;
        for some in batch.entries.chunks(BATCH) {
            skipped.extend(import.take(some.to_vec()).await?);
        }
        let deleted = import.take_away(&gone, self.delete).await?;
        skipped.iter().for_each(|one| eprintln!("{}: {}", one.path, one.why));
        let (tally, left_out) = (import.tally, skipped.len() as u64);
        if deleted + tally.new + tally.changed + tally.moved + left_out > 0 {
            self.report(import, deleted, left_out);
        }
        Ok(left_out)
    }
}

/// What is there now of what has changed, each folder before what is in it, and what is not.
fn look(root: &Path, changes: &Changes) -> (Batch, Vec<String>) {
    let mut found = Vec::new();
    let (mut walked, mut gone): (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
    let is_below =
        |path: &str, is_it: &dyn Fn(&str) -> bool| path.match_indices('/').any(|(at, _)| is_it(&path[..at]));
    let is_link = |folder: &str| {
        let metadata = root.join(path_of(folder)).symlink_metadata();
        metadata.is_ok_and(|metadata| metadata.is_symlink())
    };
    for path in &changes.paths {
        // What is behind a link is not followed; what is below a folder that was walked, or is gone, was found there.
        let is_known = |folder: &str| walked.contains(folder) || gone.contains(folder);
        if is_below(path, &is_known) || is_below(path, &is_link) {
            continue;
        }
        let is_deep = changes.deep.contains(path);
        let mut walk = Walk::from(root, path, is_deep).peekable();
        if let Some(Err(skipped)) = walk.peek()
            && skipped.path == *path
            && skipped.hides
        {
            gone.insert(path);
            continue;
        }
        if is_deep {
            walked.insert(path);
        }
        found.extend(walk.map(|one| one.map(entry_of)));
    }
    // One path after another is not the order of folders: a-b comes between a and a/x.
    found.sort_by(|one, other| key_of(one).cmp(&key_of(other)));
    (found.into_iter().collect(), gone.into_iter().map(str::to_owned).collect())
}

/// In whose order a folder comes before what is in it.
fn key_of(found: &Result<ImportEntry, Skipped>) -> Vec<&str> {
    let path = found.as_ref().map_or_else(|skipped| skipped.path.as_str(), |entry| entry.path.as_str());
    path.split('/').collect()
}
