//! Tokens in Entra's shapes. <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Header, Validation};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::dev::provider::consent::Consent;
use crate::dev::provider::{ALGORITHM, KEY_ID, Provider};
use crate::dev::seed::Seed;
use crate::error::{Error, Result};

/// How long access tokens and ID tokens are good.
pub const TOKEN_LASTS: TimeDelta = TimeDelta::hours(1);
/// How long one stays signed in.
const REFRESH_LASTS: TimeDelta = TimeDelta::days(90);

/// Which shape an access token has. Graph's own have the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    First,
    Second,
}

impl Version {
    /// Of a token for an audience: what is named by a URL of the web is as Graph is.
    pub fn for_audience(audience: &str) -> Self {
        if audience.starts_with("https://") || audience.starts_with("http://") {
            Self::First
        } else {
            Self::Second
        }
    }
}

/// From when until when a token is good.
#[derive(Clone, Copy)]
pub struct Lasts {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Lasts {
    pub fn from_now(now: Timestamp, lasts: TimeDelta) -> Self {
        Self { from: now, until: now + lasts }
    }
}

#[skip_serializing_none]
#[derive(Serialize)]
struct Claims<'a> {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    oid: &'a str,
    sub: String,
    tid: &'a str,
    uti: String,
    ver: &'static str,
    name: Option<&'a str>,
    // Of the first version.
    appid: Option<&'a str>,
    app_displayname: Option<&'a str>,
    upn: Option<&'a str>,
    unique_name: Option<&'a str>,
    // Of the second.
    azp: Option<&'a str>,
    preferred_username: Option<&'a str>,
    nonce: Option<&'a str>,
    // Of access tokens.
    idtyp: Option<&'static str>,
    scp: Option<String>,
    roles: Option<[&'static str; 2]>,
}

/// What lets a client get further tokens, for other scopes, too.
#[derive(Deserialize, Serialize)]
struct RefreshClaims {
    typ: String,
    exp: i64,
    consent: Consent,
}

impl Provider {
    /// A token of the user or the application that a consent is of; `base` is what the provider's addresses start with.
    pub fn access_token(&self, consent: &Consent, seed: &Seed, base: &str, lasts: Lasts) -> Result<String> {
        let audience = consent.audience();
        let version = Version::for_audience(&audience);
        let is_user = consent.user.is_some();
        let (first, second) = (version == Version::First, version == Version::Second);
        let application = consent.application.as_str();
        let (user, tenant) = (consent.user.as_deref(), consent.tenant.as_str());
        let claims = Claims {
            iss: match version {
                Version::First => format!("https://sts.windows.net/{tenant}/"),
                Version::Second => format!("{base}/{tenant}/v2.0"),
            },
            aud: audience,
            ver: if first { "1.0" } else { "2.0" },
            appid: first.then_some(application),
            app_displayname: seed.application(application).and_then(|known| known.display_name.as_deref()),
            upn: user.filter(|_| first),
            unique_name: user.filter(|_| first),
            azp: second.then_some(application),
            preferred_username: user.filter(|_| second),
            nonce: None,
            idtyp: Some(if is_user { "user" } else { "app" }),
            scp: is_user.then(|| consent.granted()),
            roles: (!is_user).then_some(["Files.ReadWrite.All", "Sites.ReadWrite.All"]),
            ..self.claims(consent, seed, lasts)
        };
        self.sign(&claims)
    }

    /// A token that tells the application who has signed in.
    pub fn id_token(&self, consent: &Consent, seed: &Seed, base: &str, lasts: Lasts) -> Result<String> {
        let claims = Claims {
            aud: consent.application.clone(),
            iss: format!("{base}/{}/v2.0", consent.tenant),
            ver: "2.0",
            preferred_username: consent.user.as_deref(),
            nonce: consent.nonce.as_deref(),
            ..self.claims(consent, seed, lasts)
        };
        self.sign(&claims)
    }

    /// What both say.
    fn claims<'a>(&self, consent: &'a Consent, seed: &'a Seed, lasts: Lasts) -> Claims<'a> {
        let user = consent.user.as_deref();
        let known = user.and_then(|user| seed.user(&consent.tenant, user));
        let subject = user.unwrap_or(&consent.application);
        let told = [&*consent.tenant, subject, &lasts.from.timestamp().to_string()].join(" ");
        Claims {
            aud: String::new(),
            iss: String::new(),
            iat: lasts.from.timestamp(),
            nbf: lasts.from.timestamp(),
            exp: lasts.until.timestamp(),
            oid: subject,
            sub: URL_SAFE_NO_PAD.encode(Sha256::digest(subject)),
            tid: &consent.tenant,
            uti: URL_SAFE_NO_PAD.encode(&Sha256::digest(told)[..16]),
            ver: "",
            name: known.and_then(|known| known.display_name.as_deref()).or(user),
            appid: None,
            app_displayname: None,
            upn: None,
            unique_name: None,
            azp: None,
            preferred_username: None,
            nonce: None,
            idtyp: None,
            scp: None,
            roles: None,
        }
    }

    pub fn refresh_token(&self, consent: &Consent, now: Timestamp) -> Result<String> {
        self.sign(&RefreshClaims {
            typ: "refresh".to_owned(),
            exp: (now + REFRESH_LASTS).timestamp(),
            consent: consent.clone(),
        })
    }

    /// What a refresh token was given for; none where it is no good one.
    pub fn read_refresh_token(&self, token: &str) -> Option<Consent> {
        let claims: RefreshClaims = self.read(token)?;
        (claims.typ == "refresh").then_some(claims.consent)
    }

    /// The user and the tenant of an access token that was given out here.
    pub fn read_user(&self, token: &str) -> Option<(String, String)> {
        let claims: serde_json::Value = self.read(token)?;
        let text = |name: &str| claims[name].as_str().map(str::to_owned);
        text("scp")?;
        Some((text("oid")?, text("tid")?))
    }

    fn read<T: for<'t> Deserialize<'t>>(&self, token: &str) -> Option<T> {
        let mut validation = Validation::new(ALGORITHM);
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims: serde_json::Value = jsonwebtoken::decode(token, &self.checking, &validation).ok()?.claims;
        let is_good = claims["exp"].as_i64().is_some_and(|exp| self.clock.now().timestamp() < exp);
        if is_good { serde_json::from_value(claims).ok() } else { None }
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(ALGORITHM) };
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(Error::internal)
    }
}

/// Who has signed in, as MSAL's accounts are named.
pub fn client_info(consent: &Consent) -> Option<String> {
    #[derive(Serialize)]
    struct ClientInfo<'a> {
        uid: &'a str,
        utid: &'a str,
    }
    let info = ClientInfo { uid: consent.user.as_deref()?, utid: &consent.tenant };
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&info).ok()?))
}
