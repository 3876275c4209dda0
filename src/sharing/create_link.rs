//! `createLink`: one link an item, application and type, made at the first call.

use std::sync::Arc;

use crate::access::locate;
use crate::app::App;
use crate::clock::random_bytes;
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::identity::Caller;
use crate::domain::item::{ItemId, Kind};
use crate::domain::link::{Link, LinkId, LinkScope, LinkType};
use crate::error::{Error, Result};
use crate::store::NewLink;

#[derive(Clone, Copy, Debug)]
pub struct LinkRequest {
    pub link_type: LinkType,
    /// None: the installation's default.
    pub scope: Option<LinkScope>,
}

/// The item's link of the caller's application and the type; true where this call made it.
///
/// A link that exists is shown as it is, whatever scope is asked for: it is the one link.
pub async fn create_link(
    app: &App,
    caller: &Arc<Caller>,
    address: &ItemAddress,
    request: LinkRequest,
) -> Result<(Link, bool)> {
    let now = app.clock.now();
    let new = NewLink {
        item: item_of(app, caller, address).await?,
        app_no: app.store.application_number(&caller.application, now).await?,
        link_type: request.link_type,
        scope: request.scope.unwrap_or(app.default_scope),
        id: LinkId::from_bytes(random_bytes()),
        key_epoch: app.keys.newest(),
        caller: caller.clone(),
        at: now,
    };
    let made = match app.store.create_link(new.clone()).await? {
        Some(made) => Some(made),
        None => {
            check(app, caller, &new).await?;
            app.store.create_link_alone(&new).await?
        }
    };
    let (link, created) = made.ok_or(Error::ItemNotFound)?;
    app.metrics.link_answered(link.link_type, link.scope, created);
    Ok((link, created))
}

/// The item's id. One that the address spells out is taken as it is: the statement that makes the link
/// asks itself whether the item is live and the caller's.
async fn item_of(app: &App, caller: &Caller, address: &ItemAddress) -> Result<ItemId> {
    match address {
        ItemAddress::InDrive { drive, base: Base::Item(id), path } if path.is_empty() => match drive {
            DriveAddress::Mine => Ok(*id),
            DriveAddress::Id(drive) if *drive == id.drive => Ok(*id),
            DriveAddress::Id(_) => Err(Error::ItemNotFound),
            DriveAddress::Of(_) => Ok(locate(app, caller, address).await?.id),
        },
        _ => Ok(locate(app, caller, address).await?.id),
    }
}

/// Whether the item may have such a link, and if not, why.
async fn check(app: &App, caller: &Caller, new: &NewLink) -> Result<()> {
    let address = ItemAddress::InDrive {
        drive: DriveAddress::Id(new.item.drive),
        base: Base::Item(new.item),
        path: Default::default(),
    };
    let item = locate(app, caller, &address).await?;
    if item.id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be shared."));
    }
    if new.link_type == LinkType::Embed && item.kind() == Kind::Folder {
        return Err(Error::invalid_request("A folder can't be embedded: type embed is for files."));
    }
    Ok(())
}
