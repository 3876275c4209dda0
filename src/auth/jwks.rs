//! An OpenID Connect issuer: its keys, and the tokens they sign.
//!
//! Keys are fetched when they are first needed, again when a token names a key that is not among
//! them, and now and then so that keys which the issuer withdrew go. One fetch at a time, and not
//! more than one in [`COOL_DOWN`]: tokens with invented key ids can't make us hammer the issuer. When
//! the issuer does not answer, the last good keys stay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::auth::claims::{self, Expected, Verified};
use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// At least so long between two fetches.
pub const COOL_DOWN: TimeDelta = TimeDelta::seconds(10);
/// Keys older than this are fetched anew.
pub const KEPT_FOR: TimeDelta = TimeDelta::minutes(15);
/// Seconds that an issuer's clock and ours may differ by.
const LEEWAY: f64 = 60.0;
/// How long the issuer may take for one answer.
const FETCH_LIMIT: Duration = Duration::from_secs(2);

const NOT_VALID: Error = Error::Unauthenticated("Access token is not valid.");

pub struct OidcIssuer {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    http: reqwest::Client,
    keys: RwLock<Option<Arc<Keys>>>,
    /// How often they were fetched.
    generation: AtomicU64,
    /// When the last fetch began. Held while one is under way.
    last_fetch: Mutex<Option<Timestamp>>,
}

struct Keys {
    fetched_at: Timestamp,
    keys: Vec<Key>,
}

struct Key {
    id: Option<String>,
    /// The one algorithm the issuer uses it for, if it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// The part of the issuer's description that is needed.
/// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

/// The issuer's keys, each to be read by itself. <https://www.rfc-editor.org/rfc/rfc7517#section-5>
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl OidcIssuer {
    pub fn new(issuer: &str, audiences: &[String], algorithms: &[Algorithm]) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(FETCH_LIMIT).build().map_err(Error::internal)?;
        Ok(Self {
            issuer: issuer.to_owned(),
            audiences: audiences.to_vec(),
            algorithms: algorithms.to_vec(),
            http,
            keys: RwLock::default(),
            generation: AtomicU64::default(),
            last_fetch: Mutex::default(),
        })
    }

    /// Whether the issuer answers with keys that can be read, now.
    pub async fn check(&self) -> Result<(), crate::error::Cause> {
        if self.download().await?.is_empty() { Err("it has no keys that can be read".into()) } else { Ok(()) }
    }

    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Verified> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| NOT_VALID)?;
        if !self.algorithms.contains(&header.alg) {
            return Err(NOT_VALID);
        }
        let wanted = |key: &&Key| {
            key.algorithm.is_none_or(|algorithm| algorithm == header.alg)
                && key.key.family() == header.alg.family()
                && header.kid.as_ref().is_none_or(|id| key.id.as_ref() == Some(id))
        };
        let expected = Expected {
            issued: Some((&self.issuer, &self.audiences)),
            algorithm: header.alg,
            now,
            leeway: LEEWAY,
        };
        let mut keys = self.keys_at(now).await?;
        if !keys.keys.iter().any(|key| wanted(&key)) {
            keys = self.fetch(now).await?;
        }
        // Most tokens name their key; where one does not, any of the issuer's keys may have signed it.
        let mut outcome = Err(NOT_VALID);
        for key in keys.keys.iter().filter(wanted) {
            outcome = claims::verify(token, &key.key, &expected);
            if outcome.is_ok() {
                break;
            }
        }
        // The issuer may withdraw the key.
        let look_again = keys.fetched_at + KEPT_FOR;
        outcome.map(|verified| Verified { until: verified.until.min(look_again), ..verified })
    }

    /// Changes with the keys: what was found good by other ones is to be looked at again.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn known_keys(&self) -> Option<Arc<Keys>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn keys_at(&self, now: Timestamp) -> Result<Arc<Keys>> {
        match self.known_keys() {
            // One request waits for new keys; the others go on with those there are.
            Some(keys) if now - keys.fetched_at < KEPT_FOR || self.last_fetch.try_lock().is_err() => Ok(keys),
            _ => self.fetch(now).await,
        }
    }

    /// The issuer's keys, fetched unless that was just done or tried.
    async fn fetch(&self, now: Timestamp) -> Result<Arc<Keys>> {
        let mut last_fetch = self.last_fetch.lock().await;
        let is_recent = last_fetch.is_some_and(|last| now - last < COOL_DOWN);
        if !is_recent {
            *last_fetch = Some(now);
            match self.download().await {
                Ok(keys) => {
                    let keys = Keys { fetched_at: now, keys };
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
                    self.generation.fetch_add(1, Ordering::Release);
                }
                Err(error) => {
                    tracing::warn!(%error, issuer = self.issuer, "the issuer's keys can't be fetched");
                }
            }
        }
        self.known_keys().ok_or_else(|| Error::unavailable("the issuer's keys are not known"))
    }

    async fn download(&self) -> Result<Vec<Key>, crate::error::Cause> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let description: Description = self.http.get(url).send().await?.error_for_status()?.json().await?;
        if description.issuer != self.issuer {
            return Err(format!("it calls itself {:?}", description.issuer).into());
        }
        let set: KeySet =
            self.http.get(description.jwks_uri).send().await?.error_for_status()?.json().await?;
        let keys: Vec<Key> = set
            .keys
            .into_iter()
            // Keys of kinds that are not known here may stand beside those that are.
            .filter_map(|jwk| serde_json::from_value::<Jwk>(jwk).ok())
            .filter(|jwk| matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)))
            .filter_map(|jwk| {
                Some(Key {
                    id: jwk.common.key_id.clone(),
                    algorithm: match jwk.common.key_algorithm {
                        Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
                        None => None,
                    },
                    key: DecodingKey::from_jwk(&jwk).ok()?,
                })
            })
            .collect();
        if keys.is_empty() { Err("it has no keys that can be used".into()) } else { Ok(keys) }
    }
}
