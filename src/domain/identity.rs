//! Who calls: a user with an application, or an application on its own.

/// A user of a tenant. Its id is the token's `oid`, else its `sub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    /// For display; users change it.
    pub name: Option<String>,
}

/// A user of a tenant, as whoever vouches for them says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub tenant: String,
    pub user: User,
}

/// The application that a token was issued to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The token's `appid`, else `azp`, else `client_id`.
    pub id: String,
    pub name: Option<String>,
}

/// Who makes a request, as their token says and its issuer vouches for.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The token's `tid`, else its issuer.
    pub tenant: String,
    /// None where the application calls on its own.
    pub user: Option<User>,
    pub application: Application,
    /// What the token was granted: delegated scopes where there is a user, the application's roles where not.
    pub granted: Vec<String>,
}

impl Caller {
    /// Whether the caller manages everything in a drive: its owner, or an application of the owner's
    /// tenant on its own. What the token was granted is asked before, by the URL's handler.
    pub fn manages(&self, tenant: &str, owner: &str) -> bool {
        self.tenant == tenant && self.user.as_ref().is_none_or(|user| user.id == owner)
    }

    /// The user's id, as the tables name who did something; none for an application on its own.
    pub fn user_id(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.id.as_str())
    }
}
