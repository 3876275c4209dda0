//! What of the requests that open a link counts as opening it: what somebody does who got it. The owner's own looks
//! don't, nor do those of programs that only fetch a preview of what somebody posts, nor what goes on with a download.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, RANGE, USER_AGENT};

use crate::domain::identity::Caller;
use crate::graph::site::Site;
use crate::service::opens::Opening;
use crate::service::rights::{Shared, ToDownload};

/// Parts of the names by which programs say that they make previews, in lower case.
const PREVIEWERS: [&str; 18] = [
    "applebot",
    "bingbot",
    "bitlybot",
    "discordbot",
    "embedly",
    "facebookexternalhit",
    "googlebot",
    "iframely",
    "linkedinbot",
    "mastodon",
    "pinterest",
    "redditbot",
    "skypeuripreview",
    "slackbot",
    "snapchat",
    "telegrambot",
    "twitterbot",
    "whatsapp",
];

/// Counts that what a link opens is looked at.
pub fn view(site: &Site, request: &HttpRequest, shared: &Shared, visitor: Option<&Caller>) {
    count(site, request, shared, visitor, Opening::View);
}

/// Counts that all of a folder is downloaded by a link.
pub fn archive(site: &Site, request: &HttpRequest, shared: &Shared, visitor: Option<&Caller>) {
    count(site, request, shared, visitor, Opening::Download);
}

fn count(site: &Site, request: &HttpRequest, shared: &Shared, visitor: Option<&Caller>, opening: Opening) {
    let is_counted = !shared.is_opened_by_owner(visitor) && is_somebody(request);
    if let Some(link) = shared.link().filter(|_| is_counted) {
        let service = site.service();
        service.opens.count(shared.whole().id.drive, link.id, opening, service.clock.now());
    }
}

/// Counts that something is downloaded by a link. `is_owner` where the owner does.
pub fn download(site: &Site, request: &HttpRequest, right: &ToDownload, is_owner: bool) {
    if is_owner || !is_somebody(request) || goes_on(request.headers()) {
        return;
    }
    if let Some(link) = right.through() {
        let service = site.service();
        service.opens.count(right.item().drive, link, Opening::Download, service.clock.now());
    }
}

fn is_somebody(request: &HttpRequest) -> bool {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default().to_ascii_lowercase();
    request.method() != Method::HEAD && !PREVIEWERS.iter().any(|name| agent.contains(name))
}

/// Whether a range is asked for that does not begin with the first byte.
fn goes_on(headers: &HeaderMap) -> bool {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| {
        !range.trim_start_matches(|c: char| c != '=').trim_start_matches('=').starts_with("0-")
    })
}
