//! Which secrets sign this database's links.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::{Tx, execute, on};

impl Tx {
    /// The epochs that servers came with so far, and their secrets' check values.
    pub async fn key_epochs(&mut self) -> Result<Vec<(i16, String)>> {
        on!(self, |connection| sqlx::query_as("SELECT epoch, check_value FROM key_epochs ORDER BY epoch")
            .fetch_all(connection))
    }

    pub async fn insert_key_epoch(&mut self, epoch: u8, check_value: &str, now: Timestamp) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO key_epochs (epoch, check_value, first_seen_at) VALUES ($1, $2, $3)
                 ON CONFLICT (epoch) DO NOTHING"
            )
            .bind(i16::from(epoch))
            .bind(check_value)
            .bind(now)
        )?;
        Ok(())
    }

    /// Whether any link is signed with the epoch's secret.
    pub async fn is_epoch_used(&mut self, epoch: i16) -> Result<bool> {
        on!(self, |connection| sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM links WHERE key_epoch = $1)")
            .bind(epoch)
            .fetch_one(connection))
    }
}
