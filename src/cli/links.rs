//! `everlink links`: makes, lists, shows and revokes links, for those who answer for the installation. There may be
//! millions of them, so they are taken a few hundred at a time.

use std::io::{IsTerminal, Write};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::create_links::Create;
use crate::cli::{Actor, Failure, Installed};
use crate::clock::{Clock, Timestamp};
use crate::domain::address::SharedAddress;
use crate::domain::ids::{ItemId, LinkId};
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::keys::named_link;
use crate::service::installation::{Installation, LinkFilter, PlacedLink};

#[derive(Subcommand)]
pub enum Links {
    /// Make links to many files at once; where there are some already, the same ones
    Create(Box<Create>),
    /// List live links
    List(Box<List>),
    /// Show the links that are named
    Show(Box<Show>),
    /// End links at once, on every server
    Revoke(Box<Revoke>),
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    wanted: LinkFilterArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    installed: Installed,
}

#[derive(Args)]
pub struct Show {
    /// A link's URL, its share id, its permission's id or its link id; after -- where it begins with a dash
    #[arg(required = true, value_name = "LINK")]
    links: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    installed: Installed,
}

#[derive(Args)]
pub struct Revoke {
    /// A link's URL, its share id, its permission's id or its link id; after -- where it begins with a dash
    #[arg(value_name = "LINK")]
    links: Vec<String>,
    #[command(flatten)]
    wanted: LinkFilterArgs,
    /// Revoke every link of the installation
    #[arg(long)]
    all: bool,
    /// With --all: don't ask
    #[arg(long)]
    yes: bool,
    /// Say what would be revoked, and revoke nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    installed: Installed,
}

/// Which links; what is not said may be anything.
#[derive(Args)]
#[command(next_help_heading = "Which links")]
struct LinkFilterArgs {
    /// Links on this item, DRIVE!number
    #[arg(long, value_name = "ITEM")]
    item: Option<ItemId>,
    /// Links that this application made
    #[arg(long, value_name = "APPLICATION")]
    app: Option<String>,
    /// Links in this user's drive; with --tenant, that of the tenant's user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Links in the drives of this tenant's users
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[arg(long = "type", value_name = "TYPE", help = LinkType::names())]
    link_type: Option<LinkType>,
    /// anonymous or organization
    #[arg(long, value_name = "SCOPE")]
    scope: Option<LinkScope>,
    /// Links that this epoch of the key file signs
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<u8>,
    /// Links made then or later: a day, as 2026-01-31, or a time, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Links made before
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
}

#[derive(Args)]
struct OutputArgs {
    /// table for people, json (one object a line) for programs, csv for spreadsheets
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
    Csv,
}

/// A day begins at midnight, UTC.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)))
        .map_err(|_| "neither a day, as 2026-01-31, nor a time, as 2026-01-31T12:00:00Z".to_owned())
}

impl LinkFilterArgs {
    fn filter(&self) -> LinkFilter {
        LinkFilter {
            item: self.item,
            application: self.app.clone(),
            owner: self.user.clone(),
            tenant: self.tenant.clone(),
            link_type: self.link_type,
            scope: self.scope,
            key_epoch: self.epoch,
            link: None,
            since: self.since,
            until: self.until,
        }
    }
}

/// The one link of a name in whatever form.
fn named(text: &str) -> Result<LinkFilter, Failure> {
    let text = text.trim();
    let address = SharedAddress::of_url(text).or_else(|| SharedAddress::of_token(text));
    let at = address.and_then(|address| named_link(&address.share));
    let link =
        at.map(|at| at.link).or_else(|| LinkId::of_permission_id(text)).or_else(|| LinkId::of_hex(text));
    match link {
        Some(_) => Ok(LinkFilter { item: at.map(|at| at.item), link, ..LinkFilter::default() }),
        None => Err(Failure(format!("{text:?} is no link's URL, share id, permission id or link id"))),
    }
}

