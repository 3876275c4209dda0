//! What proves all at once that was read: that nobody has committed anything since.
//!
//! PostgreSQL tells which transactions a statement sees, and SQLite counts the commits of others that a connection has
//! come to see. Two statements that saw the same see the same rows. So what one of them found as its drive's number
//! said, the other need not look for. Where somebody commits all the time, each is proven by its drive's number.

use std::collections::HashMap;
use std::hash::Hash;

use crate::service::store::known::Lineage;

/// What a statement sees: <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>. A
/// standby does not tell it all: its snapshots leave out which transactions are under way.
pub(super) const SIGHT_ON_POSTGRES: &str =
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_snapshot()::text END";
/// <https://www.sqlite.org/pragma.html#pragma_data_version>
pub(super) const SIGHT_ON_SQLITE: &str = "SELECT CAST(data_version AS TEXT) FROM pragma_data_version";

/// How many are remembered.
const MOST: usize = 32_768;
/// Where fewer statements than this share saw what the one before them saw, nothing is left out.
const LEAST: f64 = 0.5;
/// How much a statement counts.
const WEIGHT: f64 = 0.05;

/// What a statement saw, on which of a task's connections to which run of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sight {
    lineage: Lineage,
    connection: u64,
    seen: String,
}

/// What is proven as long as statements see the same, by the number of its drive.
pub(super) struct Proofs<K> {
    sight: Option<Sight>,
    numbers: HashMap<K, i64>,
    /// The share of statements of late that saw the same as the one before.
    share: f64,
}

impl<K> Default for Proofs<K> {
    fn default() -> Self {
        Self { sight: None, numbers: HashMap::new(), share: 0.0 }
    }
}

impl<K: Copy + Eq + Hash> Proofs<K> {
    /// Whether something that is known by its drive's number holds for whoever sees the same.
    pub fn hold(&self, key: &K, number: i64) -> bool {
        self.share >= LEAST && self.numbers.get(key) == Some(&number)
    }

    /// To be told what each statement sees; none where that is not known. True where it is the same as before: all that
    /// was proven holds. What was proven otherwise is forgotten.
    pub fn see(&mut self, lineage: Lineage, connection: u64, seen: Option<String>) -> bool {
        let sight = seen.map(|seen| Sight { lineage, connection, seen });
        let is_same = sight.is_some() && sight == self.sight;
        self.share += WEIGHT * (f64::from(u8::from(is_same)) - self.share);
        if !is_same {
            self.numbers.clear();
            self.sight = sight;
        }
        is_same
    }

    /// Something was found by the statement that was told last, with its drive's number.
    pub fn add(&mut self, key: K, number: i64) {
        if self.sight.is_some() && self.share >= LEAST && self.numbers.len() < MOST {
            self.numbers.insert(key, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::store::known::Known;

    fn lineage(database: i64) -> Lineage {
        Known::new(0).lineage(database)
    }

    /// One that has seen the same often enough.
    fn settled(known: &[(&'static str, i64)]) -> Proofs<&'static str> {
        let mut proofs = Proofs::default();
        while proofs.share < LEAST {
            proofs.see(lineage(1), 1, Some("10:10:".to_owned()));
        }
        for (key, number) in known {
            proofs.add(*key, *number);
        }
        proofs
    }

    #[test]
    fn what_is_proven_holds_for_its_number_while_the_same_is_seen() {
        let mut proofs = settled(&[("a", 5)]);
        assert!(proofs.see(lineage(1), 1, Some("10:10:".to_owned())));
        assert!(proofs.hold(&"a", 5));
        assert!(!proofs.hold(&"a", 6) && !proofs.hold(&"b", 5));
    }

    #[test]
    fn nothing_holds_once_something_else_is_seen() {
        let another = [
            (lineage(1), 1, Some("10:11:")),
            (lineage(1), 1, Some("10:10:10")),
            (lineage(1), 2, Some("10:10:")),
            (lineage(2), 1, Some("10:10:")),
            (lineage(1), 1, None),
        ];
        for (lineage, connection, seen) in another {
            let mut proofs = settled(&[("a", 5)]);
            assert!(!proofs.see(lineage, connection, seen.map(str::to_owned)), "{seen:?}");
            assert!(!proofs.hold(&"a", 5), "{seen:?}");
        }
    }

    #[test]
    fn what_is_seen_nowhere_proves_nothing() {
        let mut proofs = settled(&[]);
        proofs.see(lineage(1), 1, None);
        proofs.add("a", 5);
        assert!(!proofs.hold(&"a", 5));
        assert!(!proofs.see(lineage(1), 1, None));
    }

    #[test]
    fn where_something_is_committed_all_the_time_nothing_is_left_out() {
        let mut proofs = settled(&[]);
        for transaction in 0..100 {
            proofs.see(lineage(1), 1, Some(format!("{transaction}:{transaction}:")));
            proofs.add("a", 5);
        }
        assert!(!proofs.hold(&"a", 5));
    }
}
