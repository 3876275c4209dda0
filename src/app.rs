//! What a running service consists of.

use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::auth::Verifier;
use crate::clock::{Clock, random_bytes};
use crate::config::Network;
use crate::content::Content;
use crate::domain::authkey::KeyRing;
use crate::domain::link::LinkScope;
use crate::error::{Error, Result};
use crate::limits::{Limits, Turns};
use crate::store::Store;
use crate::telemetry::Metrics;

/// Each worker thread has one: what is slow to share between threads is its own, the rest is shared.
pub struct App {
    pub store: Store,
    pub content: Content,
    /// The secrets that sign links and download tickets.
    pub keys: Arc<KeyRing>,
    /// Whose tokens are believed.
    pub verifier: Arc<Verifier>,
    pub clock: Clock,
    /// What links start with where no proxy says otherwise; no slash at its end.
    pub public_url: String,
    /// Proxies that may say under which URL they were asked, where none is configured.
    pub trusted_proxies: Vec<Network>,
    /// Scope of a link where the request names none.
    pub default_scope: LinkScope,
    pub limits: Limits,
    pub turns: Arc<Turns>,
    pub metrics: Arc<Metrics>,
    pub loopback: Arc<Loopback>,
}

/// How the service calls itself, for the requests of a batch.
pub struct Loopback {
    pub url: String,
    pub http: reqwest::Client,
    /// Tells its own calls from others'.
    secret: String,
}

impl Loopback {
    pub fn new(url: String) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // Tokens go to the service itself, whatever proxy there is to the world.
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(Error::internal)?;
        Ok(Self { url, http, secret: Uuid::from_bytes(random_bytes()).simple().to_string() })
    }

    /// A header's value by which the service knows its own word.
    pub fn sign(&self, text: &str) -> String {
        format!("{} {text}", self.secret)
    }

    /// What was signed; none where it was not.
    pub fn prove<'t>(&self, signed: &'t str) -> Option<&'t str> {
        let (secret, text) = signed.split_once(' ')?;
        bool::from(secret.as_bytes().ct_eq(self.secret.as_bytes())).then_some(text)
    }
}

impl App {
    /// The same service for one more thread; called on that thread.
    pub fn for_worker(&self) -> Self {
        Self {
            store: self.store.for_worker(&self.metrics),
            content: self.content.clone(),
            keys: self.keys.clone(),
            verifier: self.verifier.clone(),
            clock: self.clock.clone(),
            public_url: self.public_url.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            default_scope: self.default_scope,
            limits: self.limits,
            turns: self.turns.clone(),
            metrics: self.metrics.clone(),
            loopback: self.loopback.clone(),
        }
    }
}
