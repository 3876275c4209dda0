//! How pages are answered: as HTML, with a policy that lets browsers load only what a page is made of.
//! <https://www.w3.org/TR/CSP3/>

use std::io::Write;

use actix_web::body::MessageBody;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};
use crate::graph::site::Site;

/// The type that all pages are sent as.
const PAGE: &str = "text/html; charset=utf-8";

/// Who may frame a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    ByNobody,
    /// Of a link that lets embed.
    ByAnybody,
}

/// A page that shows nothing that people uploaded, and whose forms may lead to another origin, or to a scheme.
pub fn page_to(page: &impl Template, target: &str) -> Result<HttpResponse> {
    let policy =
        policy(None, Framed::ByNobody).replace("form-action 'self'", &format!("form-action 'self' {target}"));
    answer(HttpResponse::Ok(), page, policy)
}

/// The policy of a page: its own styles, scripts and forms, and what people uploaded from where that is had.
fn policy(content_origin: Option<&str>, framed: Framed) -> String {
    let content = content_origin.map_or("'self'".to_owned(), |origin| format!("'self' {origin}"));
    let ancestors = match framed {
        Framed::ByNobody => "'none'",
        Framed::ByAnybody => "*",
    };
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src {content} data:; media-src {content}; \
         frame-src {content}; object-src {content}; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors {ancestors}"
    )
}

pub fn page(site: &Site, page: &impl Template) -> Result<HttpResponse> {
    answer(HttpResponse::Ok(), page, policy(site.content_origin(), Framed::ByNobody))
}

pub fn frame(site: &Site, page: &impl Template) -> Result<HttpResponse> {
    answer(HttpResponse::Ok(), page, policy(site.content_origin(), Framed::ByAnybody))
}

/// A page that shows nothing that people uploaded.
pub fn plain_page(response: HttpResponseBuilder, page: &impl Template) -> Result<HttpResponse> {
    answer(response, page, policy(None, Framed::ByNobody))
}

fn answer(response: HttpResponseBuilder, page: &impl Template, policy: String) -> Result<HttpResponse> {
    Ok(html(response, page.render().map_err(Error::internal)?, policy))
}

/// A page whose text is ready, and shows nothing that people uploaded.
pub fn plain_text(text: impl MessageBody + 'static) -> HttpResponse {
    html(HttpResponse::Ok(), text, policy(None, Framed::ByNobody))
}

fn html(mut response: HttpResponseBuilder, text: impl MessageBody + 'static, policy: String) -> HttpResponse {
    response.content_type(PAGE).insert_header((header::CONTENT_SECURITY_POLICY, policy)).body(text)
}

/// Whether an answer is a page, by its headers.
pub fn is_page(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == PAGE)
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// The gzip of a page, made quickly.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    let written = gzip.write_all(text).and_then(|()| gzip.finish());
    written.expect("memory takes all that is written")
}

/// Leads to another page, which is then asked for by GET.
pub fn see_other(url: String) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, url)).finish()
}
