//! Ids: what names a drive, an item, a link and an upload.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A drive's id: 64 random bits, shown as 16 upper-case hexadecimal digits.
///
/// Databases have no unsigned integers, so the bits are kept signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct DriveId(i64);

impl DriveId {
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(i64::from_be_bytes(bytes))
    }

    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub fn to_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DriveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// The text is not a drive's or an item's id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct BadId;

impl FromStr for DriveId {
    type Err = BadId;

    /// In either case, and without leading zeros too: Microsoft's endpoints are seen to change both.
    fn from_str(text: &str) -> Result<Self, BadId> {
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadId);
        }
        u64::from_str_radix(text, 16).map(|bits| Self(bits.cast_signed())).map_err(|_| BadId)
    }
}

/// An item's id, `DRIVE!number`. Numbers count from 1 in each drive and are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::FromRow)]
pub struct ItemId {
    #[sqlx(rename = "drive_id")]
    pub drive: DriveId,
    #[sqlx(rename = "item_no")]
    pub number: i64,
}

impl ItemId {
    pub const ROOT_NUMBER: i64 = 1;

    pub fn root_of(drive: DriveId) -> Self {
        Self { drive, number: Self::ROOT_NUMBER }
    }

    pub fn is_root(self) -> bool {
        self.number == Self::ROOT_NUMBER
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.drive, self.number)
    }
}

impl FromStr for ItemId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (drive, number) = text.split_once('!').ok_or(BadId)?;
        if number.starts_with(['0', '+']) {
            return Err(BadId);
        }
        let number = number.parse().ok().filter(|number| *number > 0).ok_or(BadId)?;
        Ok(Self { drive: drive.parse()?, number })
    }
}

/// Names a link: 16 random bytes. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct LinkId(Uuid);

impl LinkId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// As permissions have it, which are named by their links: base64url.
    pub fn to_permission_id(self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_bytes())
    }

    pub fn of_permission_id(id: &str) -> Option<Self> {
        Some(Self::from_bytes(URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?))
    }

    /// Hexadecimal digits, as a UUID or without its dashes.
    pub fn of_hex(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }

    /// 32 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.simple().to_string()
    }
}

/// A link, and the item that it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkAt {
    pub item: ItemId,
    pub link: LinkId,
}

/// Names an upload session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadId {
    pub drive: DriveId,
    pub upload: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_clients_spell_them() {
        let id: ItemId = "0d33dd65c6932946!70859".parse().expect("an id");
        assert_eq!(id.to_string(), "0D33DD65C6932946!70859");
        assert_eq!("D33DD65C6932946!70859".parse(), Ok(id));
        assert_eq!("FFFFFFFFFFFFFFFF!1".parse::<ItemId>().expect("an id").to_string(), "FFFFFFFFFFFFFFFF!1");
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for bad in [
            "",
            "!",
            "1!",
            "!1",
            "1!0",
            "1!01",
            "1!+1",
            "1!-1",
            "G!1",
            "12345678901234567!1",
            "1!1!1",
            "+1!1",
            "1!99999999999999999999",
            "0x1!1",
            "1! 1",
        ] {
            assert_eq!(bad.parse::<ItemId>(), Err(BadId), "{bad:?} was accepted");
        }
    }
}
