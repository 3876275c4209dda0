//! `everlink import`

mod lines;
mod watching;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc;

use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{ContentUrl, Settings};
use crate::content::{Outside, Skipped, Walk};
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::identity::{Application, Caller, User};
use crate::domain::name::ItemPath;
use crate::domain::outside::spell_path;
use crate::limits::Limits;
use crate::service::Service;
use crate::service::drive::{Import, ImportEntry};
use crate::service::installation::Installation;
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct ImportFiles {
    /// A folder, s3://bucket/prefix, or a file with a JSON object a line (path, location, size, modified, and perhaps
    /// mimeType and sha256); - for such lines on standard input
    source: String,
    /// Whose drive shows the files; it is made where there is none
    #[arg(long, value_name = "USER")]
    user: String,
    /// The tenant that the user belongs to
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: String,
    /// The folder of the drive that shows them
    #[arg(long, value_name = "PATH", default_value = "/")]
    to: String,
    /// Put what was imported before and is gone into the recycle bin
    #[arg(long)]
    delete: bool,
    /// How much of a hundred files may be gone at once: more looks like a disk that is not mounted
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(..=100))]
    delete_at_most: u8,
    /// Write what is uploaded there into the folder, rather than into Everlink's own store
    #[arg(long)]
    write_through: bool,
    /// Go on, and follow what happens in the folder until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    /// Tell what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    /// As `everlink serve` has them
    #[command(flatten)]
    settings: Settings,
}

/// What comes in one transaction.
const BATCH: usize = 2_000;
/// Batches that are read ahead.
const AHEAD: usize = 4;
/// The exit code where some files were left out.
const LEFT_OUT: u8 = 2;

/// What there is to import, and where it is.
enum Source {
    Folder(PathBuf),
    Bucket { bucket: String, prefix: String },
    Lines(Option<PathBuf>),
}

impl Source {
    fn parse(text: &str) -> Result<Self, Failure> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_matches('/').to_owned();
            return Ok(Self::Bucket { bucket: bucket.to_owned(), prefix });
        }
        if text == "-" {
            return Ok(Self::Lines(None));
        }
        let told = |error: std::io::Error| Failure(format!("{text}: {error}"));
        let path = Path::new(text).canonicalize().map_err(told)?;
        if path.is_dir() { Ok(Self::Folder(path)) } else { Ok(Self::Lines(Some(path))) }
    }

    /// As the database has it.
    fn root(&self) -> String {
        match self {
            Self::Folder(path) => format!("file://{}", spell_path(path.as_os_str().as_encoded_bytes())),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => format!("s3://{bucket}"),
            Self::Bucket { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
            Self::Lines(_) => String::new(),
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Lines(_))
    }

    /// All there is, in batches.
    fn batches(&self, outside: &Outside) -> Result<BoxStream<'static, Result<Batch, Failure>>, Failure> {
        match self {
            Self::Folder(root) => {
                let root = root.clone();
                Ok(in_thread(move || Walk::of(&root).map(|one| one.map(entry_of))))
            }
            Self::Lines(path) => Ok(in_thread(lines::open(path.as_deref())?)),
            Self::Bucket { bucket, prefix } => {
                let listed = outside.list(bucket, prefix)?.map_err(Failure::from);
                let entries = listed.map_ok(|found| match found.path.split('/').any(str::is_empty) {
                    true => Err(left_out(found.path, "a part of its path has no name")),
                    false => Ok(entry_of(found)),
                });
                let batches = entries.try_chunks(BATCH).map_err(|error| error.1);
                Ok(batches.map_ok(|batch| batch.into_iter().collect()).boxed())
            }
        }
    }
}

fn entry_of(found: crate::content::Entry) -> ImportEntry {
    let crate::content::Entry { path, is_folder, seen } = found;
    ImportEntry { path, is_folder, seen, location: None, mime_type: None, sha256: None }
}

