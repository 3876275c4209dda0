//! The provider's pages.

use actix_web::HttpResponse;
use askama::Template;
use url::Url;

use crate::error::Result;
use crate::pages::views::Page;
use crate::pages::{answer, assets};

/// Somebody one may be.
pub struct Who {
    pub name: String,
    pub display_name: String,
}

/// Who one is, for an application.
#[derive(Template)]
#[template(path = "dev/sign-in.html")]
pub struct SignInPage {
    page: Page,
    application: String,
    tenant: String,
    known: Vec<Who>,
    /// What the application has asked, which is asked again with who one is.
    fields: Vec<(String, String)>,
}

impl SignInPage {
    pub fn of(application: &str, tenant: &str, known: Vec<Who>, fields: Vec<(String, String)>) -> Self {
        Self {
            page: Page { title: "Who are you?".to_owned(), ..Page::default() },
            application: application.to_owned(),
            tenant: tenant.to_owned(),
            known,
            fields,
        }
    }
}

/// The code of a device.
#[derive(Template)]
#[template(path = "dev/device.html")]
pub struct DevicePage {
    page: Page,
    user_code: String,
    names: Vec<String>,
    done: Option<String>,
    wrong: Option<&'static str>,
}

impl DevicePage {
    pub fn of(
        user_code: String,
        names: Vec<String>,
        done: Option<String>,
        wrong: Option<&'static str>,
    ) -> Self {
        let page = Page { title: "Sign a device in".to_owned(), ..Page::default() };
        Self { page, user_code, names, done, wrong }
    }
}

/// What goes back to an application by a form.
#[derive(Template)]
#[template(path = "dev/form-post.html")]
pub struct FormPostPage {
    page: Page,
    to: String,
    fields: Vec<(String, String)>,
}

impl FormPostPage {
    pub fn to(redirect: &Url, fields: Vec<(String, String)>) -> Self {
        let page = Page { title: "You’re signed in".to_owned(), ..Page::default() };
        Self { page, to: redirect.to_string(), fields }
    }
}

/// A page whose form leads to an application, by whichever way.
pub fn page(page: &impl Template, application: &Url) -> Result<HttpResponse> {
    let origin = application.origin();
    let target =
        if origin.is_tuple() { origin.ascii_serialization() } else { format!("{}:", application.scheme()) };
    answer::page_to(page, &target)
}
