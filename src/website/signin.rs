//! Signing in and out. Where an issuer is configured, one signs in there; in the embedded default by an address that
//! the server prints, which is good for once.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::auth::BegunSignIn;
use crate::domain::identity::{Member, User};
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::answer;
use crate::pages::views::Page;
use crate::service::Service;
use crate::service::sessions::{begin_session, end_all_sessions, end_session, offer_sign_in, take_sign_in};
use crate::website::form::Form;
use crate::website::frame::own;
use crate::website::session::{Guest, cookie, with_cookie};
use crate::website::views::SignInPage;

/// How long an address that was printed is good.
pub const ADDRESS_LASTS: TimeDelta = TimeDelta::hours(24);
/// How long somebody may take at the provider.
const PROVIDER_LASTS: TimeDelta = TimeDelta::minutes(15);

/// Whom an address that was printed lets in.
#[derive(Deserialize, Serialize)]
pub struct Local {
    tenant: String,
    user: String,
}

impl Local {
    /// A user of the local issuer, as `everlink share` shares.
    pub fn user(user: &str) -> Self {
        Self { tenant: "default".to_owned(), user: user.to_owned() }
    }
}

/// A sign-in at the provider that is under way.
#[derive(Deserialize, Serialize)]
struct UnderWay {
    to: String,
    begun: BegunSignIn,
}

/// The address by which a local user signs in, once.
pub async fn offer_address(service: &Service, url: &str, user: &str) -> Result<String> {
    let code = offer_sign_in(service, &Local::user(user), ADDRESS_LASTS).await?;
    Ok(address(url, code.expose_secret()))
}

/// The address with a code.
pub fn address(url: &str, code: &str) -> String {
    format!("{url}/signin?code={code}")
}

fn asked(request: &HttpRequest, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Where one goes on: an address of this service, never of another.
fn goal(request: &HttpRequest) -> String {
    let to = asked(request, "to").unwrap_or_default();
    let is_ours = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n']);
    if is_ours { to } else { "/my".to_owned() }
}

pub async fn page(guest: Guest, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    if let Some(code) = asked(&request, "code") {
        // One is signed in anew, with another cookie than before.
        return match take_sign_in::<Local>(site.service(), &code).await? {
            Some(Local { tenant, user }) => {
                let member = Member { tenant, user: User { id: user, name: None } };
                enter(&site, &member, "/my").await
            }
            None => show(&site, &request, Some("The address was used already, or is too old.".to_owned())),
        };
    }
    match guest.0 {
        Some(_) => Ok(answer::see_other(goal(&request))),
        None => show(&site, &request, None),
    }
}

fn show(site: &Site, request: &HttpRequest, failed: Option<String>) -> Result<HttpResponse> {
    let to: String = form_urlencoded::byte_serialize(goal(request).as_bytes()).collect();
    let shown = SignInPage {
        page: Page { title: "Sign in".to_owned(), ..Page::default() },
        provider: site.provider().map(|provider| provider.host()),
        start: format!("/signin/start?to={to}"),
        failed,
        signed_out: asked(request, "out").is_some(),
    };
    answer::page(site, &shown).map(own)
}

/// Begins a session, and goes on with its cookie.
async fn enter(site: &Site, member: &Member, to: &str) -> Result<HttpResponse> {
    let secret: SecretString = begin_session(site.service(), member).await?;
    with_cookie(answer::see_other(to.to_owned()), &cookie(site.public_url(), Some(&secret)))
}

/// Leads to the provider. What comes back from there is known by the state, which nobody can guess, and is good for
/// once and for this browser: the cookie has it, too.
pub async fn start(request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let Some(provider) = site.provider() else { return Ok(answer::see_other("/signin".to_owned())) };
    let state = crate::service::sessions::new_state();
    let (url, begun) = provider.begin(&callback_url(&site), state.expose_secret()).await?;
    let under_way = UnderWay { to: goal(&request), begun };
    crate::service::sessions::offer_as(site.service(), &state, &under_way, PROVIDER_LASTS).await?;
    let cookie = state_cookie(&site, Some(&state));
    with_cookie(HttpResponse::SeeOther().insert_header((LOCATION, url)).finish(), &cookie)
}

fn callback_url(site: &Site) -> String {
    format!("{}/signin/callback", site.public_url())
}

fn state_cookie(site: &Site, state: Option<&SecretString>) -> actix_web::cookie::Cookie<'static> {
    let mut cookie = cookie(site.public_url(), state);
    cookie.set_name(STATE_COOKIE);
    cookie.set_max_age(if state.is_some() {
        actix_web::cookie::time::Duration::minutes(15)
    } else {
        actix_web::cookie::time::Duration::ZERO
    });
    cookie
}

const STATE_COOKIE: &str = "everlink-signin";

pub async fn callback(request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let Some(provider) = site.provider() else { return Ok(answer::see_other("/signin".to_owned())) };
    let state = asked(&request, "state").unwrap_or_default();
    let known = request.cookie(STATE_COOKIE).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
    let is_same: bool = subtle::ConstantTimeEq::ct_eq(state.as_bytes(), known.as_bytes()).into();
    let under_way = if is_same { take_sign_in::<UnderWay>(site.service(), &state).await? } else { None };
    let failed = |text: &str| {
        let answer = show(&site, &request, Some(text.to_owned()))?;
        with_cookie(answer, &state_cookie(&site, None))
    };
    let Some(UnderWay { to, begun }) = under_way else {
        return failed("The sign-in was begun elsewhere, or too long ago.");
    };
    let Some(code) = asked(&request, "code") else {
        let said = asked(&request, "error_description").or_else(|| asked(&request, "error"));
        return failed(&crate::pages::words::plain(&said.unwrap_or_else(|| "nothing".to_owned())));
    };
    match provider.finish(&callback_url(&site), &code, begun).await {
        Ok(member) => with_cookie(enter(&site, &member, &to).await?, &state_cookie(&site, None)),
        Err(Error::Unauthenticated(text)) => failed(text),
        Err(error) => Err(error),
    }
}

pub async fn sign_out(form: Form, site: Site) -> Result<HttpResponse> {
    match form.field("do") {
        "everywhere" => end_all_sessions(site.service(), &form.owner.session).await?,
        _ => end_session(site.service(), &form.owner.session).await?,
    }
    with_cookie(answer::see_other("/signin?out=1".to_owned()), &cookie(site.public_url(), None))
}
