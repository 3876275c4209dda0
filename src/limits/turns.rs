//! What is taken in turns.
//!
//! Whatever takes memory or time in proportion to what somebody asks for is taken in turns: so much in total,
//! whoever asks, and not all of it for one link or one caller. Who finds no room waits for a while, and is then
//! told to come again. So the memory of the service has a total, and nobody starves all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::domain::identity::Caller;
use crate::domain::ids::{DriveId, LinkId};
use crate::error::{Error, Result};

/// How long somebody rests after a turn, at most.
const LONGEST_REST: Duration = Duration::from_secs(2);
/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who takes turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whoever has a link: all who open it are one.
    Link(LinkId),
    /// Whoever has a URL of the drive's that names nobody.
    Drive(DriveId),
    /// Whoever has an upload session's URL.
    Upload(Uuid),
    /// A user, or an application on its own.
    Caller { tenant: String, id: String },
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        let id = caller.user_id().unwrap_or(&caller.application.id);
        Self::Caller { tenant: caller.tenant.clone(), id: id.to_owned() }
    }
}

/// What is taken in turns, by all workers together.
#[derive(Debug)]
pub struct Turns {
    /// KiB of uploads that wait to be written.
    pub uploads: Turn,
    /// Ranges of upload sessions under way.
    pub ranges: Turn,
    /// Downloads under way.
    pub downloads: Turn,
    /// Archives under way, each with the names of all that is in it.
    pub archives: Turn,
    /// Texts of which pages are made.
    pub renders: Turn,
    /// Lists that are put together or sent. One may take some megabytes.
    pub lists: Turn,
    /// Batches under way: each has its body and its answers in memory.
    pub batches: Turn,
    /// What looks at many rows of the database: searches, sorting large folders.
    pub slow: Turn,
    /// Copies under way, each of which may write ten thousand rows at one go.
    pub copies: Turn,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            uploads: Turn::new(64 * 1024, 32 * 1024),
            // One at a time of each session; how many there are in all is for connections and uploads to say.
            ranges: Turn::new(Semaphore::MAX_PERMITS, 1),
            downloads: Turn::new(512, 256),
            archives: Turn::new(8, 2),
            renders: Turn::new(2, 1),
            lists: Turn::new(16, 4),
            batches: Turn::new(3, 2),
            slow: Turn::new(2, 1).with_rest(),
            copies: Turn::new(8, 1).with_rest(),
        }
    }
}

/// Something of which there is so much in total, and so much for each.
#[derive(Debug)]
pub struct Turn {
    total: Arc<Semaphore>,
    all: usize,
    each: usize,
    /// Whether one's share rests after a turn for as long as that took.
    has_rest: bool,
    /// How long somebody waits for it.
    patience: Duration,
    shares: Arc<Mutex<HashMap<Who, Arc<Semaphore>>>>,
}

/// Some of it. It is given back when this is dropped.
#[derive(Debug)]
pub struct Taken {
    /// The permit first: it is back before it is looked whether anybody uses the share.
    own: Option<(OwnedSemaphorePermit, Share)>,
    _total: OwnedSemaphorePermit,
    /// None where it has no rest.
    since: Option<Instant>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let own = self.own.take();
        let rest = self.since.map(|since| since.elapsed().min(LONGEST_REST));
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                tokio::time::sleep(rest).await;
                drop(own);
            });
        }
    }
}

/// One's own share, which is forgotten when nobody uses it.
#[derive(Debug)]
struct Share {
    who: Who,
    semaphore: Arc<Semaphore>,
    shares: Arc<Mutex<HashMap<Who, Arc<Semaphore>>>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // The table's, and this one.
        if Arc::strong_count(&self.semaphore) == 2 {
            shares.remove(&self.who);
        }
    }
}

impl Turn {
    fn new(total: usize, each: usize) -> Self {
        Self {
            total: Arc::new(Semaphore::new(total)),
            all: total,
            each,
            has_rest: false,
            patience: PATIENCE,
            shares: Arc::default(),
        }
    }

