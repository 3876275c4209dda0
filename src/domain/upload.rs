//! Upload sessions: a file that comes in ranges, over many requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::authkey::{KeyRing, MAC_LENGTH, decode};
use crate::domain::item::{DriveId, ItemId};
use crate::domain::link::LinkId;

const LABEL: &[u8] = b"everlink upload 1";
const BODY_LENGTH: usize = 1 + 8 + 16;
const LENGTH: usize = BODY_LENGTH + MAC_LENGTH;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadId {
    pub drive: DriveId,
    pub upload: Uuid,
}

/// What to do where an item with the name is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Conflict {
    Fail,
    Replace,
    /// Take the first name with a number that is free.
    Rename,
}

/// A session, as far as it has come.
#[derive(Clone, Debug)]
pub struct UploadSession {
    pub id: UploadId,
    /// The file to replace, or the folder that the path starts at.
    pub base: ItemId,
    /// Decoded, names separated by slashes; empty for the file itself.
    pub path: String,
    pub conflict: Conflict,
    /// The entity tag that the file must have at the end.
    pub if_match: Option<String>,
    /// Bytes of the whole file; none until the first range tells.
    pub total: Option<i64>,
    /// Bytes that have come, from the first on.
    pub received: i64,
    /// The file that it became, and whether it made it; none while the session is under way.
    pub completed: Option<(ItemId, bool)>,
    pub created_by: Option<String>,
    pub created_app_no: Option<i32>,
    /// The edit link it comes through, and the item that link is on.
    pub through: Option<(ItemId, LinkId)>,
    pub client_created_at: Option<Timestamp>,
    pub client_modified_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// A range of bytes, as `Content-Range` gives it (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    pub first: i64,
    /// The first byte after it.
    pub end: i64,
    pub total: i64,
}

impl ContentRange {
    /// `bytes 0-9/100`: none for anything else, and for a range that is empty or beyond the total.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, total) =
            text.trim().strip_prefix("bytes")?.trim_start_matches(['=', ' ']).split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|number| is_digits && *number < i64::MAX)
        };
        let range = Self { first: number(first)?, end: number(last)? + 1, total: number(total)? };
        (range.first < range.end && range.end <= range.total).then_some(range)
    }

    pub fn length(self) -> i64 {
        self.end - self.first
    }

    pub fn is_last(self) -> bool {
        self.end == self.total
    }
}

impl KeyRing {
    /// The secret part of a session's URL: `base64url( epoch:1 || drive:8 || upload:16 || mac:16 )`.
    pub fn sign_upload(&self, id: UploadId) -> String {
        let mut body = Vec::with_capacity(LENGTH);
        body.push(self.newest());
        body.extend_from_slice(&id.drive.to_bytes());
        body.extend_from_slice(id.upload.as_bytes());
        let code = self.code(self.newest(), LABEL, &[&body]).expect("the newest epoch is in the ring");
        body.extend_from_slice(&code);
        URL_SAFE_NO_PAD.encode(body)
    }

    /// None for whatever this ring did not sign.
    pub fn prove_upload(&self, text: &str) -> Option<UploadId> {
        let bytes = decode::<LENGTH>(text)?;
        let (body, code) = bytes.split_at(BODY_LENGTH);
        let expected = self.code(body[0], LABEL, &[body])?;
        let drive = DriveId::from_bytes(*body.get(1..)?.first_chunk()?);
        let upload = Uuid::from_bytes(*body.get(9..)?.first_chunk()?);
        bool::from(expected[..].ct_eq(code)).then_some(UploadId { drive, upload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authkey::tests::{item, ring};

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

    #[test]
    fn a_content_range_is_whole_and_within_its_total() {
        let range = |first, end, total| Some(ContentRange { first, end, total });
        assert_eq!(ContentRange::parse("bytes 0-9/100"), range(0, 10, 100));
        assert_eq!(ContentRange::parse("bytes=90-99/100"), range(90, 100, 100));
        for bad in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 0-9/*",
            "bytes */100",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "bytes -1-9/100",
            "bytes 0-9/+100",
            "items 0-9/100",
            "bytes 0-9223372036854775807/9223372036854775807",
        ] {
            assert_eq!(ContentRange::parse(bad), None, "{bad}");
        }
    }
}
