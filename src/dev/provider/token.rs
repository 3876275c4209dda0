//! The token endpoint, and the one that devices begin at.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>

use std::collections::HashMap;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_with::skip_serializing_none;
use sha2::{Digest, Sha256};

use crate::auth::is_plain;
use crate::clock::random_bytes;
use crate::dev::Dev;
use crate::dev::provider::consent::Consent;
use crate::dev::provider::refusal::Refusal;
use crate::dev::provider::tokens::{Lasts, TOKEN_LASTS, client_info};
use crate::dev::provider::{CodeFor, tenant_of};
use crate::error::Result;
use crate::graph::body::Unread;
use crate::graph::site::Site;

/// Bytes of a form, at most: a client may show a certificate's assertion.
pub const FORM: usize = 64 * 1024;
/// How long people may take to type a device's code.
const DEVICE_CODE_LASTS: TimeDelta = TimeDelta::minutes(15);
/// The password and the secret that are not taken.
const WRONG: &str = "wrong";

/// A form, as clients send it.
pub struct Form(HashMap<String, String>);

impl Form {
    pub async fn read(body: Unread) -> Result<Self> {
        Ok(Self(form_urlencoded::parse(&body.read(FORM).await?).into_owned().collect()))
    }

    pub fn of_query(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// What it says; none where it says nothing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All of them, by name.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields: Vec<(String, String)> = self.0.clone().into_iter().collect();
        fields.sort_unstable();
        fields
    }

    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    pub fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }
}

#[skip_serializing_none]
#[derive(Serialize)]
struct TokenBody {
    token_type: &'static str,
    scope: Option<String>,
    expires_in: i64,
    ext_expires_in: i64,
    access_token: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
    client_info: Option<String>,
    // Of the first version, as text.
    expires_on: Option<String>,
    not_before: Option<String>,
    resource: Option<String>,
}

pub async fn give_token(
    dev: web::Data<Dev>,
    site: Site,
    tenant: web::Path<String>,
    request: HttpRequest,
    body: Unread,
) -> Result<HttpResponse> {
    let form = Form::read(body).await?;
    Ok(match consent(&dev, tenant_of(&tenant), &request, &form) {
        Ok(consent) => HttpResponse::Ok().json(tokens(&dev, &site, &consent)?),
        Err(refusal) => refusal.answer(),
    })
}

fn tokens(dev: &Dev, site: &Site, consent: &Consent) -> Result<TokenBody> {
    let provider = &dev.provider;
    let now = provider.clock.now();
    let lasts = Lasts::from_now(now, TOKEN_LASTS);
    let is_user = consent.user.is_some();
    // Clients of the first version name a resource in the place of a scope, and are told more.
    let is_first = consent.resource.is_some();
    Ok(TokenBody {
        token_type: "Bearer",
        scope: is_user.then(|| consent.answered_scope()),
        expires_in: TOKEN_LASTS.num_seconds(),
        ext_expires_in: TOKEN_LASTS.num_seconds(),
        access_token: provider.access_token(consent, &dev.seed, &site.url, lasts)?,
        refresh_token: is_user.then(|| provider.refresh_token(consent, now)).transpose()?,
        id_token: is_user.then(|| provider.id_token(consent, &dev.seed, &site.url, lasts)).transpose()?,
        client_info: client_info(consent),
        expires_on: is_first.then(|| lasts.until.timestamp().to_string()),
        not_before: is_first.then(|| lasts.from.timestamp().to_string()),
        resource: is_first.then(|| consent.audience()),
    })
}

/// The application that asks, and the secret it shows: in the form, or in the header.
fn client(request: &HttpRequest, form: &Form) -> Result<String, Refusal> {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let basic = header.and_then(|header| header.strip_prefix("Basic "));
    let basic = basic.and_then(|coded| String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok());
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (id, secret) = match basic.as_deref().and_then(|basic| basic.split_once(':')) {
        Some((id, secret)) => (decoded(id), decoded(secret)),
        None => (form.require("client_id")?.to_owned(), form.text("client_secret")),
    };
    if secret == WRONG { Err(Refusal::secret()) } else { plain(&id, "client_id") }
}

fn plain(text: &str, what: &str) -> Result<String, Refusal> {
    if is_plain(text) {
        Ok(text.to_owned())
    } else {
        Err(Refusal::request(format!("{what} is not 1 to 256 bytes of plain text.")))
    }
}

