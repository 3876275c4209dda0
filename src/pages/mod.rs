//! What people open in a browser: a link's page, its bytes, and its frame for other sites.

mod docs;
mod download;
mod view;

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::{HttpResponse, web};

use crate::graph::routes::resources;

pub use view::error_page;

/// The table of pages: it is the one source of their routes, and tells them from the API's addresses.
macro_rules! pages {
    ($($method:ident $pattern:literal => $handler:path;)*) => {
        /// Methods and addresses.
        pub const PAGES: &[(&str, &str)] = &[$((stringify!($method), $pattern)),*];

        /// Adds all of them.
        pub fn routes(pages: &mut web::ServiceConfig) {
            pages.app_data(web::Data::new(docs::Rendered::once()));
            for resource in resources(vec![$(($pattern, web::method(Method::$method).to($handler))),*]) {
                pages.service(resource);
            }
        }
    };
}

pages! {
    GET  "/"                  => view::home;
    HEAD "/"                  => view::home;
    GET  "/docs"              => docs::docs;
    HEAD "/docs"              => docs::docs;
    GET  "/redir"             => view::redir;
    HEAD "/redir"             => view::redir;
    GET  "/embed"             => view::embed;
    HEAD "/embed"             => view::embed;
    GET  "/download"          => download::by_link;
    HEAD "/download"          => download::by_link;
    GET  "/download/{ticket}" => download::by_ticket;
    HEAD "/download/{ticket}" => download::by_ticket;
    GET  "/everlink.css"      => style;
    HEAD "/everlink.css"      => style;
    // Proxies and frameworks add a slash.
    GET  "/redir/"            => view::redir;
    HEAD "/redir/"            => view::redir;
    GET  "/embed/"            => view::embed;
    HEAD "/embed/"            => view::embed;
}

/// Whether a path is one of these, rather than an address of the API.
pub fn is_page(path: &str) -> bool {
    PAGES.iter().any(|(_, pattern)| match pattern.split_once('{') {
        Some((start, _)) => path.starts_with(start),
        None => path == *pattern,
    })
}

/// Whether a client is a browser that shows a page.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

/// Whether a client would rather have JSON: it names it, and no HTML.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(include_str!("../../templates/everlink.css"))
}
