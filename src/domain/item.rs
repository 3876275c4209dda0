//! Drives and the items in them.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::identity::{Application, User};
use crate::domain::link::LinkScope;
use crate::error::{Error, Result};

/// A drive's id: 64 random bits, shown as 16 upper-case hexadecimal digits.
///
/// Databases have no unsigned integers, so the bits are kept signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::FromRow)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Kind {
    File,
    Folder,
}

/// Who did something, when, and with which application. A visitor with an edit link has neither
/// user nor application.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub user: Option<User>,
    pub application: Option<Application>,
}

/// A drive, and whose it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Drive {
    #[sqlx(rename = "drive_id")]
    pub id: DriveId,
    pub tenant: String,
    pub owner: String,
    pub owner_name: Option<String>,
}

impl Drive {
    pub fn owner(&self) -> User {
        User { id: self.owner.clone(), name: self.owner_name.clone() }
    }
}

/// A file or a folder as it is now.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    /// Number of the folder it is in; none for the root.
    pub parent: Option<i64>,
    pub name: String,
    pub content: ItemContent,
    pub created: Stamp,
    pub modified: Stamp,
    /// Times on the client's own disk, where it told them.
    pub client_created_at: Option<Timestamp>,
    pub client_modified_at: Option<Timestamp>,
    /// The drive's change that last touched it.
    pub change: i64,
    pub deleted: bool,
    /// The widest scope among the links on the item itself.
    pub shared: Option<LinkScope>,
    pub drive: Drive,
}

#[derive(Clone, Debug)]
pub enum ItemContent {
    File(FileVersion),
    /// Of a folder, how many items it holds and the bytes of all files below it.
    Folder {
        child_count: i64,
        size: i64,
    },
}

/// One content of a file, where it is kept and what it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct FileVersion {
    #[sqlx(rename = "version_no")]
    pub number: i64,
    pub content_key: uuid::Uuid,
    pub size: i64,
    pub mime_type: String,
    #[sqlx(flatten)]
    pub hashes: Hashes,
}

/// A content's digests, in the spellings that Microsoft's API shows.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Hashes {
    /// Base64.
    #[sqlx(rename = "quick_xor_hash")]
    pub quick_xor: String,
    /// Upper-case hexadecimal.
    #[sqlx(rename = "sha1_hash")]
    pub sha1: String,
    /// Upper-case hexadecimal.
    #[sqlx(rename = "sha256_hash")]
    pub sha256: String,
}

impl Item {
    pub fn kind(&self) -> Kind {
        match self.content {
            ItemContent::File(_) => Kind::File,
            ItemContent::Folder { .. } => Kind::Folder,
        }
    }

    /// Bytes of a file's current version; of a folder, those of all files below it.
    pub fn size(&self) -> i64 {
        match &self.content {
            ItemContent::File(file) => file.size,
            ItemContent::Folder { size, .. } => *size,
        }
    }

    /// The folder it is in. Nothing that this is asked of can be done to a drive's root.
    pub fn folder(&self) -> Result<ItemId> {
        let number = self.parent.ok_or(Error::NotAllowed("The root of a drive is in no folder."))?;
        Ok(ItemId { number, ..self.id })
    }

    pub fn file(&self) -> Option<&FileVersion> {
        match &self.content {
            ItemContent::File(file) => Some(file),
            ItemContent::Folder { .. } => None,
        }
    }

    /// Changes with whatever changes about the item. Quoted, as HTTP wants it.
    pub fn etag(&self) -> String {
        format!("\"{},{}\"", self.id, self.change)
    }

    /// Changes with the content alone; a folder has none.
    pub fn ctag(&self) -> Option<String> {
        self.file().map(|file| content_tag(self.id, file.number))
    }
}

/// The cTag of a file at one of its versions; also the ETag of its bytes.
pub fn content_tag(item: ItemId, version: i64) -> String {
    format!("\"c:{item},{version}\"")
}

/// A file's type by its name, as the server decides it: what a client declares is not believed.
pub fn mime_type_of(name: &str) -> String {
    mime_guess::from_path(name).first_or_octet_stream().essence_str().to_owned()
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
