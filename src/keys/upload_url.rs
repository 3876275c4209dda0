//! The secret part of an upload session's URL, which takes no token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::ids::{DriveId, UploadId};
use crate::keys::ring::{KeyRing, MAC_LENGTH, decode};

const LABEL: &[u8] = b"everlink upload 1";
const BODY_LENGTH: usize = 1 + 8 + 16;
const LENGTH: usize = BODY_LENGTH + MAC_LENGTH;

impl KeyRing {
    /// The secret part of a session's URL: `base64url( epoch:1 || drive:8 || upload:16 || mac:16 )`.
    pub fn sign_upload(&self, id: UploadId) -> String {
        let mut body = Vec::with_capacity(LENGTH);
        body.push(self.newest());
        body.extend_from_slice(&id.drive.to_bytes());
        body.extend_from_slice(id.upload.as_bytes());
        let mac = self.mac(self.newest(), LABEL, &[&body]).expect("the newest epoch is in the ring");
        body.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(body)
    }

    /// None for whatever this ring did not sign.
    pub fn prove_upload(&self, text: &str) -> Option<UploadId> {
        let bytes = decode::<LENGTH>(text)?;
        let (body, mac) = bytes.split_at(BODY_LENGTH);
        let expected = self.mac(body[0], LABEL, &[body])?;
        let drive = DriveId::from_bytes(*body.get(1..)?.first_chunk()?);
        let upload = Uuid::from_bytes(*body.get(9..)?.first_chunk()?);
        bool::from(expected[..].ct_eq(mac)).then_some(UploadId { drive, upload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ring::tests::{item, ring};

    #[test]
    fn a_sessions_url_has_one_spelling() {
        let id = UploadId { drive: item().drive, upload: Uuid::from_bytes([5; 16]) };
        let text = ring().sign_upload(id);
        assert_eq!(ring().prove_upload(&text), Some(id));
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(ring().prove_upload(&String::from_utf8(changed).expect("ASCII")), None);
        }
    }
}
