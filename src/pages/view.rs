//! The pages: of an item that a link opens, of an embedded one, and of what went wrong.

use actix_web::body::MessageBody;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::auth::Visitor;
use crate::domain::address::SharedAddress;
use crate::domain::item::{Item, Kind};
use crate::error::{Error, Result};
use crate::graph::address::link_parameters;
use crate::graph::errors::status;
use crate::graph::list;
use crate::graph::site::Site;
use crate::graph::wire;
use crate::pages::wants_json;
use crate::service::drive::{PageRequest, list_children};
use crate::service::rights::{self, Shared, ToRead};

/// Entries of a folder that its page shows.
const SHOWN: usize = 200;
pub(super) const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const EMBED_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; \
                            base-uri 'none'; form-action 'none'; frame-ancestors *";

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
    let shared = open(&site, &visitor, &request).await?;
    let right = shared.to_read()?;
    let item = right.item();
    if wants_json(request.headers()) {
        let item = wire::shared_item(&site, &shared, &right, item)?;
        return Ok(HttpResponse::Ok().json(item.with_context(&site)));
    }
    let mut children = Vec::new();
    let mut has_more = false;
    let mut turn = None;
    if item.kind() == Kind::Folder {
        turn = Some(site.service().turns.lists.take(shared.who()).await?);
        let page = list_children(site.service(), &right, &PageRequest::first(SHOWN)).await?;
        has_more = page.next_after(SHOWN).is_some();
        let child = |item: Item| Child {
            size: readable(item.size()),
            url: download_url(&site, &right, &item),
            name: item.name,
        };
        children = page.items.into_iter().map(child).collect();
    }
    let page = ItemPage {
        name: &item.name,
        size: readable(item.size()),
        modified: item.modified.at.format("%-d %B %Y, %H:%M UTC").to_string(),
        download_url: download_url(&site, &right, item),
        children,
        has_more,
    };
    let response = html(HttpResponse::Ok(), &page, PAGE_POLICY)?;
    Ok(match turn {
        Some(turn) => list::holding(turn, response),
        None => response,
    })
}

/// The frame of a link that lets embed.
pub async fn embed(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let right = open(&site, &visitor, &request).await?.to_embed()?;
    let item = right.to_read().item();
    let file = item.file().ok_or(Error::ItemNotFound)?;
    let preview = match file.mime_type.split('/').next() {
        Some("image") => Preview::Image,
        Some("audio") => Preview::Audio,
        Some("video") => Preview::Video,
        _ => Preview::None,
    };
    let url = download_url(&site, right.to_read(), item).ok_or(Error::ItemNotFound)?;
    html(HttpResponse::Ok(), &EmbedPage { name: &item.name, url, preview }, EMBED_POLICY)
}

async fn open(site: &Site, visitor: &Visitor, request: &HttpRequest) -> Result<Shared> {
    let token = link_parameters(request.query_string()).ok_or(Error::ItemNotFound)?;
    rights::open(site.service(), visitor.0.as_ref(), &SharedAddress::whole(token)).await
}

/// Relative, so that the page works under whatever name it was reached.
fn download_url(site: &Site, right: &ToRead, item: &Item) -> Option<String> {
    wire::download_url(site, right, item).map(|url| site.relative(&url).to_owned())
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
        Error::ItemNotFound | Error::NoSuchApi => {
            ("Not found", "This link is not there. It may have been removed, or copied incompletely.")
        }
        Error::Unauthenticated(_) => ("Sign in to open this link", text.as_str()),
        Error::Unavailable(_) => {
            ("Not available", "The service is not available at the moment. Try again soon.")
        }
        _ => ("This did not work", text.as_str()),
    };
    message(HttpResponse::build(status(error)), title, text)
}

fn message(response: actix_web::HttpResponseBuilder, title: &str, text: &str) -> HttpResponse {
    html(response, &ErrorPage { title, text }, PAGE_POLICY)
        .unwrap_or_else(|error| HttpResponse::new(status(&error)))
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

/// `1.5 MiB`
fn readable(bytes: i64) -> String {
    bytesize::ByteSize(bytes.cast_unsigned()).display().iec().to_string()
}
