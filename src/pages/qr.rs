//! A link's address as a QR code: a page of its own, and a picture to keep.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse};
use qrcode::QrCode;
use qrcode::render::svg::Color;

use crate::auth::Visitor;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::answer;
use crate::pages::download::attachment;
use crate::pages::opened::Opened;
use crate::pages::views::QrPage;
use crate::pages::words;

/// Pixels of the picture that is saved, at least.
const SAVED: u32 = 512;

pub async fn page(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let name = name(&opened);
    let page = opened.page(&format!("QR code: {name}"))?;
    let shown = QrPage {
        svg: svg(page.address.as_deref().unwrap_or_default())?,
        save: opened.own_url("qr.svg"),
        back: opened.own_url("redir"),
        page,
        name,
    };
    answer::page(&opened.site, &shown)
}

pub async fn picture(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let address = opened.page("")?.address.unwrap_or_default();
    Ok(HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((CONTENT_DISPOSITION, attachment(&format!("{}.svg", name(&opened)))))
        .body(svg(&address)?))
}

/// What the page calls it: the item, or for a link that shows nothing, the folder that it sends to.
fn name(opened: &Opened) -> String {
    match opened.shared.to_read() {
        Ok(right) => words::plain(&right.item().name),
        Err(_) => words::plain(&opened.shared.whole().name),
    }
}

/// Without the declaration that an SVG in a page does not have.
fn svg(address: &str) -> Result<String> {
    let code = QrCode::new(address).map_err(Error::internal)?;
    let svg = code
        .render()
        .min_dimensions(SAVED, SAVED)
        .dark_color(Color("#000"))
        .light_color(Color("#fff"))
        .build();
    let svg = svg.split_once("?>").map_or(svg.as_str(), |(_, svg)| svg);
    Ok(svg.replacen("<svg ", "<svg role=\"img\" aria-label=\"The link’s address as a QR code\" ", 1))
}
