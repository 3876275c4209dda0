//! Who may do what with an item: its owner, and whoever has a link to it or to a folder above it.

use crate::domain::grant::FilesReadWrite;
use crate::domain::identity::User;
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::domain::link::Link;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::rights::{Managed, Shared};

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
    managed: &Managed<FilesReadWrite>,
) -> Result<Vec<Permission>> {
    let item = managed.item();
    let mut tx = service.store.read("list_permissions").await?;
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
    service: &Service,
    managed: &Managed<FilesReadWrite>,
    id: Option<LinkId>,
) -> Result<Permission> {
    let permissions = list_permissions(service, managed).await?;
    let wanted = |permission: &Permission| match permission {
        Permission::Owner(_) => id.is_none(),
        Permission::Link { link, .. } => id == Some(link.id),
    };
    permissions.into_iter().find(wanted).ok_or(Error::ItemNotFound)
}

/// The permission that a share is opened by.
pub fn shared_permission(shared: &Shared) -> Permission {
    match shared.link() {
        Some(link) => Permission::Link { link: link.clone(), inherited_from: None },
        None => Permission::Owner(shared.whole().drive.owner()),
    }
}