    /// After each turn, whoever took it rests for as long: so at most half of the time is theirs.
    fn with_rest(self) -> Self {
        Self { has_rest: true, ..self }
    }

    /// How much there is in total, and for each.
    pub fn shares_out(&self) -> (usize, usize) {
        (self.all, self.each)
    }

    /// One of it.
    pub async fn take(&self, who: Who) -> Result<Taken> {
        self.take_many(who, 1).await
    }

    /// So much of it; all of one's share where that is less.
    pub async fn take_many(&self, who: Who, amount: usize) -> Result<Taken> {
        let amount = u32::try_from(amount.min(self.each)).unwrap_or(u32::MAX);
        let share = self.share(who);
        let taking = async {
            let stopping = |_| Error::TooBusy("This server is stopping: ask again, and another answers.");
            let own = share.semaphore.clone().acquire_many_owned(amount).await.map_err(stopping)?;
            let total = self.total.clone().acquire_many_owned(amount).await.map_err(stopping)?;
            Ok::<_, Error>((own, total))
        };
        let busy = Error::TooBusy("Too much is asked for at once: try again in a moment.");
        let (own, total) = tokio::time::timeout(self.patience, taking).await.map_err(|_| busy)??;
        let since = self.has_rest.then(Instant::now);
        Ok(Taken { own: Some((own, share)), _total: total, since })
    }

    /// Waits until nobody has a turn, for a while; from then on nobody gets one.
    pub async fn close(&self, patience: Duration) {
        let all = u32::try_from(self.all).unwrap_or(u32::MAX);
        // Whoever still has one has had the time for it.
        let _ = tokio::time::timeout(patience, self.total.acquire_many(all)).await;
        self.total.close();
    }

    fn share(&self, who: Who) -> Share {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let semaphore = shares.entry(who.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Share { semaphore: semaphore.clone(), who, shares: self.shares.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody waits for it.
    fn turn(total: usize, each: usize) -> Turn {
        Turn { patience: Duration::ZERO, ..Turn::new(total, each) }
    }

    fn who(number: u8) -> Who {
        Who::Link(LinkId::from_bytes([number; 16]))
    }

    #[tokio::test]
    async fn one_has_no_more_than_ones_share_and_all_no_more_than_the_total() {
        let turn = turn(3, 2);
        let first = [turn.take(who(1)).await.expect("a turn"), turn.take(who(1)).await.expect("a turn")];
        assert!(matches!(turn.take(who(1)).await, Err(Error::TooBusy(_))));
        let second = turn.take(who(2)).await.expect("another's share");
        assert!(matches!(turn.take(who(3)).await, Err(Error::TooBusy(_))));
        drop(first);
        let third = turn.take(who(3)).await.expect("what was given back");
        drop((second, third));
        assert_eq!(turn.total.available_permits(), 3);
        assert!(turn.shares.lock().expect("no panic").is_empty(), "shares are forgotten");
    }

    #[tokio::test]
    async fn who_had_a_turn_rests_as_long_as_it_took() {
        let turn = turn(1, 1).with_rest();
        let mut taken = turn.take(who(1)).await.expect("a turn");
        let an_hour_ago = Instant::now() - Duration::from_secs(3600);
        taken.since = Some(an_hour_ago);
        drop(taken);
        assert!(matches!(turn.take(who(1)).await, Err(Error::TooBusy(_))), "it rests");
        // Others need not wait for that.
        drop(turn.take(who(2)).await.expect("another's turn"));
        while turn.shares.lock().expect("no panic").contains_key(&who(2)) {
            tokio::task::yield_now().await;
        }
        let patient = Turn { patience: 2 * LONGEST_REST, ..turn };
        patient.take(who(1)).await.expect("a turn, after a rest");
    }

    #[tokio::test]
    async fn who_waits_is_next() {
        let turn = Arc::new(Turn::new(1, 1));
        let taken = turn.take(who(1)).await.expect("a turn");
        let waiting = tokio::spawn({
            let turn = turn.clone();
            async move { turn.take(who(2)).await }
        });
        tokio::task::yield_now().await;
        drop(taken);
        waiting.await.expect("no panic").expect("a turn");
    }
}
