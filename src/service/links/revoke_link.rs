//! Ends a link. From the moment this is answered, nothing opens it anywhere.

use crate::domain::grant::FilesReadWrite;
use crate::domain::ids::{LinkAt, LinkId};
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::recovery::journal_soon;
use crate::service::rights::Managed;

/// Revokes a link of the item's own. An inherited one is to be revoked where it comes from.
pub async fn revoke_link(
    service: &Service,
    managed: &Managed<FilesReadWrite>,
    id: LinkId,
    preconditions: &Preconditions,
) -> Result<()> {
    let item = managed.id();
    if !preconditions.hold(Some(managed.item())) {
        return Err(Error::ResourceModified);
    }
    let now = service.clock.now();
    let author = managed.author(service).await?;
    let right = managed.even_deleted(item)?;
    let link = LinkAt { item, link: id };
    let revoked = service
        .store
        .write("revoke_link", async |tx| {
            // The item may have gone to the recycle bin: its links are still its owner's to end.
            right.prove(tx).await?;
            tx.revoke_link(link, author.user.as_deref(), author.app_no, now).await
        })
        .await?;
    if let Some(kind) = revoked {
        service.metrics.links_revoked([kind]);
        journal_soon(service).await;
        return Ok(());
    }
    let links = service.store.read("revoke_link").await?.links_reaching(item).await?;
    match links.into_iter().find(|link| link.id == id && link.item != item) {
        Some(link) => Err(Error::AccessDenied(
            format!("The permission is inherited from the folder {}: delete it there.", link.item).into(),
        )),
        None => Err(Error::ItemNotFound),
    }
}
