//! The pages: of an item that a link opens, of an embedded one, and of what went wrong.

use actix_web::body::MessageBody;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::ExposeSecret;

use crate::auth::Visitor;
use crate::domain::address::{ShareToken, SharedAddress};
use crate::domain::item::{Item, Kind};
use crate::error::{Error, Result};
use crate::graph::errors::status;
use crate::graph::list;
use crate::graph::site::Site;
use crate::graph::wire;
use crate::pages::wants_json;
use crate::service::drive::{PageRequest, list_children};
use crate::service::rights::{self, Shared};

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
    is_file: bool,
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
    let (address, shared) = open(&site, &visitor, &request).await?;
    let right = shared.to_read()?;
    let item = right.item();
    let to_download = |item: &Item| right.lets_download(item).then(|| url("download", &address, item));
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
            url: match item.kind() {
                Kind::File => to_download(&item),
                Kind::Folder => Some(url("redir", &address, &item)),
            },
            is_file: item.kind() == Kind::File,
            name: item.name,
        };
        children = page.items.into_iter().map(child).collect();
    }
    let page = ItemPage {
        name: &item.name,
        size: readable(item.size()),
        modified: item.modified.at.format("%-d %B %Y, %H:%M UTC").to_string(),
        download_url: to_download(item),
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
    let (address, shared) = open(&site, &visitor, &request).await?;
    let right = shared.to_embed()?;
    let item = right.to_read().item();
    let file = item.file().ok_or(Error::ItemNotFound)?;
    let preview = match file.mime_type.split('/').next() {
        Some("image") => Preview::Image,
        Some("audio") => Preview::Audio,
        Some("video") => Preview::Video,
        _ => Preview::None,
    };
    let url = url("download", &address, item);
    html(HttpResponse::Ok(), &EmbedPage { name: &item.name, url, preview }, EMBED_POLICY)
}

async fn open(site: &Site, visitor: &Visitor, request: &HttpRequest) -> Result<(SharedAddress, Shared)> {
    let address = SharedAddress::of_query(request.query_string()).ok_or(Error::ItemNotFound)?;
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    Ok((address, shared))
}

/// Where a page shows an item, or has its bytes: by the link itself, so that it is good as long as the link is, and no
/// longer. Relative, so that the page works under whatever name it was reached.
fn url(page: &str, address: &SharedAddress, item: &Item) -> String {
    let (whole, authkey) = match &address.share {
        ShareToken::Link { item, authkey } => (*item, Some(authkey.expose_secret())),
        ShareToken::Item(item) => (*item, None),
        // No page is asked for by it.
        ShareToken::ShareId(_) => (item.id, None),
    };
    let mut url = format!("/{page}?resid={whole}");
    if let Some(authkey) = authkey {
        url.push_str("&authkey=");
        url.extend(form_urlencoded::byte_serialize(authkey.as_bytes()));
    }
    if item.id != whole {
        url.push_str(&format!("&id={}", item.id.number));
    }
    url
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
