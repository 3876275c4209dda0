//! Going back to what a tenant's drives held before: for programs under test, between their tests.

use crate::domain::ids::DriveId;
use crate::error::Result;
use crate::service::Service;
use crate::service::opens::write_opens;
use crate::service::store::Tx;

/// Keeps what all drives of a tenant hold now.
pub async fn keep_tenant(service: &Service, tenant: &str) -> Result<()> {
    let keep = async |tx: &mut Tx| {
        let drives: Vec<DriveId> = tx.drives_of_tenant(tenant).await?.iter().map(|drive| drive.id).collect();
        tx.keep_drives(tenant, &drives).await
    };
    service.store.write("keep_tenant", keep).await
}

/// Whether that was done.
pub async fn is_kept(service: &Service, tenant: &str) -> Result<bool> {
    service.store.write("is_kept", async |tx: &mut Tx| tx.is_kept(tenant).await).await
}

/// Lets all drives of a tenant hold what was kept of them, and nothing else; they are empty where nothing was.
pub async fn restore_tenant(service: &Service, tenant: &str) -> Result<()> {
    // Counts of links that are gone would be written down later.
    write_opens(service).await?;
    let restore = async |tx: &mut Tx| {
        let drives = tx.drives_of_tenant(tenant).await?;
        tx.restore_drives(&drives, service.clock.now()).await?;
        Ok(drives.iter().map(|drive| drive.id).collect::<Vec<DriveId>>())
    };
    let drives = service.store.write("restore_tenant", restore).await?;
    service.store.begin_era();
    service.new_ids.forget(&drives);
    Ok(())
}

/// All tenants that have drives.
pub async fn tenants(service: &Service) -> Result<Vec<String>> {
    service.store.read("tenants").await?.tenants().await
}
