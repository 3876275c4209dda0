//! Who may use a link.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::text_column::text_column;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkScope {
    /// Whoever has it.
    Anonymous,
    /// Whoever has it and is signed in to the owner's tenant.
    Organization,
}

impl LinkScope {
    pub const ALL: [Self; 2] = [Self::Anonymous, Self::Organization];

    /// Its name, in the API as in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Organization => "organization",
        }
    }
}

/// The text is no scope's name.
#[derive(Debug, thiserror::Error)]
#[error("not one of {}", LinkScope::ALL.map(LinkScope::as_str).join(", "))]
pub struct NoLinkScope;

impl FromStr for LinkScope {
    type Err = NoLinkScope;

    fn from_str(text: &str) -> Result<Self, NoLinkScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(NoLinkScope)
    }
}

text_column!(LinkScope);