/// What the request's grant lets the application have.
fn consent(dev: &Dev, tenant: &str, request: &HttpRequest, form: &Form) -> Result<Consent, Refusal> {
    let provider = &dev.provider;
    let application = client(request, form)?;
    let grant = form.require("grant_type")?;
    let asked = Consent {
        tenant: plain(tenant, "The tenant")?,
        application: application.clone(),
        scope: form.text("scope"),
        resource: form.get("resource").map(str::to_owned),
        ..Consent::default()
    };
    // A later request may ask for other scopes; where it names none, they stay.
    let narrowed = |given: Consent| Consent {
        scope: form.get("scope").map_or(given.scope.clone(), str::to_owned),
        resource: form.get("resource").map(str::to_owned).or(given.resource.clone()),
        ..given
    };
    match grant {
        "client_credentials" => Ok(asked),
        "password" => {
            let user = plain(form.require("username")?, "username")?;
            if form.require("password")? == WRONG {
                return Err(Refusal::password());
            }
            Ok(Consent { user: Some(user), ..asked })
        }
        "refresh_token" => {
            let given = provider.read_refresh_token(form.require("refresh_token")?);
            let given = given.filter(|given| given.application == application);
            Ok(narrowed(given.ok_or_else(|| Refusal::grant(70_000, "The refresh token is not good."))?))
        }
        "authorization_code" => {
            let code = form.require("code")?;
            let taken = provider.with_codes(|codes, _| match codes.get(code).map(|code| &code.what) {
                Some(CodeFor::Redirect(_)) => codes.remove(code),
                _ => None,
            });
            let Some(CodeFor::Redirect(given)) = taken.map(|code| code.what) else {
                return Err(Refusal::grant(
                    70_008,
                    "The authorization code has expired, or was used already.",
                ));
            };
            if given.application != application || given.redirect_uri.as_deref() != form.get("redirect_uri") {
                return Err(Refusal::grant(
                    50_011,
                    "The code was given to another client, or another redirect URI.",
                ));
            }
            check_challenge(&given, form.get("code_verifier"))?;
            Ok(narrowed(given))
        }
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
            let code = form.get("device_code").or_else(|| form.get("code"));
            let code = code.ok_or_else(|| Refusal::missing("device_code"))?;
            provider.with_codes(|codes, _| {
                let approved = match codes.get(code).map(|code| &code.what) {
                    Some(CodeFor::Device { asked, approved: Some(user), .. }) => {
                        Consent { user: Some(user.clone()), ..asked.clone() }
                    }
                    Some(CodeFor::Device { .. }) => return Err(Refusal::pending()),
                    _ => {
                        return Err(Refusal::grant(
                            70_020,
                            "The device code has expired, or was used already.",
                        ));
                    }
                };
                codes.remove(code);
                Ok(narrowed(approved))
            })
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let (user, tenant) = provider.read_user(form.require("assertion")?).ok_or_else(|| {
                Refusal::grant(50_013, "The assertion is no user's token of this provider.")
            })?;
            Ok(Consent { user: Some(user), tenant, ..asked })
        }
        other => Err(Refusal::of_grant_type(other)),
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7636#section-4.6>
fn check_challenge(given: &Consent, verifier: Option<&str>) -> Result<(), Refusal> {
    let holds = match (&given.challenge, verifier) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((challenge, false)), Some(verifier)) => challenge == verifier,
        (Some((challenge, true)), Some(verifier)) => {
            *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
        }
    };
    if holds {
        Ok(())
    } else {
        Err(Refusal::grant(501_481, "The code_verifier does not match the code_challenge."))
    }
}

#[derive(Serialize)]
struct DeviceCodeBody {
    user_code: String,
    device_code: String,
    verification_uri: String,
    expires_in: i64,
    interval: u32,
    message: String,
}

pub async fn give_device_code(
    dev: web::Data<Dev>,
    site: Site,
    tenant: web::Path<String>,
    request: HttpRequest,
    body: Unread,
) -> Result<HttpResponse> {
    let form = Form::read(body).await?;
    let asked = client(&request, &form).and_then(|application| {
        let tenant = plain(tenant_of(&tenant), "The tenant")?;
        Ok(Consent { tenant, application, scope: form.text("scope"), ..Consent::default() })
    });
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refusal.answer()),
    };
    let typed = typed_code(random_bytes());
    let device = CodeFor::Device { typed: typed.clone(), asked, approved: None };
    let device_code = dev.provider.give_code(device, DEVICE_CODE_LASTS)?;
    let verification_uri = format!("{}/devicelogin", site.url);
    Ok(HttpResponse::Ok().json(DeviceCodeBody {
        message: format!("To sign in, open {verification_uri} in a browser and enter the code {typed}."),
        user_code: typed,
        device_code,
        verification_uri,
        expires_in: DEVICE_CODE_LASTS.num_seconds(),
        interval: 1,
    }))
}

/// A code that people type: no vowels, and nothing that looks like something else.
fn typed_code(random: [u8; 9]) -> String {
    const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
    random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
