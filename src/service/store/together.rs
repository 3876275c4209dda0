//! One transaction for many who write at the same moment. Who comes while another's work is under way waits for its
//! turn, does its own in the same transaction, and one commit lasts for all: so under load the disk's sync is shared,
//! and without load nobody waits.
//!
//! Nobody is answered before that commit. Where one's work fails, all of the transaction is undone, and the others do
//! theirs again, each in a transaction of its own: so one's failure is never another's. Only a database that gives no
//! transaction is told to all who wait for one: they would find the same, one after the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::store::errors::is_in_the_way;
use crate::service::store::statement::Tx;

/// Whose work one commit lasts for, at most: others who write wait for as long.
const MOST: usize = 32;
/// How long somebody waits for a turn: with what the work takes, a database that is slow is told within three seconds.
const PATIENCE: Duration = Duration::from_millis(1_500);

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

/// Who write together, and the transaction that goes from hand to hand.
#[derive(Default)]
pub(super) struct Lane {
    turn: tokio::sync::Mutex<Option<Open>>,
    /// How often the database gave no transaction.
    failures: AtomicU64,
}

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
        // While nobody else can count.
        drop(lane);
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
        let failures = self.failures.load(Ordering::Relaxed);
        let Ok(mut turn) = tokio::time::timeout(PATIENCE, self.turn.lock()).await else {
            return Some(Err(Error::unavailable("the database has no time")));
        };
        let mut open = match turn.take() {
            Some(open) => open,
            None if self.failures.load(Ordering::Relaxed) > failures => {
                return Some(Err(Error::unavailable("the database gave others no transaction")));
            }
            None => match begin().await {
                Ok(tx) => Open { tx, waiting: Vec::new() },
                Err(error) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    return Some(Err(error));
                }
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
            mut turn = self.turn.lock() => {
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

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_database_that_is_away_is_asked_once_for_all_who_wait() {
        let (lane, asked) = (Lane::default(), AtomicU64::new(0));
        let begin = async || {
            asked.fetch_add(1, Ordering::Relaxed);
            // The others come to wait meanwhile.
            tokio::task::yield_now().await;
            Err(Error::unavailable("away"))
        };
        let told = join_all((0..20).map(async |_| lane.write("step", begin, &mut async |_| Ok(())).await));
        assert!(told.await.into_iter().all(|told| matches!(told, Some(Err(Error::Unavailable(_))))));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // Who comes later asks again.
        assert!(matches!(lane.write("step", begin, &mut async |_| Ok(())).await, Some(Err(_))));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn lanes_that_nobody_uses_are_forgotten() {
        let lanes = Lanes::default();
        let (one, same) = (lanes.of(Together::Rows), lanes.of(Together::Rows));
        assert!(Arc::ptr_eq(&one, &same));
        lanes.leave(Together::Rows, one);
        assert_eq!(lanes.0.lock().expect("no panic").len(), 1);
        lanes.leave(Together::Rows, same);
        assert!(lanes.0.lock().expect("no panic").is_empty());
    }
}
