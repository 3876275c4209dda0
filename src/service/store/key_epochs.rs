//! Which secrets sign this database's links.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::service::store::statement::{Tx, execute, on, on_many};

/// An epoch of the key file, as the database knows it.
#[derive(Clone, Debug, FromRow)]
pub struct EpochUse {
    pub epoch: i16,
    pub check_value: String,
    pub first_seen_at: Timestamp,
    pub links: i64,
}

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

    /// The epochs that servers came with so far, since when, and how many live links each has signed.
    pub async fn epoch_uses(&mut self) -> Result<Vec<EpochUse>> {
        on_many!(self, |connection| sqlx::query_as(
            "SELECT e.epoch, e.check_value, e.first_seen_at,
                    (SELECT count(*) FROM links l WHERE l.key_epoch = e.epoch) AS links
             FROM key_epochs e ORDER BY e.epoch"
        )
        .fetch_all(connection))
    }

    /// Forgets an epoch that no server has any more.
    pub async fn forget_key_epoch(&mut self, epoch: u8) -> Result<()> {
        execute!(self, sqlx::query("DELETE FROM key_epochs WHERE epoch = $1").bind(i16::from(epoch)))?;
        Ok(())
    }

    /// Whether any link is signed with the epoch's secret.
    pub async fn is_epoch_used(&mut self, epoch: i16) -> Result<bool> {
        on_many!(self, |connection| sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM links WHERE key_epoch = $1)"
        )
        .bind(epoch)
        .fetch_one(connection))
    }
}
