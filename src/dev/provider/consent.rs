//! What somebody lets an application do: what a token is made of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What the service asks tokens for, where no narrower scope is named.
const ALL_FILES: &str = "Files.ReadWrite.All";
/// Scopes of the sign-in itself, which grant nothing here.
const OF_SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];
const DEFAULT: &str = ".default";

#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Consent {
    pub tenant: String,
    /// None where an application asks on its own.
    pub user: Option<String>,
    pub application: String,
    /// As it was asked for.
    pub scope: String,
    /// What the first version of the endpoints names in the place of a scope.
    pub resource: Option<String>,
    pub nonce: Option<String>,
    /// Where a browser is sent back to.
    pub redirect_uri: Option<String>,
    /// PKCE's, and whether it is the SHA-256 of what is shown later.
    pub challenge: Option<(String, bool)>,
}

impl Consent {
    fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split_ascii_whitespace()
    }

    /// What the token grants: the scopes without the resource that they are of.
    pub fn granted(&self) -> String {
        let mut granted = BTreeSet::new();
        for scope in self.scopes().filter(|scope| !OF_SIGN_IN.contains(scope)) {
            match scope.rsplit('/').next().unwrap_or(scope) {
                DEFAULT => {
                    granted.extend([ALL_FILES, "Sites.ReadWrite.All", "User.Read"]);
                }
                name => {
                    granted.insert(name);
                }
            }
        }
        if granted.is_empty() {
            granted.extend([ALL_FILES, "User.Read"]);
        }
        granted.into_iter().collect::<Vec<_>>().join(" ")
    }

    /// Whom the token is for: the resource of its scopes; Graph where they name none.
    pub fn audience(&self) -> String {
        let of_scope = |scope: &str| {
            let (resource, name) = scope.rsplit_once('/')?;
            (resource.contains("://") && !name.is_empty()).then(|| resource.trim_end_matches('/').to_owned())
        };
        let resource = self.resource.as_ref().map(|resource| resource.trim_end_matches('/').to_owned());
        resource
            .or_else(|| self.scopes().find_map(of_scope))
            .unwrap_or_else(|| "https://graph.microsoft.com".to_owned())
    }

    /// The scope that is answered: clients look their tokens up by what they asked for.
    pub fn answered_scope(&self) -> String {
        self.scopes().filter(|scope| *scope != "offline_access").collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_granted_in_all_their_spellings() {
        let granted = |scope: &str| Consent { scope: scope.to_owned(), ..Consent::default() }.granted();
        for scope in
            ["https://graph.microsoft.com/.default", "https://localhost:8443/.default", ".default", "openid"]
        {
            assert!(granted(scope).contains("Files.ReadWrite.All"), "{scope}");
        }
        for scope in ["Files.Read", "https://graph.microsoft.com/Files.Read offline_access openid"] {
            assert_eq!(granted(scope), "Files.Read");
        }
    }

    #[test]
    fn a_token_is_for_the_resource_of_its_scopes() {
        let audience = |scope: &str| Consent { scope: scope.to_owned(), ..Consent::default() }.audience();
        assert_eq!(audience("Files.Read"), "https://graph.microsoft.com");
        assert_eq!(audience("openid https://localhost:8443/.default"), "https://localhost:8443");
        assert_eq!(audience("api://1234/Files.Read"), "api://1234");
    }
}
