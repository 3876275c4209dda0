//! How fast contents are read by what nobody waits for.

use std::time::{Duration, Instant};

/// Reads no faster than so many bytes a second, on average.
pub(super) struct Pace {
    rate: Option<u64>,
    began: Instant,
    bytes: u64,
}

impl Pace {
    /// At so many bytes a second; none: as fast as it goes.
    pub fn of(rate: Option<u64>) -> Self {
        Self { rate, began: Instant::now(), bytes: 0 }
    }

    /// Waits until so many more may have been read.
    pub async fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let due = Duration::from_secs_f64(self.bytes as f64 / rate as f64);
        tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
    }
}
