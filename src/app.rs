//! The service as it is served over HTTP.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::auth::{Provider, Verifier};
use crate::clock::random_bytes;
use crate::error::{Error, Result};
use crate::service::Service;

/// Each worker thread has one: what is slow to share between threads is its own, the rest is shared.
pub struct App {
    pub service: Service,
    /// Whose tokens are believed.
    pub verifier: Arc<Verifier>,
    /// What links start with where no proxy says otherwise; no slash at its end.
    pub public_url: String,
    /// Where people sign in; none in the embedded default, where they do by an address that is printed.
    pub provider: Option<Arc<Provider>>,
    /// The site, as the application that it is.
    pub site_app_id: String,
    /// What addresses of what people uploaded start with in pages, where that is not what links start with.
    pub content_origin: Option<String>,
    /// Proxies that may say under which URL they were asked, where none is configured.
    pub trusted_proxies: Vec<IpNet>,
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
    /// The same for one more thread; called on that thread.
    pub fn for_worker(&self) -> Self {
        Self {
            service: self.service.for_worker(),
            verifier: self.verifier.clone(),
            public_url: self.public_url.clone(),
            provider: self.provider.clone(),
            site_app_id: self.site_app_id.clone(),
            content_origin: self.content_origin.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            loopback: self.loopback.clone(),
        }
    }
}
