//! What links open, and tickets, and items' own URLs.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::domain::address::{ShareToken, SharedAddress};
use crate::domain::grant::{FilesRead, FilesReadWrite, Granted};
use crate::domain::identity::Caller;
use crate::domain::ids::ItemId;
use crate::domain::item::Item;
use crate::domain::link::Act;
use crate::domain::link_scope::LinkScope;
use crate::error::{Error, Result};
use crate::keys::ProvenLink;
use crate::limits::Who;
use crate::service::Service;
use crate::service::outside::current;
use crate::service::rights::{OpenedBy, Shared, ToDownload, live, prove_link, walk};
use crate::service::store::{OpenedLink, Tx};

/// Opens what a link shares, or something inside of it: whoever shows the link's key gets it as it is now.
///
/// The key is checked first, without the database; then one statement finds link, item and current version together.
/// Whatever is wrong (a wrong key, a revoked link, an item in the recycle bin) is one and the same «not found», so
/// that nothing is learned by trying.
///
/// Who manages an item gets at it by its own URL, too. That asks for what every other way to a caller's own items
/// asks for, the scope; a link asks for none.
pub async fn open(
    service: &Service,
    visitor: Option<&Arc<Caller>>,
    address: &SharedAddress,
) -> Result<Shared> {
    let opened = open_uncounted(service, visitor, address).await;
    match &opened {
        Ok(Shared { by: OpenedBy::Link(link, _), .. }) => {
            service.metrics.link_opened(link.link_type, link.scope);
        }
        Err(Error::ItemNotFound | Error::ForOrganization(_)) => service.metrics.link_refused(),
        _ => {}
    }
    opened
}

async fn open_uncounted(
    service: &Service,
    visitor: Option<&Arc<Caller>>,
    address: &SharedAddress,
) -> Result<Shared> {
    let proven = match &address.share {
        ShareToken::ShareId(id) => service.keys.prove_share_id(id.expose_secret()),
        ShareToken::Link { item, authkey } => service.keys.prove_authkey(*item, authkey.expose_secret()),
        ShareToken::Item(id) => {
            let visitor = visitor.ok_or(Error::ItemNotFound)?;
            let granted = Granted::<FilesRead>::to(visitor.clone())?;
            let mut tx = service.store.read("open_own_url").await?;
            let whole = Arc::new(live(&mut tx, &granted.caller, *id).await?);
            let item = Arc::new(inside(&mut tx, &whole, address).await?);
            drop(tx);
            return opened_now(service, Shared { item, whole, by: OpenedBy::Manager }).await;
        }
    };
    let proven: ProvenLink = proven.ok_or(Error::ItemNotFound)?;
    let opened = service.queues.open(proven).await?;
    let OpenedLink { link, item: whole, shown } = opened.ok_or(Error::ItemNotFound)?;
    if link.scope == LinkScope::Organization
        && visitor.is_none_or(|visitor| visitor.tenant != whole.drive.tenant)
    {
        return Err(Error::ForOrganization(whole.drive.tenant.clone()));
    }
    // Who may not read is told nothing of what is inside, not even whether it is there.
    let is_whole = address.is_whole() || (address.path.is_empty() && address.item == Some(whole.id));
    if !is_whole && !link.link_type.permits(Act::Read) {
        return Err(Error::ItemNotFound);
    }
    let item = if address.is_whole() {
        whole.clone()
    } else {
        let mut tx = service.store.read("open_inside").await?;
        // It may be revoked by now, and what is inside be another.
        tx.link_type(link.at()).await?.ok_or(Error::ItemNotFound)?;
        Arc::new(inside(&mut tx, &whole, address).await?)
    };
    opened_now(service, Shared { item, whole, by: OpenedBy::Link(link, shown) }).await
}

/// What was opened, with the version that its file has now where that is outside.
async fn opened_now(service: &Service, opened: Shared) -> Result<Shared> {
    let item = current(service, opened.item.clone()).await?;
    if Arc::ptr_eq(&item, &opened.item) {
        return Ok(opened);
    }
    let whole = if item.id == opened.whole.id { item.clone() } else { opened.whole };
    let by = match opened.by {
        OpenedBy::Link(link, _) => OpenedBy::Link(link, None),
        OpenedBy::Manager => OpenedBy::Manager,
    };
    Ok(Shared { item, whole, by })
}

/// An item of the caller's own, as its own URL opens it.
pub async fn open_own(service: &Service, granted: &Granted<FilesReadWrite>, id: ItemId) -> Result<Shared> {
    let address = SharedAddress::whole(ShareToken::Item(id));
    open_uncounted(service, Some(&granted.caller), &address).await
}

/// What a ticket opens now.
pub async fn open_ticket(service: &Service, ticket: &str) -> Result<ToDownload> {
    let ticket = service.keys.prove_ticket(ticket).ok_or(Error::ItemNotFound)?;
    let mut tx = service.store.read("open_ticket").await?;
    let item = tx.item(ticket.item).await?.filter(|item| item.file().is_some()).ok_or(Error::ItemNotFound)?;
    let who = match ticket.through {
        // It may be revoked by now, and the file may have left the shared folder.
        Some(at) => {
            prove_link(&mut tx, at, item.id, Act::Download).await?;
            Who::Link(at.link)
        }
        None => Who::Drive(item.id.drive),
    };
    drop(tx);
    // What is not there any more is told first: to ask for a new URL would not help.
    let item = current(service, Arc::new(item)).await?;
    if ticket.expires_at <= service.clock.now() {
        return Err(Error::DownloadUrlExpired);
    }
    let mut right = ToDownload::of(&item, who)?;
    if let Some(version) = ticket.version {
        let mut tx = service.store.read("version").await?;
        right.file = tx.version(item.id, version).await?.ok_or(Error::ItemNotFound)?;
    }
    Ok(right)
}

/// The item that is addressed inside of what is shared. Nothing outside is ever found.
async fn inside(tx: &mut Tx, whole: &Item, address: &SharedAddress) -> Result<Item> {
    let start = match address.item {
        None => whole.clone(),
        Some(id) if id == whole.id => whole.clone(),
        Some(id) if id.drive == whole.id.drive => {
            if !tx.is_inside(id, whole.id).await? {
                return Err(Error::ItemNotFound);
            }
            tx.item(id).await?.ok_or(Error::ItemNotFound)?
        }
        Some(_) => return Err(Error::ItemNotFound),
    };
    walk(tx, start, address.path.names()).await
}