fn left_out(path: impl Into<String>, why: impl Into<String>) -> Skipped {
    Skipped { path: path.into(), why: why.into(), hides: false }
}

/// Some of what there is, and what can't be taken of it.
#[derive(Default)]
struct Batch {
    entries: Vec<ImportEntry>,
    skipped: Vec<Skipped>,
}

impl FromIterator<Result<ImportEntry, Skipped>> for Batch {
    fn from_iter<I: IntoIterator<Item = Result<ImportEntry, Skipped>>>(found: I) -> Self {
        let mut batch = Self::default();
        for one in found {
            match one {
                Ok(entry) => batch.entries.push(entry),
                Err(skipped) => batch.skipped.push(skipped),
            }
        }
        batch
    }
}

/// Batches of what a thread of its own finds, for it waits for disks.
fn in_thread<F, I>(open: F) -> BoxStream<'static, Result<Batch, Failure>>
where
    F: FnOnce() -> I + Send + 'static,
    I: Iterator<Item = Result<ImportEntry, Skipped>>,
{
    let (send, receive) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut found = open();
        loop {
            let batch: Batch = found.by_ref().take(BATCH).collect();
            let is_last = batch.entries.is_empty() && batch.skipped.is_empty();
            // Where nobody takes it any more, the import has failed.
            if is_last || send.blocking_send(Ok(batch)).is_err() {
                return;
            }
        }
    });
    futures_util::stream::unfold(receive, async |mut receive: mpsc::Receiver<_>| {
        let batch = receive.recv().await?;
        Some((batch, receive))
    })
    .boxed()
}

impl ImportFiles {
    pub async fn run(&self) -> Result<ExitCode, Failure> {
        start_logging(&self.settings.logging);
        let source = Source::parse(&self.source)?;
        self.check_is_elsewhere(&source)?;
        if self.write_through && !matches!(source, Source::Folder(_)) {
            return Err(Failure("only a folder can be written to".to_owned()));
        }
        let to = ItemPath::parse(&self.to).map_err(|bad| Failure(format!("{}: {bad}", self.to)))?;
        // Like the other commands, this makes no installation where there is none.
        Installation::open(&self.settings.storage).await?.close().await;
        let (service, _) = Service::open(&self.settings, Clock::system(), Limits::default()).await?;
        let left_out = Box::pin(self.import(&service, &source, &to)).await;
        service.close().await;
        Ok(if left_out? == 0 { ExitCode::SUCCESS } else { ExitCode::from(LEFT_OUT) })
    }

    /// What the content store keeps is no source: it would be imported again and again.
    fn check_is_elsewhere(&self, source: &Source) -> Result<(), Failure> {
        let content = self.settings.content().map_err(|bad| Failure(bad.to_string()))?;
        if let (Source::Folder(root), ContentUrl::Folder(folder)) = (source, content)
            && let Ok(folder) = folder.canonicalize()
            && (folder.starts_with(root) || root.starts_with(&folder))
        {
            let folder = folder.display();
            return Err(Failure(format!("{folder} is Everlink's own content store: import another folder")));
        }
        Ok(())
    }

    fn granted(&self) -> Result<Granted<FilesReadWrite>, Failure> {
        let caller = Caller {
            tenant: self.tenant.clone(),
            user: Some(User { id: self.user.clone(), name: None }),
            application: Application { id: "everlink-import".to_owned(), name: None },
            granted: vec!["Files.ReadWrite".to_owned()],
        };
        Granted::to(Arc::new(caller)).map_err(|lacks| Failure(lacks.to_string()))
    }

    /// Gives how many were left out.
    async fn import(&self, service: &Service, source: &Source, to: &ItemPath) -> Result<u64, Failure> {
        let granted = self.granted()?;
        // Before the first look: what happens meanwhile is looked at again.
        let watch = if self.watch { Some(watching::start(source)?) } else { None };
        let mut import = match self.dry_run {
            true => Import::compare(service, &granted, to, &source.root()).await?,
            false => Import::begin(service, &granted, to, &source.root(), self.write_through).await?,
        };
        let mut left_out = self.pass(&mut import, source).await?;
        if let Some((watch, root)) = watch {
            left_out = self.follow(&mut import, source, &watch, &root).await?;
        }
        Ok(left_out)
    }

