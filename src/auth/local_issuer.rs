//! The issuer that is used where none is configured: `everlink token` signs, the servers that share
//! its secret check.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::auth::claims::{self, Expected, Verified};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::keys::{KeyRing, Secret};

const ISSUER: &str = "urn:everlink:local";
/// Servers whose clocks differ a little share a secret.
const LEEWAY: f64 = 0.0;
const AUDIENCE: &str = "everlink";
/// One secret signs and checks, so a code is enough and a signature would only be slower.
const ALGORITHM: Algorithm = Algorithm::HS256;

pub struct LocalIssuer {
    secret: Secret,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// None for an application on its own.
    pub user: Option<String>,
    pub user_name: Option<String>,
    pub application: String,
    pub application_name: Option<String>,
    pub tenant: String,
    /// Scopes of a user's token, roles of an application's; separated by spaces.
    pub scope: String,
    pub lifetime: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a str,
    oid: &'a str,
    tid: &'a str,
    appid: &'a str,
    idtyp: &'static str,
    nbf: i64,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_displayname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<&'a str>>,
}

impl LocalIssuer {
    pub fn new(secret: &Secret) -> Self {
        let bytes = secret.expose_secret();
        Self {
            secret: Secret::new(Box::new(*bytes)),
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        }
    }

    /// Shows that this is who signs, to who has the secret, too.
    pub fn prove(&self, challenge: &str) -> String {
        KeyRing::prove_issuer(&self.secret, challenge)
    }

    pub fn issue(&self, token: &NewToken, now: Timestamp) -> Result<String> {
        let is_user = token.user.is_some();
        let subject = token.user.as_deref().unwrap_or(&token.application);
        let lifetime = i64::try_from(token.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: subject,
            oid: subject,
            tid: &token.tenant,
            appid: &token.application,
            idtyp: if is_user { "user" } else { "app" },
            nbf: now.timestamp(),
            iat: now.timestamp(),
            exp: now.timestamp().saturating_add(lifetime),
            name: token.user_name.as_deref(),
            app_displayname: token.application_name.as_deref(),
            scp: is_user.then_some(&token.scope),
            roles: (!is_user).then(|| token.scope.split_ascii_whitespace().collect()),
        };
        jsonwebtoken::encode(&Header::new(ALGORITHM), &claims, &self.encoding).map_err(Error::internal)
    }

    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified> {
        let audiences = [AUDIENCE.to_owned()];
        let expected =
            Expected { issued: Some((ISSUER, &audiences)), algorithm: ALGORITHM, now, leeway: LEEWAY };
        claims::verify(token, &self.decoding, &expected)
    }
}
