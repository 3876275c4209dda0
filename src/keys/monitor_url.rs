//! The secret part of the URL that tells how a copy stands, which takes no token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::domain::ids::{DriveId, ItemId};
use crate::keys::ring::{KeyRing, MAC_LENGTH, decode};

const LABEL: &[u8] = b"everlink copy 1";
const BODY_LENGTH: usize = 1 + 8 + 8;
const LENGTH: usize = BODY_LENGTH + MAC_LENGTH;

impl KeyRing {
    /// The secret part of a copy's URL: `base64url( epoch:1 || drive:8 || item:8 || mac:16 )`.
    pub fn sign_copy(&self, copy: ItemId) -> String {
        let mut body = Vec::with_capacity(LENGTH);
        body.push(self.newest());
        body.extend_from_slice(&copy.drive.to_bytes());
        body.extend_from_slice(&copy.number.to_be_bytes());
        let mac = self.mac_of_incarnation(self.newest(), LABEL, &body);
        body.extend_from_slice(&mac.expect("the newest epoch is in the ring"));
        URL_SAFE_NO_PAD.encode(body)
    }

    /// None for whatever this ring did not sign.
    pub fn prove_copy(&self, text: &str) -> Option<ItemId> {
        let bytes = decode::<LENGTH>(text)?;
        let (body, mac) = bytes.split_at(BODY_LENGTH);
        let expected = self.mac_of_incarnation(body[0], LABEL, body)?;
        let drive = DriveId::from_bytes(*body.get(1..)?.first_chunk()?);
        let number = i64::from_be_bytes(*body.get(9..)?.first_chunk()?);
        bool::from(expected[..].ct_eq(mac)).then_some(ItemId { drive, number })
    }
}

#[cfg(test)]
mod tests {
    use crate::keys::ring::tests::{item, ring};

    #[test]
    fn a_copys_url_has_one_spelling() {
        let text = ring().sign_copy(item());
        assert_eq!(ring().prove_copy(&text), Some(item()));
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(ring().prove_copy(&String::from_utf8(changed).expect("ASCII")), None);
        }
    }
}
