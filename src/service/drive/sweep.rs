//! Takes away what uploads left behind that were broken off.

use chrono::TimeDelta;

use crate::error::Result;
use crate::service::Service;
use crate::service::drive::upload::discard;

/// Longer than any upload takes.
const GRACE: TimeDelta = TimeDelta::days(1);

/// Sweeps content that has been pending for a day. Gives how many contents went.
pub async fn sweep_pending_content(service: &Service) -> Result<usize> {
    let before = service.clock.now() - GRACE;
    service
        .store
        .write("delete_expired_uploads", async |tx| tx.delete_expired_uploads(service.clock.now()).await)
        .await?;
    let mut swept = 0;
    loop {
        let pending = service.store.read("pending_content").await?.pending_content(before).await?;
        if pending.is_empty() {
            return Ok(swept);
        }
        for (drive, key) in pending {
            discard(service, drive, key).await?;
            swept += 1;
        }
    }
}
