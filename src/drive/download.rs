//! Reading a file's bytes.

use crate::app::App;
use crate::clock::Timestamp;
use crate::domain::authkey::ProvenLink;
use crate::domain::item::{FileVersion, Item, ItemId, Kind};
use crate::domain::ticket::Ticket;
use crate::error::{Error, Result};
use crate::limits::Who;

/// A file's content at one of its versions, ready to be read.
#[derive(Clone, Debug)]
pub struct Download {
    pub item: ItemId,
    pub name: String,
    pub file: FileVersion,
    pub modified_at: Timestamp,
    /// Whose turn it takes.
    pub who: Who,
}

impl Download {
    pub fn of(item: &Item) -> Result<Self> {
        let file =
            item.file().ok_or_else(|| Error::invalid_request("The item is a folder: it has no content."))?;
        Ok(Self {
            item: item.id,
            name: item.name.clone(),
            file: file.clone(),
            modified_at: item.modified.at,
            who: Who::Drive(item.id.drive),
        })
    }
}

/// A ticket that opens an item's current content for a while; through a link, while the link lasts.
pub fn ticket_for(app: &App, item: ItemId, version: Option<i64>, through: Option<ProvenLink>) -> String {
    let expires_at = app.clock.now() + app.limits.ticket;
    app.keys.sign_ticket(&Ticket { item, version, expires_at, through })
}

/// What a ticket opens now.
pub async fn open_ticket(app: &App, ticket: &str) -> Result<Download> {
    let ticket = app.keys.prove_ticket(ticket, app.clock.now()).ok_or(Error::ItemNotFound)?;
    let mut tx = app.store.read().await?;
    let item =
        tx.item(ticket.item).await?.filter(|item| item.kind() == Kind::File).ok_or(Error::ItemNotFound)?;
    if let Some(proven) = ticket.through {
        tx.link_type(proven.item(), proven.link()).await?.ok_or(Error::ItemNotFound)?;
        // The file may have left the shared folder since.
        if !tx.is_inside(item.id, proven.item()).await? {
            return Err(Error::ItemNotFound);
        }
    }
    let mut download = Download::of(&item)?;
    if let Some(proven) = ticket.through {
        download.who = Who::Link(proven.link());
    }
    if let Some(version) = ticket.version {
        download.file = tx.version(item.id, version).await?.ok_or(Error::ItemNotFound)?;
    }
    Ok(download)
}
