//! The secrets that sign what the service gives out: links, download tickets, upload URLs.
//!
//! Each signature is a MAC, HMAC-SHA256 cut to 16 bytes, over a label and a message of fixed length. Numbers in
//! messages are big-endian.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

pub(super) const MAC_LENGTH: usize = 16;
const CHECK_LABEL: &[u8] = b"everlink key check 1";
const PROOF_LABEL: &[u8] = b"everlink proof 1 ";
const ISSUER_CHECK_LABEL: &[u8] = b"everlink issuer check 1";

/// 32 secret bytes.
pub type Secret = SecretBox<[u8; 32]>;

/// The secrets that sign links, by epoch. New links are signed with the newest; a link of an epoch
/// that is not here does not open.
#[derive(Debug)]
pub struct KeyRing {
    /// Each has taken its epoch's secret already, which is half the work of a MAC.
    epochs: BTreeMap<u8, Hmac<Sha256>>,
    newest: u8,
    /// What names numbers of items is good within one incarnation of the database.
    incarnation: i64,
}

impl KeyRing {
    /// None for an empty ring and for epoch 0.
    pub fn new(epochs: BTreeMap<u8, Secret>) -> Option<Self> {
        let newest = *epochs.keys().next_back()?;
        let keyed = |secret: &Secret| {
            Hmac::new_from_slice(secret.expose_secret()).expect("HMAC takes a key of any length")
        };
        let epochs: BTreeMap<_, _> = epochs.iter().map(|(epoch, secret)| (*epoch, keyed(secret))).collect();
        (!epochs.contains_key(&0)).then_some(Self { epochs, newest, incarnation: 0 })
    }

    /// The same for an incarnation of the database.
    pub fn in_incarnation(self, incarnation: i64) -> Self {
        Self { incarnation, ..self }
    }

    /// A MAC that is good within the incarnation alone. The first adds nothing to the message.
    pub(super) fn mac_of_incarnation(
        &self,
        epoch: u8,
        label: &[u8],
        message: &[u8],
    ) -> Option<[u8; MAC_LENGTH]> {
        match self.incarnation {
            0 => self.mac(epoch, label, &[message]),
            incarnation => self.mac(epoch, label, &[message, &incarnation.to_be_bytes()]),
        }
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
        Some(URL_SAFE_NO_PAD.encode(self.mac(epoch, CHECK_LABEL, &[])?))
    }

    /// The same for the secret that signs the local issuer's tokens.
    pub fn issuer_check(secret: &Secret) -> String {
        let mut hmac =
            Hmac::<Sha256>::new_from_slice(secret.expose_secret()).expect("HMAC takes a key of any length");
        hmac.update(ISSUER_CHECK_LABEL);
        URL_SAFE_NO_PAD.encode(&hmac.finalize().into_bytes()[..MAC_LENGTH])
    }

    /// By this somebody who has the local issuer's secret shows it, and does not tell it. No token is signed over a
    /// text with a space in it.
    pub fn prove_issuer(secret: &Secret, challenge: &str) -> String {
        let mut hmac =
            Hmac::<Sha256>::new_from_slice(secret.expose_secret()).expect("HMAC takes a key of any length");
        hmac.update(PROOF_LABEL);
        hmac.update(challenge.as_bytes());
        URL_SAFE_NO_PAD.encode(hmac.finalize().into_bytes())
    }

    /// A message's MAC by an epoch's secret. Each label's messages have one length, so that no two
    /// messages are the same bytes.
    pub(super) fn mac(&self, epoch: u8, label: &[u8], message: &[&[u8]]) -> Option<[u8; MAC_LENGTH]> {
        let mut hmac = self.epochs.get(&epoch)?.clone();
        hmac.update(label);
        for part in message {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().first_chunk().copied()
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
    use super::*;
    use crate::domain::ids::{DriveId, ItemId, LinkId};

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
    fn a_ring_needs_an_epoch_and_none_is_zero() {
        assert!(KeyRing::new(BTreeMap::new()).is_none());
        assert!(KeyRing::new(BTreeMap::from([(0, Secret::new(Box::new([7; 32])))])).is_none());
    }
}
