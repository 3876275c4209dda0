//! Upload sessions: a file that comes in ranges, over many requests.

use crate::clock::Timestamp;
use crate::domain::ids::{ItemId, LinkAt, UploadId};
use crate::domain::item::ClientProperties;

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
    /// The state of their digests; none before the first range, and where an older version received it.
    pub digests: Option<Vec<u8>>,
    /// How many ranges have come.
    pub ranges: i32,
    /// The file that it became, and whether it made it; none while the session is under way.
    pub completed: Option<(ItemId, bool)>,
    pub created_by: Option<String>,
    pub created_app_no: Option<i32>,
    /// The link it comes through; none where its maker manages the item.
    pub through: Option<LinkAt>,
    pub properties: ClientProperties,
    pub expires_at: Timestamp,
}

/// A range of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    pub first: i64,
    /// The first byte after it.
    pub end: i64,
    /// Bytes of the whole file.
    pub total: i64,
}

impl ByteRange {
    pub fn length(self) -> i64 {
        self.end - self.first
    }

    pub fn is_last(self) -> bool {
        self.end == self.total
    }
}
