//! Tokens for who wants no sign-in at all: good until the year 2100, and the same in every run.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::auth::is_plain;
use crate::dev::provider::Provider;
use crate::dev::provider::consent::Consent;
use crate::dev::provider::tokens::Lasts;
use crate::dev::seed::{DEFAULT_TENANT, Seed};
use crate::error::{Error, Result};

/// The 1st of January 2020 and of 2100, in seconds.
const FROM: i64 = 1_577_836_800;
const UNTIL: i64 = 4_102_444_800;
/// What its issuer is called, whatever the provider's address is.
const BASE: &str = "https://localhost:8443";

/// Whose token it is to be, as the query says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Empty for an application on its own.
    #[serde(default = "usual_user")]
    user: String,
    #[serde(default = "usual_application")]
    app: String,
    #[serde(default = "usual_tenant")]
    tenant: String,
    #[serde(default)]
    scope: String,
}

fn usual_user() -> String {
    "alice".to_owned()
}

fn usual_application() -> String {
    "my-app".to_owned()
}

fn usual_tenant() -> String {
    DEFAULT_TENANT.to_owned()
}

impl Provider {
    pub fn lasting_token(&self, wanted: &NewToken, seed: &Seed) -> Result<String> {
        let time = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
        let lasts = Lasts { from: time(FROM), until: time(UNTIL) };
        if !is_plain(&wanted.app) || !is_plain(&wanted.tenant) {
            return Err(Error::invalid_request("An id is 1 to 256 bytes of plain text."));
        }
        let consent = Consent {
            tenant: wanted.tenant.clone(),
            user: Some(wanted.user.clone()).filter(|user| !user.is_empty()),
            application: wanted.app.clone(),
            scope: wanted.scope.clone(),
            ..Consent::default()
        };
        self.access_token(&consent, seed, BASE, lasts)
    }
}
