//! What a token may grant: the scopes that ways to items ask for. Names are Microsoft's, and are compared whole.
//! <https://learn.microsoft.com/graph/permissions-reference#files-permissions>

use std::marker::PhantomData;
use std::sync::Arc;

use crate::domain::identity::Caller;

/// What a token must grant for a kind of access.
pub trait Scope {
    /// Any of these is enough, for a user's token. An application on its own needs one that ends in
    /// `.All`: it has no drive that the others could be about.
    const ANY_OF: &'static [&'static str];
}

/// To read what the caller manages.
#[derive(Debug)]
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

/// To change what the caller manages, and to share it.
#[derive(Debug)]
pub struct FilesReadWrite;

impl Scope for FilesReadWrite {
    const ANY_OF: &'static [&'static str] =
        &["Files.ReadWrite", "Files.ReadWrite.All", "Sites.ReadWrite.All"];
}

/// A caller whose token grants `S`. Only [`Granted::to`] makes one.
#[derive(Debug)]
pub struct Granted<S> {
    pub caller: Arc<Caller>,
    scope: PhantomData<S>,
}

/// The token does not grant what is needed: any of these scopes.
#[derive(Debug, thiserror::Error)]
#[error("The token lacks the scope: any of {}.", .0.join(", "))]
pub struct LacksScope(pub &'static [&'static str]);

impl<S: Scope> Granted<S> {
    pub fn to(caller: Arc<Caller>) -> Result<Self, LacksScope> {
        let is_enough = |granted: &String| {
            S::ANY_OF.contains(&granted.as_str()) && (caller.user.is_some() || granted.ends_with(".All"))
        };
        if caller.granted.iter().any(is_enough) {
            Ok(Self { caller, scope: PhantomData })
        } else {
            Err(LacksScope(S::ANY_OF))
        }
    }
}
