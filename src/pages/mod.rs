//! What people open in a browser: a link's page, its bytes, and its frame for other sites.

mod docs;
mod download;
mod view;

use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::{HttpResponse, web};

pub use view::error_page;

/// Every URL that is not the API's.
pub fn routes(pages: &mut web::ServiceConfig) {
    pages
        .app_data(web::Data::new(docs::Rendered::once()))
        .service(web::resource("/").get(view::home))
        .service(web::resource("/docs").get(docs::docs))
        .service(web::resource("/redir").get(view::redir).head(view::redir))
        .service(web::resource("/embed").get(view::embed).head(view::embed))
        .service(web::resource("/download").get(download::by_link).head(download::by_link))
        .service(web::resource("/download/{ticket}").get(download::by_ticket).head(download::by_ticket))
        .service(web::resource("/everlink.css").get(style));
}

/// Whether a path is one of these, rather than an address of the API.
pub fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/docs" | "/redir" | "/embed" | "/download" | "/everlink.css")
        || path.starts_with("/download/")
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