    /// Looks at all there is. Gives how many were left out.
    async fn pass(&self, import: &mut Import<'_>, source: &Source) -> Result<u64, Failure> {
        let bar = progress(source);
        let mut left_out = 0;
        let tell = |skipped: &Skipped| bar.suspend(|| eprintln!("{}: {}", skipped.path, skipped.why));
        let mut batches = source.batches(import.outside())?;
        while let Some(batch) = batches.next().await {
            let Batch { entries, skipped } = batch?;
            for one in &skipped {
                // Of a line that can't be read it is not known which file it is.
                import.hide(if source.is_list() { "" } else { &one.path });
            }
            let more = import.take(entries).await?;
            left_out += (skipped.len() + more.len()) as u64;
            skipped.iter().chain(&more).for_each(tell);
            bar.set_position(import.tally.files());
        }
        bar.finish_and_clear();
        let deleted = match (self.delete, self.dry_run) {
            (true, _) => self.delete_gone(import).await?,
            (false, true) => import.count_gone().await?.files,
            (false, false) => import.miss_gone().await?,
        };
        self.report(import, deleted, left_out);
        Ok(left_out)
    }

    async fn delete_gone(&self, import: &Import<'_>) -> Result<u64, Failure> {
        let gone = import.count_gone().await?;
        if self.dry_run {
            return Ok(gone.files);
        }
        if gone.is_more_than(self.delete_at_most) {
            return Err(Failure(format!(
                "{} of {} files are gone, which is more than {} %: nothing was deleted. If that is right, say \
                 --delete-at-most 100",
                gone.files, gone.of, self.delete_at_most
            )));
        }
        Ok(import.delete_gone().await?)
    }

    /// `gone` are the files that are not there any more, and went into the recycle bin where that was asked for.
    fn report(&self, import: &Import<'_>, gone: u64, left_out: u64) {
        let tally = import.tally;
        let (deleted, missing) = if self.delete { (gone, 0) } else { (0, gone) };
        if self.json {
            println!(
                "{}",
                json!({
                    "new": tally.new, "changed": tally.changed, "moved": tally.moved, "unchanged": tally.unchanged,
                    "inRecycleBin": tally.deleted, "deleted": deleted, "missing": missing, "leftOut": left_out,
                    "dryRun": self.dry_run,
                })
            );
            return;
        }
        let counts = [
            (tally.new, "new"),
            (tally.changed, "changed"),
            (tally.moved, "moved"),
            (tally.unchanged, "unchanged"),
            (tally.deleted, "in the recycle bin"),
            (deleted, "deleted"),
            (missing, "missing"),
            (left_out, "left out"),
        ];
        let told: Vec<String> = counts
            .iter()
            .filter(|(count, what)| *count > 0 || *what == "new")
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let dry = if self.dry_run { "Would be: " } else { "" };
        println!("{dry}{}", told.join(", "));
    }
}

/// How far it is; where a folder is walked, the rest is known once it has been counted.
fn progress(source: &Source) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {human_pos} files, {per_sec}")
            .expect("the template is right"),
    );
    if let Source::Folder(root) = source {
        let (root, bar) = (root.clone(), bar.clone());
        std::thread::spawn(move || {
            let files = walkdir::WalkDir::new(root).into_iter().flatten();
            let count = files.filter(|entry| !entry.file_type().is_dir()).count();
            bar.set_length(count as u64);
            bar.set_style(
                ProgressStyle::with_template(
                    "[{wide_bar}] {human_pos} of {human_len} files, {per_sec}, {eta}",
                )
                .expect("the template is right")
                .progress_chars("=> "),
            );
        });
    }
    bar
}
