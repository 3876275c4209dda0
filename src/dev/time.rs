//! The clock of `--dev`: tests move it, and stop it.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};

/// Tells the time as it was last set. Its copies are the same.
#[derive(Clone)]
pub struct Time {
    real: Clock,
    shift: Arc<Mutex<Shift>>,
}

#[derive(Clone, Copy, Default)]
struct Shift {
    ahead: TimeDelta,
    /// The time that it stands still at.
    frozen_at: Option<Timestamp>,
}

impl Time {
    pub fn new(real: Clock) -> Self {
        Self { real, shift: Arc::default() }
    }

    pub fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || time.now())
    }

    fn shift(&self) -> Shift {
        *self.shift.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        let shift = self.shift();
        shift.frozen_at.unwrap_or_else(|| self.real.now() + shift.ahead)
    }

    pub fn is_frozen(&self) -> bool {
        self.shift().frozen_at.is_some()
    }

    /// Sets the time, or moves it, and lets it stand still or go on. What is not said stays.
    pub fn set(&self, at: Option<Timestamp>, advance: TimeDelta, frozen: Option<bool>) -> Result<()> {
        let beyond = Error::invalid_request("The time is beyond what can be told.");
        let now = at.unwrap_or_else(|| self.now()).checked_add_signed(advance).ok_or(beyond)?;
        // What is to be written down later than now needs some years yet.
        if !(1970..9000).contains(&chrono::Datelike::year(&now)) {
            return Err(Error::invalid_request("The time is not between the years 1970 and 9000."));
        }
        let frozen = frozen.unwrap_or_else(|| self.is_frozen());
        let shift = Shift { ahead: now - self.real.now(), frozen_at: frozen.then_some(now) };
        *self.shift.lock().unwrap_or_else(PoisonError::into_inner) = shift;
        Ok(())
    }

    /// Goes back to the real time.
    pub fn reset(&self) {
        *self.shift.lock().unwrap_or_else(PoisonError::into_inner) = Shift::default();
    }
}
