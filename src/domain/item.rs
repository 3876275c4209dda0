//! Drives and the items in them.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::identity::{Application, User};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::link_scope::LinkScope;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Kind {
    File,
    Folder,
}

impl Kind {
    /// Its name, in the database and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
        }
    }
}

/// Who did something, when, and with which application. A visitor with an edit link has neither
/// user nor application.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub user: Option<User>,
    pub application: Option<Application>,
}

/// What a client tells of an item besides its name and its bytes. What is none is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientProperties {
    /// When it was made on the client's own disk.
    pub created_at: Option<Timestamp>,
    /// When it was last changed there.
    pub modified_at: Option<Timestamp>,
    /// Empty where there is to be none any more.
    pub description: Option<String>,
}

impl ClientProperties {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
    /// What people say of it.
    pub description: Option<String>,
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

/// The item is a drive's root.
#[derive(Debug, thiserror::Error)]
#[error("{}", Self::TEXT)]
pub struct InNoFolder;

impl InNoFolder {
    pub const TEXT: &str = "The root of a drive is in no folder.";
}

/// The item is a folder.
#[derive(Debug, thiserror::Error)]
#[error("The item is a folder: it has no content.")]
pub struct HasNoContent;

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

/// A content's digests, in the spellings that Microsoft's API shows; each is empty while it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
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

    /// The folder it is in.
    pub fn folder(&self) -> Result<ItemId, InNoFolder> {
        self.parent.map(|number| ItemId { number, ..self.id }).ok_or(InNoFolder)
    }

    pub fn file(&self) -> Option<&FileVersion> {
        match &self.content {
            ItemContent::File(file) => Some(file),
            ItemContent::Folder { .. } => None,
        }
    }

    /// Those that made it and changed it last.
    pub fn applications(&self) -> impl Iterator<Item = &Application> + Clone {
        [&self.created, &self.modified].into_iter().filter_map(|stamp| stamp.application.as_ref())
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
