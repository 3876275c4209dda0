//! What a client wants to be true of an item before something is done with it.

use crate::domain::item::Item;

/// The entity tags of a request's `If-Match` and `If-None-Match`. They compare with an item's eTag and
/// with its cTag; `*` stands for any item.
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    /// One of these must be the item's.
    pub if_match: Option<Vec<String>>,
    /// None of these may be the item's.
    pub if_none_match: Option<Vec<String>>,
}

impl Preconditions {
    /// Whether the item is one that the client wants it to be; none: there is no item.
    pub fn hold(&self, item: Option<&Item>) -> bool {
        let is_among = |tags: &[String]| item.is_some_and(|item| has_tag(item, tags));
        self.if_match.as_deref().is_none_or(is_among) && !self.if_none_match.as_deref().is_some_and(is_among)
    }
}

fn has_tag(item: &Item, tags: &[String]) -> bool {
    let ctag = item.ctag();
    tags.iter().any(|tag| tag == "*" || *tag == item.etag() || ctag.as_ref() == Some(tag))
}
