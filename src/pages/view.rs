//! The pages: of an item that a link opens, of an embedded one, and of what went wrong.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::access::{Opened, open_link};
use crate::auth::Visitor;
use crate::domain::item::Kind;
use crate::domain::link::LinkType;
use crate::drive::{WantedPage, list_children_of};
use crate::error::{Error, Result};
use crate::graph::address::link_parameters;
use crate::graph::list;
use crate::graph::site::Site;
use crate::graph::wire;
use crate::pages::wants_json;

/// Entries of a folder that its page shows.
const SHOWN: usize = 200;
pub(super) const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const EMBED_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage<'a> {
    name: &'a str,
    size: String,
    modified: String,
    /// None for a folder.
    download_url: Option<String>,
    children: Vec<Child>,
    has_more: bool,
}

struct Child {
    name: String,
    size: String,
    /// None for a folder.
    url: Option<String>,
}

#[derive(Template)]
#[template(path = "embed.html")]
struct EmbedPage<'a> {
    name: &'a str,
    url: String,
    preview: Preview,
}

enum Preview {
    Image,
    Audio,
    Video,
    None,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
}

/// A link's URL: the page of its item, or the item as JSON.
pub async fn redir(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = open(&site, &visitor, &request).await?;
    if wants_json(request.headers()) {
        return Ok(
            HttpResponse::Ok().json(wire::shared_item(&site, &opened, &opened.item)?.with_context(&site))
        );
    }
    let mut children = Vec::new();
    let mut has_more = false;
    let mut turn = None;
    if opened.item.kind() == Kind::Folder {
        turn = Some(site.turns.lists.take(opened.who()).await?);
        let page = list_children_of(&site, opened.who(), &opened.item, &WantedPage::first(SHOWN)).await?;
        has_more = page.next_after(SHOWN).is_some();
        children = page
            .items
            .into_iter()
            .map(|item| Child {
                name: item.name.clone(),
                size: readable(item.size()),
                url: item
                    .file()
                    .is_some()
                    .then(|| url_of(&site, &Opened { item: Arc::new(item), ..opened.clone() })),
            })
            .collect();
    }
    let page = ItemPage {
        name: &opened.item.name,
        size: readable(opened.item.size()),
        modified: opened.item.modified.at.format("%-d %B %Y, %H:%M UTC").to_string(),
        download_url: opened.item.file().map(|_| url_of(&site, &opened)),
        children,
        has_more,
    };
    let response = html(HttpResponse::Ok(), &page, PAGE_POLICY)?;
    Ok(match turn {
        Some(turn) => list::holding(turn, response),
        None => response,
    })
}

/// The frame of an `embed` link.
pub async fn embed(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = open(&site, &visitor, &request).await?;
    if !opened.link.as_ref().is_some_and(|(link, _)| link.link_type == LinkType::Embed) {
        return Err(Error::ItemNotFound);
    }
    let file = opened.item.file().ok_or(Error::ItemNotFound)?;
    let preview = match file.mime_type.split('/').next() {
        Some("image") => Preview::Image,
        Some("audio") => Preview::Audio,
        Some("video") => Preview::Video,
        _ => Preview::None,
    };
    let page = EmbedPage { name: &opened.item.name, url: url_of(&site, &opened), preview };
    html(HttpResponse::Ok(), &page, EMBED_POLICY)
}

async fn open(site: &Site, visitor: &Visitor, request: &HttpRequest) -> Result<Opened> {
    let token = link_parameters(request.query_string()).ok_or(Error::ItemNotFound)?;
    open_link(site, visitor.0.as_deref(), &token).await
}

/// Relative, so that the page works under whatever name it was reached.
fn url_of(site: &Site, opened: &Opened) -> String {
    let url = wire::download_url(site, opened.item.id, None, opened.link.as_ref().map(|(_, proven)| *proven));
    url.strip_prefix(&site.public_url).map(str::to_owned).unwrap_or(url)
}

pub async fn home() -> HttpResponse {
    message(
        HttpResponse::Ok(),
        "Everlink",
        "This is a service for sharing links. Open one to see what it shares.",
    )
}

pub fn error_page(error: &Error) -> HttpResponse {
    let text = error.to_string();
    let (title, text) = match error {
        Error::ItemNotFound | Error::NoSuchApi => (
            "Not found",
            "This link is not there. It may have been removed by who shared it, or copied incompletely.",
        ),
        Error::Unauthenticated(_) => ("Sign in to open this link", text.as_str()),
        Error::Unavailable(_) => {
            ("Not available", "The service is not available at the moment. Try again soon.")
        }
        _ => ("This did not work", text.as_str()),
    };
    message(HttpResponse::build(error.status()), title, text)
}

fn message(response: actix_web::HttpResponseBuilder, title: &str, text: &str) -> HttpResponse {
    html(response, &ErrorPage { title, text }, PAGE_POLICY)
        .unwrap_or_else(|error| HttpResponse::new(error.status()))
}

pub(super) fn html(
    response: actix_web::HttpResponseBuilder,
    page: &impl Template,
    policy: &'static str,
) -> Result<HttpResponse> {
    Ok(html_text(response, page.render().map_err(Error::internal)?, policy))
}

pub(super) fn html_text(
    mut response: actix_web::HttpResponseBuilder,
    text: impl MessageBody + 'static,
    policy: &'static str,
) -> HttpResponse {
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .body(text)
}

/// `1.5 MB`
fn readable(bytes: i64) -> String {
    indicatif::HumanBytes(bytes.cast_unsigned()).to_string()
}
