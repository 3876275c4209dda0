//! What people open in a browser: a link's page, its bytes, and its frame for other sites.

pub mod answer;
pub mod assets;
mod docs;
mod download;
mod drop;
mod embed;
mod file;
pub mod folder;
pub mod forms;
mod item;
pub mod kinds;
pub mod listing;
mod message;
mod opened;
pub mod preview;
mod proof;
mod qr;
mod trying;
pub mod views;
pub mod words;
mod zip;

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::web;

use crate::graph::routes::resources;

pub use message::error_page;
pub use trying::TokenAddress;

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
    GET  "/"                  => message::home;
    HEAD "/"                  => message::home;
    GET  "/docs"              => docs::docs;
    HEAD "/docs"              => docs::docs;
    GET  "/docs/try"          => trying::try_calls;
    HEAD "/docs/try"          => trying::try_calls;
    GET  "/redir"             => item::redir;
    HEAD "/redir"             => item::redir;
    POST "/redir"             => forms::send;
    GET  "/preview"           => preview::bytes;
    HEAD "/preview"           => preview::bytes;
    GET  "/embed"             => embed::embed;
    HEAD "/embed"             => embed::embed;
    GET  "/download"          => download::by_link;
    HEAD "/download"          => download::by_link;
    GET  "/download/{ticket}" => download::by_ticket;
    HEAD "/download/{ticket}" => download::by_ticket;
    GET  "/zip"               => zip::all;
    HEAD "/zip"               => zip::all;
    POST "/zip"               => zip::chosen;
    GET  "/qr"                => qr::page;
    HEAD "/qr"                => qr::page;
    GET  "/qr.svg"            => qr::picture;
    HEAD "/qr.svg"            => qr::picture;
    GET  "/assets/{name}"     => assets::asset;
    HEAD "/assets/{name}"     => assets::asset;
    GET  "/.well-known/everlink" => proof::prove;
    GET  "/favicon.ico"       => assets::favicon;
    HEAD "/favicon.ico"       => assets::favicon;
    // Proxies and frameworks add a slash.
    GET  "/redir/"            => item::redir;
    HEAD "/redir/"            => item::redir;
    POST "/redir/"            => forms::send;
    GET  "/embed/"            => embed::embed;
    HEAD "/embed/"            => embed::embed;
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
