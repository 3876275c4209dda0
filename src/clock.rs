//! What time it is, and randomness: the two things that tests replace.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

/// A moment in UTC, to the microsecond: the finest that both databases keep.
pub type Timestamp = DateTime<Utc>;

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the real time comes in")]
        Self::new(Utc::now)
    }

    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)().trunc_subsecs(6)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// `N` random bytes, unpredictable.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    #[expect(clippy::disallowed_methods, reason = "the one place where randomness comes in")]
    rand::random()
}

/// A random id that sorts by time (UUID version 7), so that indexes grow at their end.
pub fn time_ordered_id(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes()).into_uuid()
}
