//! The owner's site: their drive, the links to what is in it, and who is signed in. What it does it does by the same
//! operations and rights as the API.

mod actions;
mod bin;
mod drive;
mod form;
mod frame;
mod links;
mod session;
mod sharing;
mod signin;
mod versions;
mod views;

use actix_web::http::Method;
use actix_web::web;

use crate::graph::routes::resources;

pub use session::enter;
pub use signin::{ADDRESS_LASTS, Local, address, offer_address};

/// The table of the site's pages.
macro_rules! site {
    ($($method:ident $pattern:literal => $handler:path;)*) => {
        /// Methods and addresses.
        pub const SITE: &[(&str, &str)] = &[$((stringify!($method), $pattern)),*];

        /// Adds all of them.
        pub fn routes(site: &mut web::ServiceConfig) {
            for resource in resources(vec![$(($pattern, web::method(Method::$method).to($handler))),*]) {
                site.service(resource);
            }
        }
    };
}

site! {
    GET  "/signin"               => signin::page;
    GET  "/signin/start"         => signin::start;
    GET  "/signin/callback"      => signin::callback;
    POST "/signout"              => signin::sign_out;
    GET  "/my"                   => drive::root;
    POST "/my"                   => drive::add_to_root;
    GET  "/my/search"            => drive::search;
    GET  "/my/links"             => links::page;
    POST "/my/links"             => links::change;
    GET  "/my/links.csv"         => links::sheet;
    GET  "/my/bin"               => bin::page;
    POST "/my/bin"               => bin::change;
    POST "/my/select"            => drive::select;
    GET  "/my/{number}"          => drive::item;
    POST "/my/{number}"          => drive::add;
    GET  "/my/{number}/sharing"  => sharing::page;
    POST "/my/{number}/sharing"  => sharing::change;
    GET  "/my/{number}/actions"  => actions::page;
    POST "/my/{number}/actions"  => actions::change;
    GET  "/my/{number}/versions" => versions::page;
    POST "/my/{number}/versions" => versions::change;
}

/// Whether a path is the site's, but for where its script reaches the API.
pub fn is_of_site(path: &str) -> bool {
    let is_at =
        |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    (is_at("/my") && !is_api(path)) || is_at("/signin") || is_at("/signout")
}

/// Whether a path is where the site's script reaches the API.
pub fn is_api(path: &str) -> bool {
    path.starts_with("/my/api/")
}

/// Whether a page of the site is there for who is not signed in.
fn is_open(path: &str) -> bool {
    path.starts_with("/signin") || path.starts_with("/signout")
}

/// Where one signs in to get to an address of this service.
pub fn sign_in_url(to: &str) -> String {
    let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
    format!("/signin?to={to}")
}
