//! Makes a [`Caller`] of a request's bearer token. Knows nothing of items and links.
//!
//! A middleware checks the token, because that may wait for an issuer's keys. A handler then asks for
//! what it needs with an extractor that does not wait, so that a request is refused before any of
//! its body is read: [`Granted`] for a caller with a scope, [`Visitor`] for whoever comes.

mod bearer;
mod claims;
mod development;
mod jwks;
mod local_issuer;
mod provider;

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::clock::{Clock, Timestamp};
use crate::domain::grant::{Granted, Scope};
use crate::domain::identity::Caller;
use crate::error::{Error, Result};
use crate::sources::{Known, Sources};

use claims::Verified;

pub use claims::is_plain;
pub use development::DevelopmentIssuer;
pub use jwks::OidcIssuer;
pub use local_issuer::{LocalIssuer, NewToken};
pub use provider::{BegunSignIn, Provider};

/// Tokens that are remembered once they were found good; past that, those that were used least are forgotten.
const REMEMBERED: usize = 10_000;

/// Whose tokens are believed.
pub enum Issuer {
    Local(LocalIssuer),
    Oidc(OidcIssuer),
    Development(DevelopmentIssuer),
}

/// Counts how often an issuer's keys were fetched.
type KeyGeneration = u64;

/// Checks tokens, and remembers those that are good. They are remembered by their SHA-256, so that
/// none is kept in memory.
pub struct Verifier {
    issuer: Issuer,
    /// With the issuer's keys that they were checked by.
    good: Cache<[u8; 32], (KeyGeneration, Verified)>,
}

impl Verifier {
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, good: Cache::new(REMEMBERED) }
    }

    /// Shows to who has the local issuer's secret that it is the same here; none where another issuer is believed.
    pub fn prove(&self, challenge: &str) -> Option<String> {
        match &self.issuer {
            Issuer::Local(issuer) => Some(issuer.prove(challenge)),
            Issuer::Development(issuer) => Some(issuer.local().prove(challenge)),
            Issuer::Oidc(_) => None,
        }
    }

    async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Caller>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let generation = match &self.issuer {
            Issuer::Local(_) | Issuer::Development(_) => 0,
            Issuer::Oidc(issuer) => issuer.generation(),
        };
        if let Some((checked_by, verified)) = self.good.get(&digest)
            && checked_by == generation
            && now < verified.until
        {
            return Ok(verified.caller);
        }
        let verified = match &self.issuer {
            Issuer::Local(issuer) => issuer.verify(token, now)?,
            Issuer::Oidc(issuer) => issuer.verify(token, now).await?,
            Issuer::Development(issuer) => issuer.verify(token)?,
        };
        self.good.insert(digest, (generation, verified.clone()));
        Ok(verified.caller)
    }
}

/// What became of a request's token; none where it has none.
struct Authentication(Option<Result<Arc<Caller>>>);

/// Checks the request's token and keeps the outcome for the extractors. Refuses only who asks too often: some addresses
/// take no token and tolerate any.
pub async fn authenticate(
    verifier: &Verifier,
    sources: &Sources,
    clock: &Clock,
    request: &ServiceRequest,
) -> Result<()> {
    if request.extensions().contains::<Authentication>() {
        return Ok(());
    }
    let outcome: Option<Result<Arc<Caller>>> = match bearer::token(request.headers()) {
        Ok(Some(token)) => Some(verifier.verify(token, clock.now()).await),
        Ok(None) => None,
        Err(error) => Some(Err(error)),
    };
    if let Some(Ok(caller)) = &outcome {
        sources.request(caller)?;
        request.extensions_mut().insert(Known);
    }
    request.extensions_mut().insert(Authentication(outcome));
    Ok(())
}

/// Says who makes a request, where that is known by other means than a token: whatever token it has is not looked at.
pub fn know(request: &ServiceRequest, caller: Option<Arc<Caller>>) {
    if caller.is_some() {
        request.extensions_mut().insert(Known);
    }
    request.extensions_mut().insert(Authentication(caller.map(Ok)));
}

/// Whether a request has a token, good or not.
pub fn has_token(headers: &HeaderMap) -> bool {
    !matches!(bearer::token(headers), Ok(None))
}

/// Must be a handler's first parameter, so that it refuses before the body is read.
impl<S: Scope> FromRequest for Granted<S> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let outcome = request.extensions_mut().remove::<Authentication>();
        ready(match outcome.and_then(|authentication| authentication.0) {
            None => Err(Error::Unauthenticated("Access token is empty.")),
            Some(Err(error)) => Err(error),
            Some(Ok(caller)) => Self::to(caller).map_err(Error::from),
        })
    }
}

/// Whoever comes: a caller with whatever token, or nobody known.
pub struct Visitor(pub Option<Arc<Caller>>);

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    /// A token that does not hold is as good as none: what a link opens to anybody it opens to its
    /// bearer too. A token that could not be checked is told, for its bearer may be somebody.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let outcome = request.extensions_mut().remove::<Authentication>();
        ready(match outcome.and_then(|authentication| authentication.0) {
            None | Some(Err(Error::Unauthenticated(_))) => Ok(Self(None)),
            Some(Ok(caller)) => Ok(Self(Some(caller))),
            Some(Err(error)) => Err(error),
        })
    }
}
