//! What a link's item was shown as, kept beside what is known of the link: the same bytes for everybody who opens it,
//! until something changes, or the ticket in them is to be renewed.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::clock::Timestamp;

#[derive(Debug, Default)]
pub struct Shown(Mutex<Option<ShownOnce>>);

#[derive(Clone, Debug)]
struct ShownOnce {
    /// What addresses in it start with.
    url: String,
    since: Timestamp,
    until: Timestamp,
    text: Bytes,
}

impl Shown {
    /// The text whose addresses start with a URL; none where there is none yet, or it is out of date.
    pub fn get(&self, url: &str, now: Timestamp) -> Option<Bytes> {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown =
            shown.as_ref().filter(|shown| shown.url == url && shown.since <= now && now < shown.until)?;
        Some(shown.text.clone())
    }

    pub fn keep(&self, url: &str, since: Timestamp, until: Timestamp, text: Bytes) {
        let shown = ShownOnce { url: url.to_owned(), since, until, text };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }
}
