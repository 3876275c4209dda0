//! `everlink links create`: the links of many files at once, for a database or a page of one's own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures_util::stream::{self, LocalBoxStream, StreamExt};
use serde_json::json;

use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{Settings, reachable_url};
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::identity::{Application, Caller};
use crate::domain::ids::ItemId;
use crate::domain::item::Kind;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::domain::name::ItemPath;
use crate::domain::order::PlaceInOrder;
use crate::error::Error;
use crate::limits::Limits;
use crate::service::drive::{ChildrenPage, PageRequest, list_children};
use crate::service::installation::Installation;
use crate::service::links::{LinkRequest, authkey, create_link};
use crate::service::{Service, rights};
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct Create {
    /// Whose files they are
    #[arg(long, value_name = "USER")]
    user: String,
    /// The tenant that the user belongs to
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: String,
    /// The application that they are made for: an item has one link of each, and of each type
    #[arg(long, value_name = "APPLICATION", default_value = "everlink-links")]
    app_id: String,
    #[arg(long = "type", value_name = "TYPE", default_value = "view", help = LinkType::names())]
    link_type: LinkType,
    /// anonymous or organization [default: the service's]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<LinkScope>,
    #[command(flatten)]
    which: Which,
    /// csv for spreadsheets, json (one object a line) for programs
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    output: Output,
    /// As `everlink serve` has them
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The files and folders whose paths are the lines of this file; - for standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// All files in this folder of the drive, however deep; / for all there are
    #[arg(long, value_name = "PATH")]
    below: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Csv,
    Json,
}

/// Links that are asked for at once: so many go into the same few statements.
const AT_ONCE: usize = 512;
/// How often one is tried while the database is away or has no room, and how long it waits.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// Items of a folder that are read at once.
const PAGE: usize = 1_000;

/// What is to have a link: its path, and how it is addressed.
type Wanted = Result<(String, ItemAddress), Trouble>;

/// Why something has no link.
enum Trouble {
    /// It alone.
    One(Failure),
    /// Nor has what would follow.
    All(Failure),
}

impl Create {
    pub async fn run(&self) -> Result<(), Failure> {
        start_logging(&self.settings.logging);
        // Like the other commands, this makes no installation where there is none.
        Installation::open(&self.settings.storage).await?.close().await;
        let (service, _) = Service::open(&self.settings, Clock::system(), Limits::default()).await?;
        let made = self.create(&service).await;
        service.close().await;
        match made? {
            0 => Ok(()),
            1 => Err(Failure("one has no link".to_owned())),
            failed => Err(Failure(format!("{failed} have no link"))),
        }
    }

    /// Prints a line for each link, in the order of the files, and gives how many have none: for each it is said why.
    async fn create(&self, service: &Service) -> Result<usize, Failure> {
        // An application on its own: a user who has no drive gets none by this.
        let granted = Granted::<FilesReadWrite>::to(Arc::new(Caller {
            tenant: self.tenant.clone(),
            user: None,
            application: Application { id: self.app_id.clone(), name: None },
            granted: vec!["Files.ReadWrite.All".to_owned()],
        }))
        .map_err(|lacks| Failure(lacks.to_string()))?;
        let url = self.settings.public_url.clone().unwrap_or_else(|| reachable_url(self.settings.listen));
        let request = LinkRequest { link_type: self.link_type, scope: self.scope };
        let make = async |address: &ItemAddress| {
            let claim = rights::claim(service, &granted, address).await?;
            create_link(service, &claim, request).await
        };
        // Somebody else may write more than leaves room for it; a moment later there is.
        let make = async |address: &ItemAddress| {
            for _ in 0..TRIES {
                match make(address).await {
                    Err(Error::Unavailable(_) | Error::TooBusy(_)) => tokio::time::sleep(PAUSE).await,
                    made => return made,
                }
            }
            make(address).await
        };
        let link = async |path: &str, address: &ItemAddress| -> Result<String, Trouble> {
            let told = |failure: Failure| Failure(format!("{path}: {failure}"));
            let (link, _) = make(address).await.map_err(|error| match error {
                Error::Unavailable(_) | Error::StorageFull(_) => Trouble::All(told(error.into())),
                error => Trouble::One(told(error.into())),
            })?;
            let key = authkey(service, &link).map_err(|error| Trouble::One(told(error.into())))?;
            self.line(path, &link.url(&url, &key)).map_err(Trouble::All)
        };
        let wanted = match &self.which.below {
            Some(path) => below(service, &granted, &self.user, path).await?,
            None => self.listed()?,
        };
        let mut lines = wanted
            .map(async |wanted| match wanted {
                Ok((path, address)) => link(&path, &address).await,
                Err(trouble) => Err(trouble),
            })
            .buffered(AT_ONCE);
        let mut out = std::io::stdout().lock();
        if matches!(self.output, Output::Csv) {
            out.write_all(b"path,url\n")?;
        }
        let (mut failed, mut made) = (0, 0_u64);
        while let Some(line) = lines.next().await {
            made += 1;
            // A table that was empty a moment ago is another matter to PostgreSQL: see `store::statistics`.
            if made.is_power_of_two() {
                service.look_at_grown_tables().await;
            }
            match line {
                Ok(line) => match out.write_all(line.as_bytes()) {
                    // Whoever reads it has gone away, which is no failure.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(failed),
                    written => written?,
                },
                Err(Trouble::One(failure)) => {
                    failed += 1;
                    eprintln!("{failure}");
                }
                Err(Trouble::All(failure)) => return Err(failure),
            }
        }
        Ok(failed)
    }

