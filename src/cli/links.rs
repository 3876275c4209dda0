//! `everlink links`: lists and revokes links, for those who answer for the installation.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::{Actor, Failure};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::ids::ItemId;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::service::installation::{Installation, LinkFilter, PlacedLink};
use crate::telemetry::start_logging;

#[derive(Subcommand)]
pub enum Links {
    /// List live links
    List(Box<List>),
    /// End links at once, on every server
    Revoke(Box<Revoke>),
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    wanted: LinkFilterArgs,
    /// table for people, json (one object a line) for programs
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct Revoke {
    #[command(flatten)]
    wanted: LinkFilterArgs,
    /// Revoke every link of the installation
    #[arg(long)]
    all: bool,
    /// Say what would be revoked, and revoke nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    actor: Actor,
    /// table for people, json (one object a line) for programs
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
    #[command(flatten)]
    settings: Settings,
}

/// Which links; what is not said may be anything.
#[derive(Args)]
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
    /// view, edit or embed
    #[arg(long = "type", value_name = "TYPE")]
    link_type: Option<LinkType>,
    /// anonymous or organization
    #[arg(long, value_name = "SCOPE")]
    scope: Option<LinkScope>,
    /// Links that this epoch of the key file signs
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<u8>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

impl LinkFilterArgs {
    fn is_anything(&self) -> bool {
        self.item.is_none()
            && self.app.is_none()
            && self.user.is_none()
            && self.tenant.is_none()
            && self.link_type.is_none()
            && self.scope.is_none()
            && self.epoch.is_none()
    }

    async fn find(&self, installation: &Installation) -> Result<Vec<PlacedLink>, Failure> {
        let filter = LinkFilter {
            item: self.item,
            application: self.app.clone(),
            owner: self.user.clone(),
            tenant: self.tenant.clone(),
            link_type: self.link_type,
            scope: self.scope,
            key_epoch: self.epoch,
        };
        Ok(installation.links(&filter).await?)
    }
}

impl Links {
    pub async fn run(&self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl List {
    async fn run(&self) -> Result<(), Failure> {
        start_logging(&self.settings, None);
        let installation = Installation::open(&self.settings).await?;
        print(&self.wanted.find(&installation).await?, self.output);
        installation.close().await;
        Ok(())
    }
}

impl Revoke {
    async fn run(&self) -> Result<(), Failure> {
        if self.wanted.is_anything() != self.all {
            let problem =
                "say which links: by --item, --app, --user, --tenant, --type, --scope, --epoch; or --all";
            return Err(Failure(problem.to_owned()));
        }
        start_logging(&self.settings, None);
        let installation = Installation::open(&self.settings).await?;
        let links = self.wanted.find(&installation).await?;
        let said = if self.dry_run {
            format!("{} links would be revoked", links.len())
        } else {
            let revoked =
                installation.revoke_links(&links, &self.actor.name(), Clock::system().now()).await?;
            format!("{revoked} links revoked")
        };
        // Last, for whoever reads it may go away in the middle.
        eprintln!("{said}");
        print(&links, self.output);
        installation.close().await;
        Ok(())
    }
}

fn print(links: &[PlacedLink], output: Output) {
    match output {
        Output::Json => {
            for link in links {
                println!("{}", as_json(link));
            }
        }
        Output::Table => print_table(links),
    }
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
        "epoch": link.key_epoch,
        "linkId": link.link_id.to_hex(),
    })
}

/// Columns are as wide as their widest value. What users wrote is printed without control characters.
fn print_table(links: &[PlacedLink]) {
    let plain = |text: &str| text.replace(char::is_control, "?");
    let head = ["TENANT", "OWNER", "PATH", "TYPE", "SCOPE", "APP", "MADE", "ITEM"].map(str::to_owned);
    let rows = links.iter().map(|link| {
        [
            plain(&link.tenant),
            plain(&link.owner),
            plain(&link.path),
            link.r#type.as_str().to_owned(),
            link.scope.as_str().to_owned(),
            plain(&link.app_id),
            link.created_at.format("%Y-%m-%d %H:%M").to_string(),
            link.item.to_string(),
        ]
    });
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..8).map(width).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
}