impl Links {
    pub async fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl List {
    async fn run(&self) -> Result<(), Failure> {
        let installation = self.installed.open().await?;
        let mut printer = Printer::new(self.output.output);
        let filter = self.wanted.filter();
        let mut after = None;
        loop {
            let links = installation.links_after(&filter, after).await?;
            printer.print(&links)?;
            match links.last() {
                Some(last) => after = Some(last.at()),
                None => break,
            }
        }
        installation.close().await;
        Ok(())
    }
}

impl Show {
    async fn run(&self) -> Result<(), Failure> {
        let installation = self.installed.open().await?;
        let links = find_named(&installation, &self.links).await?;
        installation.close().await;
        Printer::new(self.output.output).print(&links)
    }
}

/// All of the links, or which of them is not there.
async fn find_named(installation: &Installation, names: &[String]) -> Result<Vec<PlacedLink>, Failure> {
    let mut found: Vec<PlacedLink> = Vec::new();
    for name in names {
        let links = installation.links_after(&named(name)?, None).await?;
        if links.is_empty() {
            return Err(Failure(format!("there is no such link, or not any more: {name}")));
        }
        for link in links {
            if !found.iter().any(|known| known.at() == link.at()) {
                found.push(link);
            }
        }
    }
    Ok(found)
}

impl Revoke {
    async fn run(&self) -> Result<(), Failure> {
        let filter = self.wanted.filter();
        let ways = [!self.links.is_empty(), filter != LinkFilter::default(), self.all];
        if ways.iter().filter(|said| **said).count() != 1 {
            return Err(Failure(
                "say which links, in one way: by their URLs or ids; by --item, --app, --user, --tenant, --type, \
                 --scope, --epoch, --since, --until; or --all"
                    .to_owned(),
            ));
        }
        let installation = self.installed.open().await?;
        if self.all && !self.dry_run && !self.yes {
            ask(&format!("Revoke all {} links?", installation.count_links().await?))?;
        }
        let mut printer = Printer::new(self.output.output);
        let mut ended = 0;
        if self.links.is_empty() {
            // Hidden where nobody looks, and where it would be between the lines of a table on the same terminal.
            let progress = match std::io::stdout().is_terminal() {
                true => ProgressBar::hidden(),
                false => ProgressBar::new_spinner().with_message("links revoked"),
            };
            let mut after = None;
            loop {
                let links = installation.links_after(&filter, after).await?;
                let Some(last) = links.last() else { break };
                after = Some(last.at());
                ended += self.end(&installation, &links).await?;
                progress.set_position(ended as u64);
                progress.tick();
                printer.print(&links)?;
            }
            progress.finish_and_clear();
        } else {
            let links = find_named(&installation, &self.links).await?;
            ended += self.end(&installation, &links).await?;
            printer.print(&links)?;
        }
        installation.close().await;
        let (links, would_be) =
            (if ended == 1 { "link" } else { "links" }, if self.dry_run { " would be" } else { "" });
        eprintln!("{ended} {links}{would_be} revoked");
        Ok(())
    }

    /// Gives how many have ended, or would.
    async fn end(&self, installation: &Installation, links: &[PlacedLink]) -> Result<usize, Failure> {
        if self.dry_run {
            return Ok(links.len());
        }
        Ok(installation.revoke_links(links, &self.actor.name(), Clock::system().now()).await?)
    }
}

/// Goes on only where somebody says yes.
fn ask(question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure("nobody is there to ask: say --yes".to_owned()));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure("nothing was revoked".to_owned())),
    }
}

const HEAD: [&str; 11] =
    ["TENANT", "OWNER", "PATH", "TYPE", "SCOPE", "APP", "MADE", "OPENS", "LAST OPENED", "ITEM", "LINK"];

/// Prints links as they come.
struct Printer {
    output: Output,
    /// Of a table's columns: as wide as the widest value so far.
    widths: [usize; HEAD.len()],
    has_head: bool,
}

impl Printer {
    fn new(output: Output) -> Self {
        Self { output, widths: HEAD.map(str::len), has_head: false }
    }

    /// Whoever reads it may go away in the middle, which is no failure.
    fn print(&mut self, links: &[PlacedLink]) -> Result<(), Failure> {
        let mut text = Vec::new();
        let is_first = !std::mem::replace(&mut self.has_head, true);
        match self.output {
            Output::Json => {
                for link in links {
                    writeln!(text, "{}", as_json(link))?;
                }
            }
            Output::Csv => {
                let mut writer = csv::Writer::from_writer(&mut text);
                if is_first {
                    writer.write_record(HEAD.map(str::to_ascii_lowercase)).map_err(unwritten)?;
                }
                for link in links {
                    writer.write_record(cells(link).map(no_formula)).map_err(unwritten)?;
                }
                writer.flush()?;
            }
            Output::Table => {
                let head = is_first.then(|| HEAD.map(str::to_owned));
                let rows: Vec<_> = head.into_iter().chain(links.iter().map(cells)).collect();
                for row in &rows {
                    for (width, cell) in self.widths.iter_mut().zip(row) {
                        *width = (*width).max(cell.chars().count());
                    }
                }
                for row in rows {
                    let cells: Vec<String> =
                        row.iter().zip(self.widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
                    writeln!(text, "{}", cells.join("  ").trim_end())?;
                }
            }
        }
        match std::io::stdout().write_all(&text) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn unwritten(error: csv::Error) -> Failure {
    Failure(error.to_string())
}

fn as_json(link: &PlacedLink) -> serde_json::Value {
    json!({
        "tenant": link.tenant,
        "owner": link.owner,
        "item": link.item.to_string(),
        "path": link.path,
        "type": link.r#type.as_str(),
        "scope": link.scope.as_str(),
        "app": link.app_id,
        "createdBy": link.created_by,
        "createdDateTime": link.created_at,
        "views": link.views,
        "downloads": link.downloads,
        "lastOpenedDateTime": link.last_opened_at,
        "epoch": link.key_epoch,
        "linkId": link.link_id.to_hex(),
        "permissionId": link.link_id.to_permission_id(),
    })
}

fn minute(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// What users wrote is printed without control characters.
fn cells(link: &PlacedLink) -> [String; HEAD.len()] {
    let plain = |text: &str| text.replace(char::is_control, "?");
    [
        plain(&link.tenant),
        plain(&link.owner),
        plain(&link.path),
        link.r#type.as_str().to_owned(),
        link.scope.as_str().to_owned(),
        plain(&link.app_id),
        minute(link.created_at),
        (link.views + link.downloads).to_string(),
        link.last_opened_at.map_or_else(|| "never".to_owned(), minute),
        link.item.to_string(),
        link.link_id.to_permission_id(),
    ]
}

/// Spreadsheets run what begins like a formula.
fn no_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}
