//! What a token says, once its signature is known to be good.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::clock::Timestamp;
use crate::domain::identity::{Application, Caller, User};
use crate::error::{Error, Result};

/// Longest id or name that is taken over, in bytes.
const TEXT_LIMIT: usize = 256;

const NOT_VALID: Error = Error::Unauthenticated("Access token is not valid.");
const EXPIRED: Error = Error::Unauthenticated("Access token has expired or is not yet valid.");

/// The end of the year 9999, in seconds.
const LATEST: f64 = 253_402_300_799.0;

/// Whether a token's header has extensions that must be understood.
fn has_critical(token: &str) -> bool {
    #[derive(Deserialize)]
    struct Header {
        crit: Option<IgnoredAny>,
    }

    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header = header.and_then(|header| serde_json::from_slice::<Header>(&header).ok());
    header.is_none_or(|header| header.crit.is_some())
}

/// The claims that count. What is required is no `Option`, and a claim of another type is no claim.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Option<OneOrMany>,
    exp: f64,
    nbf: Option<f64>,
    sub: String,
    oid: Option<String>,
    tid: Option<String>,
    name: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
    client_id: Option<String>,
    cid: Option<String>,
    app_displayname: Option<String>,
    scp: Option<OneOrMany>,
    scope: Option<OneOrMany>,
    roles: Option<OneOrMany>,
    idtyp: Option<String>,
    preferred_username: Option<IgnoredAny>,
    upn: Option<IgnoredAny>,
    unique_name: Option<IgnoredAny>,
    email: Option<IgnoredAny>,
}

impl Claims {
    /// The application that the token was issued to, by whichever name its issuer has for it.
    fn application(&self) -> Option<&String> {
        self.appid.as_ref().or(self.azp.as_ref()).or(self.client_id.as_ref()).or(self.cid.as_ref())
    }

    /// Whether it is for us. Some issuers name no audience, and make a client of the service instead.
    fn is_for(&self, audiences: &[String]) -> bool {
        audiences.iter().any(|audience| match &self.aud {
            Some(aud) => aud.contains(audience),
            None => self.client_id.as_ref() == Some(audience),
        })
    }

    /// Whether an application calls on its own, by its issuer's word.
    ///
    /// Such a token is nobody's: it has no delegated scopes. That alone says nothing, for a user's token may
    /// have none either, and `roles` may be the user's. So `idtyp` says so, or the subject is the application:
    /// it has the application's id ([RFC 9068, section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)),
    /// or it is one object by both of its names, as in Microsoft's tokens without `idtyp`, and nothing of a
    /// person is told.
    fn is_of_application(&self) -> bool {
        if self.scp.is_some() || self.scope.is_some() {
            return false;
        }
        let application = self.application();
        let is_of_person = self.name.is_some()
            || [&self.preferred_username, &self.upn, &self.unique_name, &self.email]
                .into_iter()
                .any(Option::is_some);
        match self.idtyp.as_deref() {
            Some(kind) => kind == "app",
            None => {
                application == Some(&self.sub)
                    || self.tid.is_some() && self.oid.as_ref() == Some(&self.sub) && !is_of_person
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn contains(&self, text: &str) -> bool {
        match self {
            Self::One(one) => one == text,
            Self::Many(many) => many.iter().any(|one| one == text),
        }
    }

    /// Scopes come separated by spaces, or as a list.
    fn words(self) -> Vec<String> {
        match self {
            Self::One(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            Self::Many(many) => many,
        }
    }
}

/// Who a good token is of.
#[derive(Clone)]
pub struct Verified {
    pub caller: Arc<Caller>,
    /// The token is good until then: it expires, or its issuer's keys are to be looked at again.
    pub until: Timestamp,
}

/// What a token must be.
pub struct Expected<'a> {
    /// By whom, and for whom: one of these is enough. None where that is any.
    pub issued: Option<(&'a str, &'a [String])>,
    pub algorithm: Algorithm,
    pub now: Timestamp,
    /// Seconds that the issuer's clock and ours may differ by.
    pub leeway: f64,
}

/// Checks a token's signature by one key, and its claims. The library checks the signature and that
/// the algorithm is the expected one; times are checked here, against our own clock.
pub fn verify(token: &str, key: &DecodingKey, expected: &Expected<'_>) -> Result<Verified> {
    let mut validation = Validation::new(expected.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = match jsonwebtoken::decode::<Claims>(token, key, &validation) {
        Ok(decoded) => decoded.claims,
        Err(error) => {
            tracing::debug!(reason = %reason(error.kind()), "token refused");
            return Err(NOT_VALID);
        }
    };
    // What a token says it must be understood by is understood by nothing here: RFC 7515, section 4.1.11.
    if has_critical(token) || !(0.0..=LATEST).contains(&claims.exp) {
        tracing::debug!(reason = "crit or exp", "token refused");
        return Err(NOT_VALID);
    }
    let is_other = |(issuer, audiences)| claims.iss != issuer || !claims.is_for(audiences);
    if expected.issued.is_some_and(is_other) {
        tracing::debug!(reason = "issuer or audience", "token refused");
        return Err(NOT_VALID);
    }
    let now = expected.now.timestamp_micros() as f64 / 1e6;
    if now >= claims.exp + expected.leeway || claims.nbf.is_some_and(|nbf| now + expected.leeway < nbf) {
        return Err(EXPIRED);
    }
    // A time beyond what can be told is as good as for ever.
    let until = DateTime::from_timestamp_micros(((claims.exp + expected.leeway) * 1e6) as i64)
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    let caller = caller(claims).ok_or(NOT_VALID)?;
    Ok(Verified { caller: Arc::new(caller), until })
}

/// The kind of an error, without what it may quote of the token.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "signature",
        ErrorKind::InvalidAlgorithm | ErrorKind::MissingAlgorithm => "algorithm",
        ErrorKind::Json(_) => "a required claim is missing, or is of another type",
        _ => "not a token",
    }
}

/// None where an id is missing, empty, or not plain text.
fn caller(claims: Claims) -> Option<Caller> {
    let is_application = claims.is_of_application();
    let application = claims.application().cloned();
    let granted = match is_application {
        true => claims.roles.map(OneOrMany::words).unwrap_or_default(),
        false => claims.scp.or(claims.scope).map(OneOrMany::words).unwrap_or_default(),
    };
    let id = |text: String| is_plain(&text).then_some(text);
    let name = |text: Option<String>| text.filter(|text| is_plain(text));
    let user_id = id(claims.oid.unwrap_or(claims.sub))?;
    Some(Caller {
        tenant: id(claims.tid.unwrap_or(claims.iss))?,
        user: (!is_application).then(|| User { id: user_id, name: name(claims.name) }),
        application: Application { id: id(application?)?, name: name(claims.app_displayname) },
        granted,
    })
}

/// Whether a text may be an id or a name: 1 to 256 bytes, no control characters.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_LIMIT && !text.contains(char::is_control)
}
