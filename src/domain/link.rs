//! Sharing links, and the table of their types.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::domain::item::Kind;
use crate::domain::link_scope::LinkScope;
use crate::domain::name::Name;
use crate::domain::text_column::text_column;

/// What a link lets its bearer do with its item, and with what is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// See what is there.
    Read,
    /// Get files' bytes.
    Download,
    /// Put new files into folders, beside what is there.
    Add,
    /// Give files new contents, and put new folders into folders.
    Write,
    /// Show it framed in another site's page.
    Embed,
}

/// The types of links, each a row: its name in the API, the database, the command line and the metrics; the role
/// that Microsoft's permission shows for it; what it lets its bearer do; and what it may be on.
macro_rules! link_types {
    ($($(#[$doc:meta])* $name:ident: $text:literal, $role:literal, [$($act:ident),*], [$($kind:ident),*];)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum LinkType {
            $($(#[$doc])* $name),*
        }

        impl LinkType {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn row(self) -> (&'static str, &'static str, &'static [Act], &'static [Kind]) {
                match self {
                    $(Self::$name => ($text, $role, &[$(Act::$act),*], &[$(Kind::$kind),*])),*
                }
            }
        }
    };
}

link_types! {
    /// Reads.
    View:           "view",           "read",  [Read, Download],             [File, Folder];
    /// Reads and writes.
    Edit:           "edit",           "write", [Read, Download, Add, Write], [File, Folder];
    /// Reads a file, framed in another site's page.
    Embed:          "embed",          "read",  [Read, Download, Embed],      [File];
    /// Puts files into a folder, and sees nothing of it.
    CreateOnly:     "createOnly",     "write", [Add],                        [Folder];
    /// Looks at it in the page, without download.
    BlocksDownload: "blocksDownload", "read",  [Read],                       [File, Folder];
}

impl LinkType {
    /// Its name, in the API as in the database.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The role that Microsoft's permission shows for it.
    pub const fn role(self) -> &'static str {
        self.row().1
    }

    pub fn permits(self, act: Act) -> bool {
        self.row().2.contains(&act)
    }

    pub fn may_be_on(self, kind: Kind) -> bool {
        self.row().3.contains(&kind)
    }

    /// The kind of item that it must be on, by its name; none where any will do.
    pub fn only_on(self) -> Option<&'static str> {
        match self.row().3 {
            [kind] => Some(kind.as_str()),
            _ => None,
        }
    }

    /// All names, for people.
    pub fn names() -> String {
        Self::ALL.iter().map(|link_type| link_type.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The text is no type's name.
#[derive(Debug, thiserror::Error)]
#[error("not one of {}", LinkType::names())]
pub struct NoLinkType;

impl FromStr for LinkType {
    type Err = NoLinkType;

    fn from_str(text: &str) -> Result<Self, NoLinkType> {
        Self::ALL.iter().copied().find(|link_type| link_type.as_str() == text).ok_or(NoLinkType)
    }
}

text_column!(LinkType);

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

impl Link {
    pub fn at(&self) -> LinkAt {
        LinkAt { item: self.item, link: self.id }
    }

    /// The URL that people pass on, with the key that opens it.
    pub fn url(&self, service: &str, authkey: &str) -> String {
        let hint = match self.item_kind {
            Kind::File => {
                let extension = Name::parse(&self.item_name).map(|name| name.extension()).unwrap_or_default();
                format!("file%2c{extension}")
            }
            Kind::Folder => "folder%2c".to_owned(),
        };
        format!("{service}/redir?resid={}&authkey={authkey}&ithint={hint}", self.item)
    }
}
