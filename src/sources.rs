//! How often somebody may: wrong keys by the address that they come from, and requests by user and by application.
//!
//! Who guesses keys of links is told to wait. What counts are wrong keys alone, and what is refused for them are wrong
//! keys alone: a link opens to everybody who has it, whoever else is behind the same address. Nor is anything counted
//! by link, or a stranger could close one.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::identity::Caller;
use crate::error::{Error, Result};
use crate::limits::WRONG_KEYS_OF_NETWORK;

/// Those who are remembered at once; past that, those who have not come for a while are forgotten.
const REMEMBERED: usize = 100_000;
const FORGETS_EVERY: Duration = Duration::from_secs(5);

/// Left with a request whose sender showed who they are.
pub struct Known;

/// What each may in a minute; 0: as much as they like.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Wrong keys from one IPv4 address, or one IPv6 network of 64 bits.
    pub wrong_keys: u32,
    pub requests_of_user: u32,
    pub requests_of_application: u32,
}

#[derive(Debug)]
pub struct Sources {
    wrong_keys: Option<Limiter<IpAddr>>,
    /// Of IPv6, whose smallest networks somebody may have many of.
    wrong_keys_of_network: Option<Limiter<IpAddr>>,
    users: Option<Limiter<(String, String)>>,
    applications: Option<Limiter<(String, String)>>,
}

impl Sources {
    pub fn new(rates: Rates) -> Self {
        Self {
            wrong_keys: Limiter::new(rates.wrong_keys),
            wrong_keys_of_network: Limiter::new(rates.wrong_keys.saturating_mul(WRONG_KEYS_OF_NETWORK)),
            users: Limiter::new(rates.requests_of_user),
            applications: Limiter::new(rates.requests_of_application),
        }
    }

    /// Counts a wrong key. An error where there have been too many.
    pub fn wrong_key(&self, client: IpAddr) -> Result<()> {
        if let (Some(limiter), IpAddr::V6(_)) = (&self.wrong_keys_of_network, client) {
            limiter.count(network(client, 56))?;
        }
        self.wrong_keys.as_ref().map_or(Ok(()), |limiter| limiter.count(network(client, 64)))
    }

    /// Counts a caller's request. An error where there have been too many.
    pub fn request(&self, caller: &Caller) -> Result<()> {
        if let Some(limiter) = &self.applications {
            limiter.count((caller.tenant.clone(), caller.application.id.clone()))?;
        }
        match (&self.users, caller.user_id()) {
            (Some(limiter), Some(user)) => limiter.count((caller.tenant.clone(), user.to_owned())),
            _ => Ok(()),
        }
    }
}

/// An IPv4 address itself; of an IPv6 one the network of so many bits.
pub fn network(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits))).into(),
    }
}

/// So much a minute for each: all of it at once, or bit by bit.
struct Limiter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, DefaultClock>,
    forgot_at: Mutex<Instant>,
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Limiter<K> {
    /// Nothing of whom it knows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(a_minute: u32) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(a_minute)?);
        Some(Self { limiter: RateLimiter::hashmap(quota), forgot_at: Mutex::new(Instant::now()) })
    }

    /// Now and then: it takes a look at all who are remembered.
    fn is_time_to_forget(&self) -> bool {
        let mut forgot_at = self.forgot_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = forgot_at.elapsed() >= FORGETS_EVERY;
        if is_time {
            *forgot_at = Instant::now();
        }
        is_time
    }

    fn count(&self, who: K) -> Result<()> {
        if self.limiter.len() >= REMEMBERED && self.is_time_to_forget() {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(&who).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Error::TooOften { seconds: wait.as_secs() + 1 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(wrong_keys: u32) -> Sources {
        Sources::new(Rates { wrong_keys, requests_of_user: 0, requests_of_application: 0 })
    }

    #[test]
    fn wrong_keys_are_counted_by_address_and_of_ipv6_by_network() {
        let sources = sources(2);
        let wrong = |address: &str| sources.wrong_key(address.parse().expect("an address")).is_ok();
        assert!(wrong("192.0.2.1") && wrong("192.0.2.1") && !wrong("192.0.2.1"));
        assert!(wrong("192.0.2.2"));
        assert!(wrong("2001:db8::1") && wrong("2001:db8::2") && !wrong("2001:db8::3"));
        assert!(wrong("2001:db8:0:1::1"));
        // Other small networks of the same larger one, until that has had enough.
        let more = (2..40).filter(|number| wrong(&format!("2001:db8:0:{number:x}::1"))).count();
        assert!(more < 16, "{more}");
        assert!(wrong("2001:db8:1::1"));
    }

    #[test]
    fn nothing_is_counted_where_there_is_no_limit() {
        let sources = sources(0);
        let address = "192.0.2.1".parse().expect("an address");
        assert!((0..1_000).all(|_| sources.wrong_key(address).is_ok()));
    }
}
