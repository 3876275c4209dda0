//! Opens a link: whoever shows its key reads the item as it is now.
//!
//! Who manages an item gets at it by its own URL, too. That asks for what every other way to a caller's
//! own items asks for, the scope; a link asks for none.
//!
//! The key is checked first, without the database; then one statement finds link, item and current
//! version together. Whatever is wrong (a wrong key, a revoked link, an item in the recycle bin) is
//! one and the same «not found», so that nothing is learned by trying.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::access::walk;
use crate::app::App;
use crate::domain::address::{ShareToken, SharedAddress};
use crate::domain::authkey::ProvenLink;
use crate::domain::identity::Caller;
use crate::domain::item::Item;
use crate::domain::link::{Link, LinkScope};
use crate::domain::scope::{FilesRead, Scope};
use crate::error::{Error, Result};
use crate::limits::Who;
use crate::store::{OpenedLink, Tx};

/// What a visitor gets to see.
#[derive(Clone, Debug)]
pub struct Opened {
    pub item: Arc<Item>,
    /// What is shared: the item itself, or a folder above it.
    pub shared: Arc<Item>,
    /// The link that opened it; none where it opened to who manages it.
    pub link: Option<(Arc<Link>, ProvenLink)>,
}

impl Opened {
    /// Whose turn it takes.
    pub fn who(&self) -> Who {
        self.link.as_ref().map_or(Who::Drive(self.item.id.drive), |(link, _)| Who::Link(link.id))
    }
}

/// Opens what a link's URL names.
pub async fn open_link(app: &App, visitor: Option<&Caller>, token: &ShareToken) -> Result<Opened> {
    open_shared(app, visitor, &SharedAddress::whole(token.clone())).await
}

/// Opens an item that is shared, or one inside of a shared folder.
pub async fn open_shared(app: &App, visitor: Option<&Caller>, address: &SharedAddress) -> Result<Opened> {
    let opened = open(app, visitor, address).await;
    match &opened {
        Ok(Opened { link: Some((link, _)), .. }) => app.metrics.link_opened(link.link_type, link.scope),
        Err(Error::ItemNotFound | Error::Unauthenticated(_)) => app.metrics.link_refused(),
        _ => {}
    }
    opened
}

async fn open(app: &App, visitor: Option<&Caller>, address: &SharedAddress) -> Result<Opened> {
    let proven = match &address.share {
        ShareToken::ShareId(id) => app.keys.prove_share_id(id.expose_secret()),
        ShareToken::Link { item, authkey } => app.keys.prove_authkey(*item, authkey.expose_secret()),
        ShareToken::Item(id) => {
            let visitor = visitor.ok_or(Error::ItemNotFound)?;
            FilesRead::check(visitor)?;
            let mut tx = app.store.read().await?;
            let shared = Arc::new(tx.item(*id).await?.ok_or(Error::ItemNotFound)?);
            if !visitor.manages(&shared.drive.tenant, &shared.drive.owner) {
                return Err(Error::ItemNotFound);
            }
            let item = Arc::new(inside(&mut tx, &shared, address).await?);
            return Ok(Opened { item, shared, link: None });
        }
    };
    let proven = proven.ok_or(Error::ItemNotFound)?;
    let opened = app.store.open_link(proven).await?;
    let OpenedLink { link, item: shared } = opened.ok_or(Error::ItemNotFound)?;
    if link.scope == LinkScope::Organization
        && visitor.is_none_or(|visitor| visitor.tenant != shared.drive.tenant)
    {
        return Err(Error::Unauthenticated("The link is for signed-in members of its owner's organization."));
    }
    let item = if address.is_whole() {
        shared.clone()
    } else {
        Arc::new(inside(&mut app.store.read().await?, &shared, address).await?)
    };
    Ok(Opened { item, shared, link: Some((link, proven)) })
}

/// The item that is addressed inside of what is shared. Nothing outside is ever found.
async fn inside(tx: &mut Tx, shared: &Item, address: &SharedAddress) -> Result<Item> {
    let start = match address.item {
        None => shared.clone(),
        Some(id) if id == shared.id => shared.clone(),
        Some(id) if id.drive == shared.id.drive => {
            if !tx.is_inside(id, shared.id).await? {
                return Err(Error::ItemNotFound);
            }
            tx.item(id).await?.ok_or(Error::ItemNotFound)?
        }
        Some(_) => return Err(Error::ItemNotFound),
    };
    walk(tx, start, address.path.names()).await
}