    fn line(&self, path: &str, url: &str) -> Result<String, Failure> {
        match self.output {
            Output::Json => Ok(format!("{}\n", json!({ "path": path, "url": url }))),
            Output::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                writer.write_record([path, url]).map_err(|error| Failure(error.to_string()))?;
                let bytes = writer.into_inner().map_err(|error| Failure(error.to_string()))?;
                String::from_utf8(bytes).map_err(|error| Failure(error.to_string()))
            }
        }
    }

    /// Of the lines of a file, which is read to its end first: links are not to wait for who writes it.
    fn listed(&self) -> Result<LocalBoxStream<'_, Wanted>, Failure> {
        let file = self.which.from.as_deref().unwrap_or(Path::new("-"));
        let text = match file.to_str() {
            Some("-") => std::io::read_to_string(std::io::stdin()),
            _ => std::fs::read_to_string(file),
        };
        let text = text.map_err(|error| Failure(format!("{}: {error}", file.display())))?;
        let paths: Vec<String> = text.lines().map(str::to_owned).collect();
        let wanted = paths.into_iter().map(|path| match ItemPath::parse(&path) {
            Ok(parsed) => {
                let drive = DriveAddress::Of(self.user.clone());
                Ok((path, ItemAddress::InDrive { drive, base: Base::Root, path: parsed }))
            }
            Err(bad) => Err(Trouble::One(Failure(format!("{path}: {bad}")))),
        });
        Ok(stream::iter(wanted).boxed_local())
    }
}

/// All files below a folder, each folder's in the order of their names before those of the folders in it.
async fn below<'s>(
    service: &'s Service,
    granted: &'s Granted<FilesReadWrite>,
    user: &str,
    path: &str,
) -> Result<LocalBoxStream<'s, Wanted>, Failure> {
    let parsed = ItemPath::parse(path).map_err(|bad| Failure(format!("{path}: {bad}")))?;
    let (drive, base) = (DriveAddress::Of(user.to_owned()), Base::Root);
    let address = ItemAddress::InDrive { drive, base, path: parsed };
    let folder = rights::manage(service, granted, &address).await;
    let folder = folder.map_err(|error| Failure(format!("{path}: {}", Failure::from(error))))?;
    let start = path.trim_matches('/');
    let start = if start.is_empty() { String::new() } else { format!("/{start}") };
    let walk = Walk::from(start, folder.id());
    let pages = stream::try_unfold(walk, move |walk| walk.next_page(service, granted));
    let files = pages.flat_map(|page| match page {
        Ok(files) => stream::iter(files.into_iter().map(Ok).collect::<Vec<Wanted>>()),
        Err(failure) => stream::iter(vec![Err(Trouble::All(failure))]),
    });
    Ok(files.boxed_local())
}

/// A walk through folders, a page at a time.
struct Walk {
    /// Those that are to be looked at, the next one last.
    folders: Vec<Folder>,
    /// Those that were found in it so far.
    found: Vec<Folder>,
    /// Where its next page starts.
    after: Option<PlaceInOrder>,
}

#[derive(Clone)]
struct Folder {
    path: String,
    id: ItemId,
}

impl Walk {
    fn from(path: String, id: ItemId) -> Self {
        Self { folders: vec![Folder { path, id }], found: Vec::new(), after: None }
    }

    /// The files of the next page; none where there are no more pages.
    async fn next_page(
        mut self,
        service: &Service,
        granted: &Granted<FilesReadWrite>,
    ) -> Result<Option<(Vec<(String, ItemAddress)>, Self)>, Failure> {
        let Some(folder) = self.folders.last().cloned() else { return Ok(None) };
        let wanted = PageRequest { after: self.after.take(), ..PageRequest::first(PAGE) };
        let page = match rights::manage(service, granted, &by_id(folder.id)).await {
            Ok(managed) => list_children(service, &managed.to_read(), &wanted).await?,
            // It was deleted meanwhile.
            Err(Error::ItemNotFound) => ChildrenPage::default(),
            Err(error) => return Err(error.into()),
        };
        self.after = page.next_after(page.items.len());
        let mut files = Vec::new();
        for item in page.items {
            let path = format!("{}/{}", folder.path, item.name);
            match item.kind() {
                Kind::File => files.push((path, by_id(item.id))),
                Kind::Folder => self.found.push(Folder { path, id: item.id }),
            }
        }
        if self.after.is_none() {
            self.folders.pop();
            self.folders.extend(self.found.drain(..).rev());
        }
        Ok(Some((files, self)))
    }
}

fn by_id(id: ItemId) -> ItemAddress {
    let (drive, base) = (DriveAddress::Id(id.drive), Base::Item(id));
    ItemAddress::InDrive { drive, base, path: ItemPath::default() }
}
