//! A small OpenID provider in Entra's addresses and words, so that Microsoft's libraries sign in here: whoever one says
//! one is, with whatever password or secret. Only the password and the secret `wrong` are.
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols>

mod consent;
mod discovery;
mod lasting;
mod pages;
mod refusal;

mod sign_in;
mod token;
mod tokens;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::http::Method;
use actix_web::web;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use crate::clock::{Clock, Timestamp, random_bytes};
use crate::dev::seed::DEFAULT_TENANT;
use crate::error::{Error, Result};
use crate::graph::routes::resources;

pub use lasting::NewToken;

use consent::Consent;

/// Signs tokens, in every run the same way. Everybody knows it.
const KEY: &[u8] = include_bytes!("key.pem");
const KEY_ID: &str = "everlink-dev";
const ALGORITHM: Algorithm = Algorithm::RS256;
/// Codes that were given out and not used yet, at most.
const MOST_CODES: usize = 10_000;

/// The table of the provider's addresses.
macro_rules! provider {
    ($($method:ident $pattern:literal => $handler:path;)*) => {
        /// Methods and addresses.
        pub const PROVIDER: &[(&str, &str)] = &[$((stringify!($method), $pattern)),*];

        /// Adds all of them.
        pub(in crate::dev) fn routes(provider: &mut web::ServiceConfig) {
            for resource in resources(vec![$(($pattern, web::method(Method::$method).to($handler))),*]) {
                provider.service(resource);
            }
        }
    };
}

provider! {
    GET  "/common/discovery/instance"                          => discovery::get_instance;
    GET  "/common/userrealm/{user}"                            => discovery::get_realm;
    GET  "/common/UserRealm/{user}"                            => discovery::get_realm;
    GET  "/devicelogin"                                        => sign_in::device_page;
    POST "/devicelogin"                                        => sign_in::approve_device;
    GET  "/{tenant}/v2.0/.well-known/openid-configuration"     => discovery::get_description;
    GET  "/{tenant}/.well-known/openid-configuration"          => discovery::get_first_description;
    GET  "/{tenant}/discovery/v2.0/keys"                       => discovery::get_keys;
    GET  "/{tenant}/discovery/keys"                            => discovery::get_keys;
    POST "/{tenant}/oauth2/v2.0/token"                         => token::give_token;
    POST "/{tenant}/oauth2/token"                              => token::give_token;
    GET  "/{tenant}/oauth2/v2.0/authorize"                     => sign_in::authorize;
    POST "/{tenant}/oauth2/v2.0/authorize"                     => sign_in::authorize_by_form;
    GET  "/{tenant}/oauth2/authorize"                          => sign_in::authorize;
    POST "/{tenant}/oauth2/v2.0/devicecode"                    => token::give_device_code;
    POST "/{tenant}/oauth2/devicecode"                         => token::give_device_code;
    GET  "/{tenant}/oauth2/v2.0/logout"                        => sign_in::log_out;
    GET  "/{tenant}/oauth2/logout"                             => sign_in::log_out;
}

/// Whether an address is one of these.
pub fn is_provider(path: &str) -> bool {
    let fits = |pattern: &str| {
        let mut segments = path.split('/');
        let fit = pattern.split('/').all(|wanted| match segments.next() {
            Some(segment) => segment == wanted || (wanted.starts_with('{') && !segment.is_empty()),
            None => false,
        });
        fit && segments.next().is_none()
    };
    PROVIDER.iter().any(|(_, pattern)| fits(pattern))
}

/// The provider's key, and what it has given out.
pub struct Provider {
    signing: EncodingKey,
    checking: DecodingKey,
    public: Jwk,
    /// Tokens go by the real time: so do their clients, wherever the service's clock is moved to.
    clock: Clock,
    codes: Mutex<HashMap<String, Code>>,
}

/// A code that was given out.
struct Code {
    until: Timestamp,
    what: CodeFor,
}

enum CodeFor {
    /// To where a browser is sent back to.
    Redirect(Consent),
    /// To a device, by the code that people type. None until somebody has.
    Device { typed: String, asked: Consent, approved: Option<String> },
}

impl Provider {
    pub fn new(clock: Clock) -> Result<Self> {
        let signing = EncodingKey::from_rsa_pem(KEY).map_err(Error::internal)?;
        let mut public = Jwk::from_encoding_key(&signing, ALGORITHM).map_err(Error::internal)?;
        public.common.key_id = Some(KEY_ID.to_owned());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let checking = DecodingKey::from_jwk(&public).map_err(Error::internal)?;
        Ok(Self { signing, checking, public, clock, codes: Mutex::default() })
    }

    /// What its tokens are checked by.
    pub fn key(&self) -> &DecodingKey {
        &self.checking
    }

    fn with_codes<T>(&self, work: impl FnOnce(&mut HashMap<String, Code>, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, code| now < code.until);
        work(&mut codes, now)
    }

    /// Gives out a code that is good for a while.
    fn give_code(&self, what: CodeFor, lasts: TimeDelta) -> Result<String> {
        let secret = URL_SAFE_NO_PAD.encode(random_bytes::<24>());
        self.with_codes(|codes, now| {
            if codes.len() >= MOST_CODES {
                return Err(Error::TooBusy("So many codes are not used yet: wait until they expire."));
            }
            codes.insert(secret.clone(), Code { until: now + lasts, what });
            Ok(secret)
        })
    }
}

/// The tenant that an address names. Some names stand for any.
fn tenant_of(named: &str) -> &str {
    match named {
        "common" | "organizations" | "consumers" | "adfs" => DEFAULT_TENANT,
        tenant => tenant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_addresses_are_told_from_the_apis() {
        for path in
            ["/common/discovery/instance", "/t/oauth2/v2.0/token", "/t/.well-known/openid-configuration"]
        {
            assert!(is_provider(path), "{path}");
        }
        for path in
            ["/", "/v1.0/me/drive", "//oauth2/v2.0/token", "/t/oauth2/v2.0/token/x", "/common/discovery"]
        {
            assert!(!is_provider(path), "{path}");
        }
    }
}
