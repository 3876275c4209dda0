//! Takes away what uploads left behind that were broken off, and what was deleted for good.

use crate::error::Result;
use crate::service::Service;
use crate::service::drive::upload::discard;

/// Sweeps content that is due. Gives how many contents went.
pub async fn sweep_pending_content(service: &Service) -> Result<usize> {
    let now = service.clock.now();
    service.store.write("delete_expired_uploads", async |tx| tx.delete_expired_uploads(now).await).await?;
    let mut swept = 0;
    loop {
        let pending = service.store.read("due_content").await?.due_content(now).await?;
        if pending.is_empty() {
            return Ok(swept);
        }
        for (drive, key) in pending {
            discard(service, drive, key).await?;
            swept += 1;
        }
    }
}
