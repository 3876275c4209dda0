//! Where people say who they are: in a browser that an application sent here, or for a device.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use url::Url;

use crate::auth::is_plain;
use crate::dev::Dev;
use crate::dev::provider::consent::Consent;
use crate::dev::provider::pages::{DevicePage, FormPostPage, SignInPage, Who, page};
use crate::dev::provider::token::Form;
use crate::dev::provider::tokens::client_info;
use crate::dev::provider::{CodeFor, tenant_of};
use crate::error::{Error, Result};
use crate::graph::body::Unread;
use crate::graph::site::Site;
use crate::pages::answer::see_other;

/// How long an application may take to use a code.
const CODE_LASTS: TimeDelta = TimeDelta::minutes(10);

/// Sends a browser back to its application with a code. It is asked who one is first, unless a hint says it.
pub async fn authorize(
    dev: web::Data<Dev>,
    tenant: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    answer(&dev, &tenant, &Form::of_query(request.query_string()))
}

pub async fn authorize_by_form(
    dev: web::Data<Dev>,
    tenant: web::Path<String>,
    body: Unread,
) -> Result<HttpResponse> {
    answer(&dev, &tenant, &Form::read(body).await?)
}

fn answer(dev: &Dev, tenant: &str, form: &Form) -> Result<HttpResponse> {
    let missing = |name: &str| Error::invalid_request(format!("{name} is missing."));
    let tenant = tenant_of(tenant);
    let application = form.get("client_id").ok_or(missing("client_id"))?;
    let redirect = redirect_of(form.get("redirect_uri").ok_or(missing("redirect_uri"))?)?;
    if !is_plain(application) || !is_plain(tenant) {
        return Err(Error::invalid_request("An id is 1 to 256 bytes of plain text."));
    }
    let back =
        Back { redirect, mode: form.text("response_mode"), state: form.get("state").map(str::to_owned) };
    if form.get("response_type").is_some_and(|wanted| wanted != "code") {
        return back.answer(&[("error", "unsupported_response_type")]);
    }
    // Whom a page has picked, or whom the application knows already.
    let hinted = form.get("login_hint").filter(|_| form.get("prompt").is_none_or(|prompt| prompt == "none"));
    let Some(user) = form.get("as").or(hinted).filter(|user| is_plain(user)) else {
        if form.get("prompt") == Some("none") {
            return back.answer(&[("error", "login_required")]);
        }
        let known = dev.seed.users_of(tenant).map(|user| Who {
            name: user.name.clone(),
            display_name: user.display_name.clone().unwrap_or_else(|| user.name.clone()),
        });
        return page(&SignInPage::of(application, tenant, known.collect(), form.fields()), &back.redirect);
    };
    let is_digest = form.get("code_challenge_method") == Some("S256");
    let consent = Consent {
        tenant: tenant.to_owned(),
        user: Some(user.to_owned()),
        application: application.to_owned(),
        scope: form.text("scope"),
        resource: form.get("resource").map(str::to_owned),
        nonce: form.get("nonce").map(str::to_owned),
        redirect_uri: form.get("redirect_uri").map(str::to_owned),
        challenge: form.get("code_challenge").map(|challenge| (challenge.to_owned(), is_digest)),
    };
    let info = client_info(&consent).filter(|_| form.get("client_info").is_some());
    let code = dev.provider.give_code(CodeFor::Redirect(consent), CODE_LASTS)?;
    let mut told = vec![("code", code.as_str())];
    told.extend(info.as_deref().map(|info| ("client_info", info)));
    back.answer(&told)
}

/// An address of an application: whichever it likes, but no script.
fn redirect_of(text: &str) -> Result<Url> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| !["javascript", "data", "vbscript", "blob"].contains(&url.scheme()));
    url.ok_or(Error::invalid_request("redirect_uri is not an application's URL."))
}

/// How a browser gets back.
struct Back {
    redirect: Url,
    mode: String,
    state: Option<String>,
}

impl Back {
    fn answer(mut self, told: &[(&str, &str)]) -> Result<HttpResponse> {
        let state = self.state.as_deref().map(|state| ("state", state));
        let told: Vec<(&str, &str)> = told.iter().copied().chain(state).collect();
        match self.mode.as_str() {
            "form_post" => {
                let fields = told.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                return page(&FormPostPage::to(&self.redirect, fields.collect()), &self.redirect);
            }
            "fragment" => {
                let mut fragment = form_urlencoded::Serializer::new(String::new());
                self.redirect.set_fragment(Some(&fragment.extend_pairs(told).finish()));
            }
            _ => {
                self.redirect.query_pairs_mut().extend_pairs(told);
            }
        }
        Ok(HttpResponse::Found().insert_header((LOCATION, self.redirect.to_string())).finish())
    }
}

/// Where the code of a device is typed.
pub async fn device_page(dev: web::Data<Dev>, request: HttpRequest) -> Result<HttpResponse> {
    let form = Form::of_query(request.query_string());
    let done = form.get("done").map(str::to_owned);
    shown_device_page(&dev, form.text("user_code"), done, None)
}

fn shown_device_page(
    dev: &Dev,
    user_code: String,
    done: Option<String>,
    wrong: Option<&'static str>,
) -> Result<HttpResponse> {
    let names = dev.seed.users.iter().map(|user| user.name.clone()).collect();
    let here = Url::parse("http://localhost").map_err(Error::internal)?;
    page(&DevicePage::of(user_code, names, done, wrong), &here)
}

/// Takes a code that was typed, and who did: `user_code` and `as`.
pub async fn approve_device(dev: web::Data<Dev>, body: Unread) -> Result<HttpResponse> {
    let form = Form::read(body).await?;
    let user = form.text("as");
    let wanted = form.text("user_code").trim().to_uppercase();
    if !is_plain(&user) {
        return shown_device_page(&dev, wanted, None, Some("Say who you are."));
    }
    let found = dev.provider.with_codes(|codes, _| {
        let device = codes.values_mut().find_map(|code| match &mut code.what {
            CodeFor::Device { typed, approved, .. } if *typed == wanted => Some(approved),
            _ => None,
        });
        device.map(|approved| *approved = Some(user.clone())).is_some()
    });
    if found {
        let user: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
        Ok(see_other(format!("/devicelogin?done={user}")))
    } else {
        shown_device_page(&dev, wanted, None, Some("No device waits for this code."))
    }
}

/// Nobody stays signed in here: a browser goes on to where its application wants it.
pub async fn log_out(site: Site, request: HttpRequest) -> Result<HttpResponse> {
    let form = Form::of_query(request.query_string());
    match form.get("post_logout_redirect_uri") {
        Some(to) => {
            let mut to = redirect_of(to)?;
            if let Some(state) = form.get("state") {
                to.query_pairs_mut().append_pair("state", state);
            }
            Ok(see_other(to.to_string()))
        }
        None => Ok(see_other(format!("{}/", site.url))),
    }
}
