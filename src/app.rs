//! The service as it is served over HTTP.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::auth::{Provider, Verifier};
use crate::clock::random_bytes;
use crate::error::{Error, Result};
use crate::forwarded;
use crate::service::Service;
use crate::sources::Sources;
use crate::telemetry::RequestLog;

/// The header of what the service tells itself, when it calls itself.
pub const OWN_WORD: HeaderName = HeaderName::from_static("x-everlink-own");

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
    /// Whether proxies say what links start with.
    pub asks_proxies: bool,
    /// Whether links start with what each client calls the service.
    pub asks_clients: bool,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    pub sources: Arc<Sources>,
    pub log: Arc<RequestLog>,
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

    /// A header's value by which the service knows its own word: who sent the request that it passes on, and what
    /// URL that named.
    pub fn sign(&self, client: Option<IpAddr>, url: &str) -> String {
        let client = client.map(|client| client.to_string()).unwrap_or_default();
        format!("{} {client} {url}", self.secret)
    }

    /// What was signed; none where it was not.
    fn prove<'h>(&self, headers: &'h HeaderMap) -> Option<(Option<IpAddr>, &'h str)> {
        let (secret, said) = headers.get(OWN_WORD)?.to_str().ok()?.split_once(' ')?;
        let (client, url) = said.split_once(' ')?;
        bool::from(secret.as_bytes().ct_eq(self.secret.as_bytes())).then(|| (client.parse().ok(), url))
    }
}

impl App {
    /// The address of a request's client, through proxies that are trusted.
    pub fn client_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        match self.loopback.prove(request.headers()) {
            Some((client, _)) => client,
            None => {
                let peer = request.peer_addr()?.ip();
                Some(forwarded::client(request.headers(), peer, &self.trusted_proxies))
            }
        }
    }

    /// The URL that links and other URLs in an answer start with; no slash at its end.
    pub fn url_of(&self, request: &HttpRequest) -> String {
        if let Some((_, url)) = self.loopback.prove(request.headers()) {
            return url.to_owned();
        }
        let peer = request.peer_addr().map(|peer| peer.ip()).filter(|_| self.asks_proxies);
        let asked = || {
            let is_secure = request.app_config().secure();
            self.asks_clients.then(|| forwarded::asked_url(request.headers(), is_secure)).flatten()
        };
        forwarded::url(request.headers(), peer, &self.trusted_proxies)
            .or_else(asked)
            .unwrap_or_else(|| self.public_url.clone())
    }

    /// The same for one more thread; called on that thread.
    pub fn for_worker(&self) -> Self {
        Self {
            service: self.service.for_worker(),
            verifier: self.verifier.clone(),
            public_url: self.public_url.clone(),
            provider: self.provider.clone(),
            site_app_id: self.site_app_id.clone(),
            content_origin: self.content_origin.clone(),
            asks_proxies: self.asks_proxies,
            asks_clients: self.asks_clients,
            trusted_proxies: self.trusted_proxies.clone(),
            sources: self.sources.clone(),
            log: self.log.clone(),
            loopback: self.loopback.clone(),
        }
    }
}
