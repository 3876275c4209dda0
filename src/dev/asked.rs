//! What was asked, by whom: for tests to look at, and to choose what is to fail.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::clock::Timestamp;

/// Requests that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 10_000;

/// A request, and what became of it.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub at: Timestamp,
    pub method: String,
    /// As it was sent.
    pub path: String,
    pub query: Option<String>,
    #[serde(flatten)]
    pub who: Claimed,
    pub client_request_id: Option<String>,
    pub status: Option<u16>,
    /// Whether it was made to fail.
    pub fault: bool,
}

/// Who a request's token says it is of. It is not looked at whether it is good.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Claimed {
    pub tenant: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
}

impl Claimed {
    fn of(headers: &HeaderMap) -> Option<Self> {
        #[derive(Deserialize)]
        struct Claims {
            tid: Option<String>,
            oid: Option<String>,
            appid: Option<String>,
            azp: Option<String>,
            idtyp: Option<String>,
        }
        let token = headers.get(AUTHORIZATION)?.to_str().ok()?.rsplit(' ').next()?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let is_application = claims.idtyp.as_deref() == Some("app");
        Some(Self {
            tenant: claims.tid,
            user: claims.oid.filter(|_| !is_application),
            application: claims.appid.or(claims.azp),
        })
    }
}

impl Asked {
    pub fn of(request: &ServiceRequest, at: Timestamp) -> Self {
        let text = |name| request.headers().get(name).and_then(|value| Some(value.to_str().ok()?.to_owned()));
        Self {
            at,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            who: Claimed::of(request.headers()).unwrap_or_default(),
            client_request_id: text("client-request-id"),
            status: None,
            fault: false,
        }
    }
}

/// Which requests are meant. What is not said is any.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Which {
    pub method: Option<String>,
    /// With `*` for any characters.
    pub path: Option<String>,
    pub tenant: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
}

impl Which {
    pub fn includes(&self, asked: &Asked) -> bool {
        let is = |wanted: &Option<String>, there: &Option<String>| wanted.is_none() || wanted == there;
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&asked.method))
            && self.path.as_ref().is_none_or(|path| matches(path, &asked.path))
            && is(&self.tenant, &asked.who.tenant)
            && is(&self.user, &asked.who.user)
            && is(&self.application, &asked.who.application)
    }
}

/// Whether a text is of a pattern, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The requests of late.
#[derive(Default)]
pub struct Requests(Mutex<VecDeque<Asked>>);

impl Requests {
    fn all(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn remember(&self, asked: Asked) {
        let mut all = self.all();
        if all.len() == REMEMBERED {
            all.pop_front();
        }
        all.push_back(asked);
    }

    /// The oldest first.
    pub fn list(&self, which: &Which) -> Vec<Asked> {
        self.all().iter().filter(|asked| which.includes(asked)).cloned().collect()
    }

    pub fn forget(&self, which: &Which) {
        self.all().retain(|asked| !which.includes(asked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in [
            ("/a", "/a"),
            ("*", "/a/b"),
            ("*", ""),
            ("/a/*", "/a/"),
            ("/a/*/c", "/a/b/c"),
            ("/a/*/c", "/a/b/c/c"),
            ("*/content", "/v1.0/me/drive/root:/a:/content"),
            ("/*b*d*", "/abcd"),
            ("a*a", "aa"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("/a", "/ab"), ("/a/*", "/a"), ("*/b", "/a/bc"), ("/*b*d", "/acd"), ("a*a", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
