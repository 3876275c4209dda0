//! Who may do what with an item: its owner, and whoever has a link to it or to a folder above it.

use crate::access::locate;
use crate::app::App;
use crate::domain::address::ItemAddress;
use crate::domain::identity::{Caller, User};
use crate::domain::item::{DriveId, Item, ItemId};
use crate::domain::link::{Link, LinkId};
use crate::error::{Error, Result};
use crate::store::Tx;

#[derive(Clone, Debug)]
pub enum Permission {
    Owner(User),
    Link {
        link: Link,
        /// Where it is inherited from; none where it is on the item itself.
        inherited_from: Option<Ancestor>,
    },
}

/// A folder above an item.
#[derive(Clone, Debug)]
pub struct Ancestor {
    pub id: ItemId,
    /// Names on the way to it, its own last.
    pub path: Vec<String>,
}

pub async fn list_permissions(app: &App, caller: &Caller, address: &ItemAddress) -> Result<Vec<Permission>> {
    let item = locate(app, caller, address).await?;
    permissions_of(&mut app.store.read().await?, &item).await
}

async fn permissions_of(tx: &mut Tx, item: &Item) -> Result<Vec<Permission>> {
    let lineage = tx.lineage(item.id).await?;
    let links = tx.links_reaching(item.id).await?;
    let mut permissions = vec![Permission::Owner(item.drive.owner())];
    permissions.extend(links.into_iter().map(|link| {
        let inherited_from =
            (link.item != item.id).then(|| ancestor(item.id.drive, &lineage, link.item.number));
        Permission::Link { link, inherited_from }
    }));
    Ok(permissions)
}

/// `lineage` has the item first and the root last, as the store gives it.
fn ancestor(drive: DriveId, lineage: &[(i64, String)], number: i64) -> Ancestor {
    let from_root = lineage.iter().rev().skip(1);
    let mut path = Vec::new();
    for (at, name) in from_root {
        path.push(name.clone());
        if *at == number {
            break;
        }
    }
    Ancestor { id: ItemId { drive, number }, path }
}

/// One permission: the link's, or the owner's where `id` is none.
pub async fn get_permission(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    id: Option<LinkId>,
) -> Result<Permission> {
    let permissions = list_permissions(app, caller, address).await?;
    let wanted = |permission: &Permission| match permission {
        Permission::Owner(_) => id.is_none(),
        Permission::Link { link, .. } => id == Some(link.id),
    };
    permissions.into_iter().find(wanted).ok_or(Error::ItemNotFound)
}
