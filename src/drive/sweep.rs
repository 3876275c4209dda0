//! Takes away what uploads left behind that were broken off.

use chrono::TimeDelta;

use crate::app::App;
use crate::drive::upload::discard;
use crate::error::Result;

/// Longer than any upload takes.
const GRACE: TimeDelta = TimeDelta::days(1);

/// Sweeps content that has been loose for a day. Gives how many contents went.
pub async fn sweep_loose_content(app: &App) -> Result<usize> {
    let before = app.clock.now() - GRACE;
    app.store.write(async |tx| tx.delete_expired_uploads(app.clock.now()).await).await?;
    let mut swept = 0;
    loop {
        let loose = app.store.read().await?.loose_content(before).await?;
        if loose.is_empty() {
            return Ok(swept);
        }
        for (drive, key) in loose {
            discard(app, drive, key).await?;
            swept += 1;
        }
    }
}
