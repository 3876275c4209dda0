//! Ends a link. From the moment this is answered, nothing opens it anywhere.

use crate::access::locate;
use crate::app::App;
use crate::domain::address::ItemAddress;
use crate::domain::identity::Caller;
use crate::domain::link::LinkId;
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};

/// Revokes a link of the item's own. An inherited one is to be revoked where it comes from.
pub async fn revoke_link(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    id: LinkId,
    preconditions: &Preconditions,
) -> Result<()> {
    let item = locate(app, caller, address).await?;
    if !preconditions.hold(Some(&item)) {
        return Err(Error::ResourceModified);
    }
    let now = app.clock.now();
    let app_no = app.store.application_number(&caller.application, now).await?;
    let revoked = app
        .store
        .write(async |tx| tx.revoke_link(item.id, id, caller.user_id(), Some(app_no), now).await)
        .await?;
    if let Some(kind) = revoked {
        app.metrics.links_revoked([kind]);
        return Ok(());
    }
    let links = app.store.read().await?.links_reaching(item.id).await?;
    match links.into_iter().find(|link| link.id == id && link.item != item.id) {
        Some(link) => Err(Error::AccessDenied(
            format!("The permission is inherited from the folder {}: delete it there.", link.item).into(),
        )),
        None => Err(Error::ItemNotFound),
    }
}
