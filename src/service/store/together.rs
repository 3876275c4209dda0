//! One transaction for many who write the same drive. Who comes while another's work is under way waits for its turn,
//! does its own in the same transaction, and one commit lasts for all: so under load the disk's sync is shared, and
//! without load nobody waits.
//!
//! Nobody is answered before that commit. Where one's work fails, all of the transaction is undone, and the others do
//! theirs again, each in a transaction of its own: so one's failure is never another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::store::errors::is_in_the_way;
use crate::service::store::statement::Tx;

/// Whose work one commit lasts for, at most: others who write wait for as long.
const MOST: usize = 32;

/// Who write together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Together {
    /// All there are: SQLite has one transaction at a time.
    All,
    /// Who write the same drive.
    Drive(DriveId),
    /// Who add rows that are in nobody's way.
    Rows,
}

/// Those that write at the moment.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<Together, Arc<Lane>>>);

/// The transaction that goes from hand to hand.
#[derive(Default)]
pub(super) struct Lane(tokio::sync::Mutex<Option<Open>>);

/// A transaction that is to be committed, and who wait for that.
struct Open {
    tx: Tx,
    waiting: Vec<oneshot::Sender<Result<()>>>,
}

impl Lanes {
    pub fn of(&self, together: Together) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(together).or_default().clone()
    }

    /// Lanes that nobody uses are forgotten.
    pub fn leave(&self, together: Together, lane: Arc<Lane>) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The table's, and this one.
        if Arc::strong_count(&lane) == 2 {
            lanes.remove(&together);
        }
    }
}

impl Lane {
    /// Does work in the transaction that is under way, or in a new one. None where it was undone for another's sake.
    pub async fn write<T>(
        &self,
        step: &'static str,
        begin: impl AsyncFnOnce() -> Result<Tx>,
        work: &mut impl AsyncFnMut(&mut Tx) -> Result<T>,
    ) -> Option<Result<T>> {
        let mut turn = self.0.lock().await;
        let mut open = match turn.take() {
            Some(open) => open,
            None => match begin().await {
                Ok(tx) => Open { tx, waiting: Vec::new() },
                Err(error) => return Some(Err(error)),
            },
        };
        open.tx.step = step;
        let value = match work(&mut open.tx).await {
            Ok(value) => value,
            Err(error) if open.waiting.is_empty() && !is_in_the_way(&error) => return Some(Err(error)),
            // Whose work failed does it again, too: it may have been by what the others did.
            Err(_) => return None,
        };
        let (done, mut committed) = oneshot::channel();
        open.waiting.push(done);
        if open.waiting.len() >= MOST {
            open.commit().await;
        } else {
            *turn = Some(open);
        }
        drop(turn);
        // Who waits for a turn already comes before; whoever is the next after them commits for all.
        let committed = tokio::select! {
            biased;
            committed = &mut committed => committed,
            mut turn = self.0.lock() => {
                if let Some(open) = turn.take() {
                    open.commit().await;
                }
                drop(turn);
                committed.await
            }
        };
        match committed {
            Ok(Ok(())) => Some(Ok(value)),
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => None,
        }
    }
}

impl Open {
    /// Tells all who wait. Who was in others' way is told nothing, which lets all do their work again.
    async fn commit(self) {
        let committed = self.tx.commit().await;
        if committed.as_ref().is_err_and(is_in_the_way) {
            return;
        }
        for waiting in self.waiting {
            // Who has gone away needs no answer.
            let _ = waiting.send(committed.as_ref().copied().map_err(Error::for_another));
        }
    }
}
