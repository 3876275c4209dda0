//! The secret part of a link's URL.
//!
//! A link's key is made of the link's id by a secret that is not in the database, so that whoever
//! reads the database (or a backup) can open nothing. It is checked before the database is asked, so
//! that a guess costs no query.
//!
//! ```text
//! mac     = HMAC-SHA256(secret[epoch], "everlink link 1" || drive || item || link || epoch)[..16]
//! authkey = "!" + base64url( epoch:1 || link:16 || mac:16 )                      45 characters
//! shareId = "s!" + base64url( 1:1 || drive:8 || item:8 || epoch:1 || link:16 || mac:16 )
//! ```
//! Numbers are big-endian; base64url has no padding. See [`super::share_id`] for the second form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use crate::domain::address::ShareToken;
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::keys::ring::{KeyRing, MAC_LENGTH, decode};
use crate::keys::share_id;

const LABEL: &[u8] = b"everlink link 1";

/// A link that somebody has shown the key of. Made by the ring's own checks alone, so that the
/// database can't be asked for a link whose key was not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProvenLink(LinkAt);

impl ProvenLink {
    pub fn at(self) -> LinkAt {
        self.0
    }
}

/// The link that somebody's key names, genuine or not: enough to look for it, and to open nothing.
pub fn named_link(share: &ShareToken) -> Option<LinkAt> {
    let link = |bytes: &[u8]| Some(LinkId::from_bytes(*bytes.first_chunk()?));
    match share {
        ShareToken::Link { item, authkey } => {
            let key = decode::<{ 1 + 16 + MAC_LENGTH }>(authkey.expose_secret().strip_prefix('!')?)?;
            Some(LinkAt { item: *item, link: link(&key[1..])? })
        }
        ShareToken::ShareId(id) => share_id::named_link(id.expose_secret()),
        ShareToken::Item(_) => None,
    }
}

impl KeyRing {
    /// The key of a link; none where the ring lacks the link's epoch.
    pub fn authkey(&self, item: ItemId, link: LinkId, epoch: u8) -> Option<String> {
        let mut key = Vec::with_capacity(1 + 16 + MAC_LENGTH);
        key.push(epoch);
        key.extend_from_slice(&link.to_bytes());
        key.extend_from_slice(&self.link_mac(item, link, epoch)?);
        Some(format!("!{}", URL_SAFE_NO_PAD.encode(key)))
    }

    /// Reads a key that came with an item's id. None for whatever is not, to the letter, a key that
    /// this ring made for this item.
    pub fn prove_authkey(&self, item: ItemId, authkey: &str) -> Option<ProvenLink> {
        let key = decode::<{ 1 + 16 + MAC_LENGTH }>(authkey.strip_prefix('!')?)?;
        let (epoch, rest) = (key[0], &key[1..]);
        self.prove(item, epoch, rest)
    }

    /// `rest` is a link's id followed by its MAC.
    pub(super) fn prove(&self, item: ItemId, epoch: u8, rest: &[u8]) -> Option<ProvenLink> {
        let (id, mac) = rest.split_first_chunk::<16>()?;
        let link = LinkId::from_bytes(*id);
        let expected = self.link_mac(item, link, epoch)?;
        bool::from(expected[..].ct_eq(mac)).then_some(ProvenLink(LinkAt { item, link }))
    }

    pub(super) fn link_mac(&self, item: ItemId, link: LinkId, epoch: u8) -> Option<[u8; MAC_LENGTH]> {
        self.mac(
            epoch,
            LABEL,
            &[&item.drive.to_bytes(), &item.number.to_be_bytes(), &link.to_bytes(), &[epoch]],
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ids::DriveId;
    use crate::keys::Secret;
    use crate::keys::ring::tests::{item, link, ring};

    #[test]
    fn a_key_opens_its_own_link_with_either_epoch() {
        for epoch in [1, 2] {
            let key = ring().authkey(item(), link(), epoch).expect("in the ring");
            assert_eq!(key.len(), 45);
            assert_eq!(
                ring().prove_authkey(item(), &key),
                Some(ProvenLink(LinkAt { item: item(), link: link() }))
            );
        }
    }

    #[test]
    fn a_key_of_an_epoch_outside_the_ring_opens_nothing() {
        assert_eq!(ring().authkey(item(), link(), 3), None);
        let key = ring().authkey(item(), link(), 2).expect("in the ring");
        let smaller = KeyRing::new(BTreeMap::from([(1, Secret::new(Box::new([7; 32])))])).expect("a ring");
        assert_eq!(smaller.prove_authkey(item(), &key), None);
    }

    #[test]
    fn a_key_opens_no_other_item() {
        let key = ring().authkey(item(), link(), 1).expect("in the ring");
        let sibling = ItemId { number: item().number + 1, ..item() };
        let elsewhere = ItemId { drive: DriveId::from_bytes([1; 8]), ..item() };
        assert_eq!(ring().prove_authkey(sibling, &key), None);
        assert_eq!(ring().prove_authkey(elsewhere, &key), None);
    }

    proptest! {
        #[test]
        fn a_key_has_one_spelling(position in 0..45_usize, replacement in any::<char>()) {
            let key = ring().authkey(item(), link(), 1).expect("in the ring");
            let changed: String = key.chars().enumerate()
                .map(|(i, c)| if i == position { replacement } else { c }).collect();
            prop_assume!(changed != key);
            prop_assert_eq!(ring().prove_authkey(item(), &changed), None);
        }

        #[test]
        fn no_text_is_a_key_or_a_panic(text in ".{0,80}") {
            prop_assert_eq!(ring().prove_authkey(item(), &text), None);
        }
    }
}
