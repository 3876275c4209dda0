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

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::item::ItemId;
use crate::domain::link::LinkId;

pub(super) const MAC_LENGTH: usize = 16;
const LINK_LABEL: &[u8] = b"everlink link 1";
const CHECK_LABEL: &[u8] = b"everlink key check 1";

/// 32 secret bytes.
pub type Secret = SecretBox<[u8; 32]>;

/// The secrets that sign links, by epoch. New links are signed with the newest; a link of an epoch
/// that is not here does not open.
#[derive(Debug)]
pub struct KeyRing {
    /// Each has taken its epoch's secret already, which is half the work of a code.
    epochs: BTreeMap<u8, Hmac<Sha256>>,
    newest: u8,
}

/// A link that somebody has shown the key of. Made by this ring's own checks alone, so that the
/// database can't be asked for a link whose key was not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProvenLink {
    item: ItemId,
    link: LinkId,
}

impl ProvenLink {
    pub(super) fn new(item: ItemId, link: LinkId) -> Self {
        Self { item, link }
    }

    pub fn item(&self) -> ItemId {
        self.item
    }

    pub fn link(&self) -> LinkId {
        self.link
    }
}

impl KeyRing {
    /// None for an empty ring and for epoch 0.
    pub fn new(epochs: BTreeMap<u8, Secret>) -> Option<Self> {
        let newest = *epochs.keys().next_back()?;
        let keyed = |secret: &Secret| {
            Hmac::new_from_slice(secret.expose_secret()).expect("HMAC takes a key of any length")
        };
        let epochs: BTreeMap<_, _> = epochs.iter().map(|(epoch, secret)| (*epoch, keyed(secret))).collect();
        (!epochs.contains_key(&0)).then_some(Self { epochs, newest })
    }

    /// The epoch that signs new links.
    pub fn newest(&self) -> u8 {
        self.newest
    }

    pub fn epochs(&self) -> impl Iterator<Item = u8> + '_ {
        self.epochs.keys().copied()
    }

    /// A text by which a database tells whether a secret is the one it knows. It is made by the
    /// secret's own function, and nothing about the secret or its links follows from it.
    pub fn check_value(&self, epoch: u8) -> Option<String> {
        let code = self.code(epoch, CHECK_LABEL, &[])?;
        Some(URL_SAFE_NO_PAD.encode(code))
    }

    /// The key of a link; none where the ring lacks the link's epoch.
    pub fn authkey(&self, item: ItemId, link: LinkId, epoch: u8) -> Option<String> {
        let mut key = Vec::with_capacity(1 + 16 + MAC_LENGTH);
        key.push(epoch);
        key.extend_from_slice(&link.to_bytes());
        key.extend_from_slice(&self.link_code(item, link, epoch)?);
        Some(format!("!{}", URL_SAFE_NO_PAD.encode(key)))
    }

    /// Reads a key that came with an item's id. None for whatever is not, to the letter, a key that
    /// this ring made for this item.
    pub fn prove_authkey(&self, item: ItemId, authkey: &str) -> Option<ProvenLink> {
        let key = decode::<{ 1 + 16 + MAC_LENGTH }>(authkey.strip_prefix('!')?)?;
        let (epoch, rest) = (key[0], &key[1..]);
        self.prove(item, epoch, rest)
    }

    /// `rest` is a link's id followed by its code.
    pub(super) fn prove(&self, item: ItemId, epoch: u8, rest: &[u8]) -> Option<ProvenLink> {
        let (id, code) = rest.split_first_chunk::<16>()?;
        let link = LinkId::from_bytes(*id);
        let expected = self.link_code(item, link, epoch)?;
        bool::from(expected[..].ct_eq(code)).then_some(ProvenLink { item, link })
    }

    pub(super) fn link_code(&self, item: ItemId, link: LinkId, epoch: u8) -> Option<[u8; MAC_LENGTH]> {
        self.code(
            epoch,
            LINK_LABEL,
            &[&item.drive.to_bytes(), &item.number.to_be_bytes(), &link.to_bytes(), &[epoch]],
        )
    }

    /// A message's code by an epoch's secret. Each label's messages have one length, so that no two
    /// messages are the same bytes.
    pub(super) fn code(&self, epoch: u8, label: &[u8], message: &[&[u8]]) -> Option<[u8; MAC_LENGTH]> {
        let mut mac = self.epochs.get(&epoch)?.clone();
        mac.update(label);
        for part in message {
            mac.update(part);
        }
        let mut code = [0; MAC_LENGTH];
        code.copy_from_slice(&mac.finalize().into_bytes()[..MAC_LENGTH]);
        Some(code)
    }
}

/// Strict base64url: the right length, no padding, no other alphabet, no stray bits; so that a key has
/// one spelling.
pub(super) fn decode<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != (LENGTH * 4).div_ceil(3) {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::item::DriveId;

    pub fn ring() -> KeyRing {
        let epochs =
            [(1, [7; 32]), (2, [9; 32])].map(|(epoch, secret)| (epoch, Secret::new(Box::new(secret))));
        KeyRing::new(BTreeMap::from(epochs)).expect("a ring")
    }

    pub fn item() -> ItemId {
        ItemId { drive: DriveId::from_bytes([0x5D, 0x33, 0xDD, 0x65, 0xC6, 0x93, 0x29, 0x46]), number: 70859 }
    }

    pub fn link() -> LinkId {
        LinkId::from_bytes([3; 16])
    }

    #[test]
    fn a_key_opens_its_own_link_with_either_epoch() {
        for epoch in [1, 2] {
            let key = ring().authkey(item(), link(), epoch).expect("in the ring");
            assert_eq!(key.len(), 45);
            assert_eq!(ring().prove_authkey(item(), &key), Some(ProvenLink { item: item(), link: link() }));
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

    #[test]
    fn a_ring_needs_an_epoch_and_none_is_zero() {
        assert!(KeyRing::new(BTreeMap::new()).is_none());
        assert!(KeyRing::new(BTreeMap::from([(0, Secret::new(Box::new([7; 32])))])).is_none());
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
