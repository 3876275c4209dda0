//! The service as one request's client sees it, and the URL that its answers start with.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::app::{App, Loopback};
use crate::auth::Provider;
use crate::error::{Error, Result};
use crate::service::Service;

/// The service, and the URL that links and other URLs in an answer start with; no slash at its end.
#[derive(Clone)]
pub struct Site {
    app: web::Data<App>,
    pub url: String,
}

impl Site {
    pub fn service(&self) -> &Service {
        &self.app.service
    }

    /// Where people sign in; none in the embedded default.
    pub fn provider(&self) -> Option<&Provider> {
        self.app.provider.as_deref()
    }

    /// What addresses start with, whoever asks; for tests of other programs, as whoever asks calls it.
    pub fn public_url(&self) -> &str {
        if self.app.asks_clients { &self.url } else { &self.app.public_url }
    }

    /// The origin that what people uploaded is had from, where that has one of its own; no slash at its end.
    pub fn content_origin(&self) -> Option<&str> {
        self.app.content_origin.as_deref()
    }

    /// Shows to who has the key file that this service has it, too.
    pub fn prove(&self, challenge: &str) -> Option<String> {
        self.app.verifier.prove(challenge)
    }

    pub fn loopback(&self) -> &Loopback {
        &self.app.loopback
    }

    /// Who sends a request, and which URL it names: as the service tells itself of a request that it passes on.
    pub fn own_word(&self, request: &HttpRequest) -> String {
        self.app.loopback.sign(self.app.client_of(request), &self.url)
    }

    /// The part of a URL after the site's own, where it is one of the site's.
    pub fn relative<'u>(&self, url: &'u str) -> &'u str {
        url.strip_prefix(&self.app.public_url).unwrap_or(url)
    }
}

impl FromRequest for Site {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(app) = request.app_data::<web::Data<App>>() else {
            return ready(Err(Error::internal("the app is not there")));
        };
        ready(Ok(Self { app: app.clone(), url: app.url_of(request) }))
    }
}
