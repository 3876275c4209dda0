//! The log: lines that wait in memory for whoever reads them, and which of them are left out.
//!
//! Nothing waits for the log. A reader that stands still costs lines, which are counted, and no request.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::config::LogAddresses;
use crate::limits::{LOGGED_REFUSALS, WAITING_LINES};

/// Whatever is written goes to standard error by a thread of its own. What waits is written until the guard is dropped.
pub fn standard_error() -> (NonBlocking, WorkerGuard, DroppedLines) {
    let builder =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true).thread_name("log");
    let (writer, guard) = builder.finish(std::io::stderr());
    let dropped = DroppedLines(Some(writer.error_counter()));
    (writer, guard, dropped)
}

/// How many lines the log could not take.
#[derive(Clone, Debug, Default)]
pub struct DroppedLines(Option<ErrorCounter>);

impl DroppedLines {
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |counter| counter.dropped_lines() as u64)
    }
}

/// What is logged of requests.
#[derive(Debug)]
pub struct RequestLog {
    addresses: LogAddresses,
    refusals: Mutex<Second>,
}

/// The refusals of a second.
#[derive(Debug)]
struct Second {
    since: Instant,
    logged: u32,
    left_out: u64,
}

impl RequestLog {
    pub fn new(addresses: LogAddresses) -> Self {
        let second = Second { since: Instant::now(), logged: 0, left_out: 0 };
        Self { addresses, refusals: Mutex::new(second) }
    }

    /// A client's address, as far as it is logged.
    pub fn address(&self, client: Option<IpAddr>) -> Option<String> {
        match (self.addresses, client?) {
            (LogAddresses::Full, client) => Some(client.to_string()),
            (LogAddresses::Network, IpAddr::V4(client)) => {
                let [a, b, c, _] = client.octets();
                Some(format!("{a}.{b}.{c}.0/24"))
            }
            (LogAddresses::Network, IpAddr::V6(client)) => {
                let [a, b, c, ..] = client.segments();
                Some(format!("{a:x}:{b:x}:{c:x}::/48"))
            }
            (LogAddresses::None, _) => None,
        }
    }

    /// Whether one more refusal of somebody unknown is logged. Who sends many would fill the log with them.
    pub fn takes_refusal(&self) -> bool {
        let mut second = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if second.since.elapsed() >= Duration::from_secs(1) {
            if second.left_out > 0 {
                tracing::info!(left_out = second.left_out, "more requests without a token were refused");
            }
            *second = Second { since: Instant::now(), logged: 0, left_out: 0 };
        }
        let is_logged = second.logged < LOGGED_REFUSALS;
        if is_logged {
            second.logged += 1;
        } else {
            second.left_out += 1;
        }
        is_logged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut_to_their_network_where_that_is_wanted() {
        let logged = |addresses, client: &str| {
            RequestLog::new(addresses).address(Some(client.parse().expect("an address"))).unwrap_or_default()
        };
        assert_eq!(logged(LogAddresses::Full, "192.0.2.7"), "192.0.2.7");
        assert_eq!(logged(LogAddresses::Network, "192.0.2.7"), "192.0.2.0/24");
        assert_eq!(logged(LogAddresses::Network, "2001:db8:1:2::7"), "2001:db8:1::/48");
        assert_eq!(logged(LogAddresses::None, "192.0.2.7"), "");
    }

    #[test]
    fn of_many_refusals_a_few_are_logged() {
        let log = RequestLog::new(LogAddresses::Full);
        assert_eq!((0..1_000).filter(|_| log.takes_refusal()).count(), LOGGED_REFUSALS as usize);
    }
}
