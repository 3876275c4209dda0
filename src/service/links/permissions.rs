//! Who may do what with an item: its owner, and whoever has a link to it or to a folder above it.

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::identity::User;
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::domain::link::Link;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::rights::{self, Managed, Shared};

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

/// An item's permissions. A link's secrets are for those who could have made it, so this takes the right to write.
pub async fn list_permissions(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<(Managed<FilesReadWrite>, Vec<Permission>)> {
    let (managed, reached) = rights::manage_reached(service, granted, address).await?;
    let item = managed.item();
    let mut permissions = vec![Permission::Owner(item.drive.owner())];
    permissions.extend(reached.links.into_iter().map(|link| {
        let inherited_from =
            (link.item != item.id).then(|| ancestor(item.id.drive, &reached.lineage, link.item.number));
        Permission::Link { link, inherited_from }
    }));
    Ok((managed, permissions))
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
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
    id: Option<LinkId>,
) -> Result<(Managed<FilesReadWrite>, Permission)> {
    let (managed, permissions) = list_permissions(service, granted, address).await?;
    let wanted = |permission: &Permission| match permission {
        Permission::Owner(_) => id.is_none(),
        Permission::Link { link, .. } => id == Some(link.id),
    };
    let found = permissions.into_iter().find(wanted).ok_or(Error::ItemNotFound)?;
    Ok((managed, found))
}

/// The permission that a share is opened by.
pub fn shared_permission(shared: &Shared) -> Permission {
    match shared.link() {
        Some(link) => Permission::Link { link: link.clone(), inherited_from: None },
        None => Permission::Owner(shared.whole().drive.owner()),
    }
}
