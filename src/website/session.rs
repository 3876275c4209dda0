//! Who is signed in: the cookie, and what every request for the site passes.
//!
//! A request that changes something must come from a page of the site's own: browsers say where it comes from, and a
//! form shows a token that only the session's pages have.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{HOST, HeaderMap, HeaderName, LOCATION, ORIGIN, SET_COOKIE};
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::auth;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::identity::{Application, Caller};
use crate::error::{Error, Result};
use crate::service::sessions::{Session, find_session};
use crate::website;

/// Where the site's own script reaches the API, by the session.
const API: &str = "/my/api";
/// The browser itself sees to it that such a cookie is of this host alone, and was set over a safe connection.
const SAFE_COOKIE: &str = "__Host-everlink";
/// Over plain HTTP, where browsers take no safe ones.
const PLAIN_COOKIE: &str = "everlink";
/// As long as a session lasts at most.
const LONGEST: Duration = Duration::days(7);
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const TOKEN: HeaderName = HeaderName::from_static("x-everlink-token");

/// Who is signed in, with all they may do with their drive.
pub struct Owner {
    pub granted: Granted<FilesReadWrite>,
    pub session: Session,
}

/// As the middleware leaves it for handlers.
#[derive(Clone)]
struct SignedIn(Session, Arc<Caller>);

/// Whether browsers keep safe cookies of this URL: they do so of their own machine, too.
fn is_safe(url: &str) -> bool {
    let host = url.strip_prefix("http://");
    host.is_none_or(|host| ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| host.starts_with(own)))
}

/// The cookie of a session that has begun; of none, where it has ended.
pub fn cookie(url: &str, secret: Option<&SecretString>) -> Cookie<'static> {
    let name = if is_safe(url) { SAFE_COOKIE } else { PLAIN_COOKIE };
    let value = secret.map(|secret| secret.expose_secret().to_owned()).unwrap_or_default();
    let cookie = Cookie::build(name, value).path("/").http_only(true).same_site(SameSite::Lax);
    let age = if secret.is_some() { LONGEST } else { Duration::ZERO };
    cookie.secure(is_safe(url)).max_age(age).finish()
}

fn secret_of(request: &ServiceRequest, url: &str) -> Option<String> {
    let name = if is_safe(url) { SAFE_COOKIE } else { PLAIN_COOKIE };
    request.cookie(name).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
}

/// Whether the request comes from a page of this service, as far as the browser says. Programs say nothing.
fn is_own(headers: &HeaderMap, url: &str) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(&SITE) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = text(&ORIGIN) else { return true };
    let authority = |url: &str| url.split_once("://").map(|(_, authority)| authority.to_owned());
    let host = text(&HOST).map(str::to_owned);
    authority(origin)
        .is_some_and(|from| Some(&from) == host.as_ref() || Some(&from) == authority(url).as_ref())
}

/// Lets in who is signed in, and gives the answer by which others are sent to sign in. A link's pages are opened by
/// whoever is signed in, too.
pub async fn enter(app: &App, request: &mut ServiceRequest) -> Result<Option<HttpResponse>> {
    let path = request.path().to_owned();
    let is_api = path.strip_prefix(API).is_some_and(|rest| rest.starts_with('/'));
    let is_site = website::is_of_site(&path);
    // The pages' own files are the same for everybody.
    let is_page = is_site || (crate::pages::is_page(&path) && !path.starts_with("/assets/"));
    if !is_page && !is_api {
        return Ok(None);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let is_own = !changes || is_own(request.headers(), &app.public_url);
    let session = match secret_of(request, &app.public_url).filter(|_| is_own) {
        Some(secret) => find_session(&app.service, &secret).await?,
        None => None,
    };
    if let Some(session) = session {
        let caller = Arc::new(caller(app, &session));
        if !auth::has_token(request.headers()) {
            auth::know(request, Some(caller.clone()));
        }
        request.extensions_mut().insert(SignedIn(session, caller));
    } else if is_api {
        auth::know(request, None);
    } else if is_site && !website::is_open(&path) {
        let page = sign_in_page(request.request());
        return page.map(Some).ok_or(Error::Unauthenticated("You are not signed in any more."));
    }
    if is_api {
        strip(request)?;
    }
    Ok(None)
}

/// The site is an application of its own.
fn caller(app: &App, session: &Session) -> Caller {
    Caller {
        tenant: session.member.tenant.clone(),
        user: Some(session.member.user.clone()),
        application: Application { id: app.site_app_id.clone(), name: Some("Everlink".to_owned()) },
        granted: vec!["Files.ReadWrite".to_owned()],
    }
}

/// A page leads to where one signs in, and from there back; none where a script or a form is told instead.
fn sign_in_page(request: &HttpRequest) -> Option<HttpResponse> {
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_page || request.headers().contains_key(TOKEN) {
        return None;
    }
    let to = request.uri().path_and_query().map_or("/my", PathAndQuery::as_str);
    Some(HttpResponse::SeeOther().insert_header((LOCATION, website::sign_in_url(to))).finish())
}

/// `/my/api/me/drive` is `/me/drive`.
fn strip(request: &mut ServiceRequest) -> Result<()> {
    let uri = request.uri().clone();
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = PathAndQuery::try_from(whole.strip_prefix(API).unwrap_or(whole)).map_err(Error::internal)?;
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(rest);
    let uri = Uri::from_parts(parts).map_err(Error::internal)?;
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
    Ok(())
}

impl FromRequest for Owner {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let signed_in = request.extensions().get::<SignedIn>().cloned();
        let signed_in = signed_in.ok_or(Error::Unauthenticated("You are not signed in any more."));
        ready(
            signed_in
                .and_then(|SignedIn(session, caller)| Ok(Self { granted: Granted::to(caller)?, session })),
        )
    }
}

/// The same, where there may be nobody.
pub struct Guest(pub Option<Session>);

impl FromRequest for Guest {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.extensions().get::<SignedIn>().map(|SignedIn(session, _)| session.clone()))))
    }
}

/// What a form of the session shows, or a script in its place.
pub fn check_token(session: &Session, request: &HttpRequest, shown: Option<&str>) -> Result<()> {
    let header = request.headers().get(TOKEN).and_then(|token| token.to_str().ok());
    match shown.or(header) {
        Some(token) if session.proves(token) => Ok(()),
        _ => Err(Error::AccessDenied("The form is not of a page of yours: load it again.".into())),
    }
}

/// Sets a cookie in an answer.
pub fn with_cookie(mut answer: HttpResponse, cookie: &Cookie<'_>) -> Result<HttpResponse> {
    let value = cookie.to_string().parse().map_err(Error::internal);
    let value: actix_web::http::header::HeaderValue = value?;
    answer.headers_mut().append(SET_COOKIE, value);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn what_comes_from_another_site_is_not_the_sites_own() {
        let own = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            is_own(&map, "https://files.example")
        };
        assert!(own(&[]));
        assert!(own(&[("origin", "https://files.example")]));
        assert!(own(&[("origin", "http://10.0.0.1:8080"), ("host", "10.0.0.1:8080")]));
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "https://files.example")]));
        for bad in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://files.example")],
            &[("origin", "https://files.example.evil.example"), ("host", "files.example")],
        ] {
            assert!(!own(bad), "{bad:?}");
        }
    }
}
