//! What a token may grant: the scopes that ways to items ask for. Names are Microsoft's, and are compared whole.
//! <https://learn.microsoft.com/graph/permissions-reference#files-permissions>

use crate::domain::identity::Caller;
use crate::error::{Error, Result};

/// What a token must grant for a kind of access.
pub trait Scope {
    /// Any of these is enough, for a user's token. An application on its own needs one that ends in
    /// `.All`: it has no drive that the others could be about.
    const ANY_OF: &'static [&'static str];

    fn check(caller: &Caller) -> Result<()> {
        let enough = |granted: &String| {
            Self::ANY_OF.contains(&granted.as_str()) && (caller.user.is_some() || granted.ends_with(".All"))
        };
        if caller.granted.iter().any(enough) {
            return Ok(());
        }
        let needed = Self::ANY_OF.join(", ");
        Err(Error::AccessDenied(format!("The token lacks the scope: any of {needed}.").into()))
    }
}

pub struct FilesRead;

impl Scope for FilesRead {
    const ANY_OF: &'static [&'static str] = &[
        "Files.Read",
        "Files.ReadWrite",
        "Files.Read.All",
        "Files.ReadWrite.All",
        "Sites.Read.All",
        "Sites.ReadWrite.All",
    ];
}

pub struct FilesReadWrite;

impl Scope for FilesReadWrite {
    const ANY_OF: &'static [&'static str] =
        &["Files.ReadWrite", "Files.ReadWrite.All", "Sites.ReadWrite.All"];
}
