//! Sharing links.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::item::{ItemId, Kind};

/// Names a link: 16 random bytes. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct LinkId(Uuid);

impl LinkId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// 32 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.simple().to_string()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum LinkType {
    /// Reads.
    View,
    /// Reads and writes.
    Edit,
    /// Reads a file, framed in another site's page.
    Embed,
}

impl LinkType {
    pub const ALL: [Self; 3] = [Self::View, Self::Edit, Self::Embed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Embed => "embed",
        }
    }

    /// The role that Microsoft's permission shows for it.
    pub fn role(self) -> &'static str {
        match self {
            Self::View | Self::Embed => "read",
            Self::Edit => "write",
        }
    }
}

/// Who may use a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum LinkScope {
    /// Whoever has it.
    Anonymous,
    /// Whoever has it and is signed in to the owner's tenant.
    Organization,
}

impl LinkScope {
    pub const ALL: [Self; 2] = [Self::Anonymous, Self::Organization];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Organization => "organization",
        }
    }
}

/// A live link, with what is needed to show it.
#[derive(Clone, Debug)]
pub struct Link {
    pub id: LinkId,
    pub item: ItemId,
    pub item_name: String,
    pub item_kind: Kind,
    pub link_type: LinkType,
    pub scope: LinkScope,
    /// Which secret of the key ring signs it.
    pub key_epoch: u8,
    pub application: Application,
    pub created_at: Timestamp,
}
