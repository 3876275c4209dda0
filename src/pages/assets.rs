//! The pages' own files: styles, scripts and the icon. Their names tell their contents, so browsers keep them for good.

use actix_web::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, LOCATION, VARY};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::{Error, Result};

struct Asset {
    address: &'static str,
    content_type: &'static str,
    /// Compressed while building.
    gzip: &'static [u8],
    plain: &'static [u8],
}

/// The files of `assets/`, and those that `build.rs` joins of them: the variable with the address, which `build.rs`
/// makes of the content, and the type.
macro_rules! assets {
    ($($name:ident: $file:literal, $address:literal, $content_type:literal;)*) => {
        $(pub const $name: &str = env!($address);)*

        const ASSETS: &[Asset] = &[$(Asset {
            address: $name,
            content_type: $content_type,
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".gz")),
            plain: include_bytes!(concat!(env!("OUT_DIR"), "/", $file)),
        }),*];
    };
}

assets! {
    SITE_CSS:   "site.css",   "EVERLINK_ASSET_SITE_CSS",   "text/css; charset=utf-8";
    EMBED_CSS:  "embed.css",  "EVERLINK_ASSET_EMBED_CSS",  "text/css; charset=utf-8";
    UPLOAD_CSS: "upload.css", "EVERLINK_ASSET_UPLOAD_CSS", "text/css; charset=utf-8";
    PAGE_JS:    "page.js",    "EVERLINK_ASSET_PAGE_JS",    "text/javascript; charset=utf-8";
    UPLOAD_JS:  "upload.js",  "EVERLINK_ASSET_UPLOAD_JS",  "text/javascript; charset=utf-8";
    SUBMIT_JS:  "submit.js",  "EVERLINK_ASSET_SUBMIT_JS",  "text/javascript; charset=utf-8";
    OWN_CSS:    "own.css",    "EVERLINK_ASSET_OWN_CSS",    "text/css; charset=utf-8";
    OWN_JS:     "own.js",     "EVERLINK_ASSET_OWN_JS",     "text/javascript; charset=utf-8";
    TRY_JS:     "try.js",     "EVERLINK_ASSET_TRY_JS",     "text/javascript; charset=utf-8";
    ICON_SVG:   "icon.svg",   "EVERLINK_ASSET_ICON_SVG",   "image/svg+xml";
    // Swagger UI as npm's swagger-ui-dist 5.35.0 has it; under which licences is in licenses/swagger-ui.
    SWAGGER_UI_CSS: "swagger-ui.css", "EVERLINK_ASSET_SWAGGER_UI_CSS", "text/css; charset=utf-8";
    SWAGGER_UI_BUNDLE_JS: "swagger-ui-bundle.js", "EVERLINK_ASSET_SWAGGER_UI_BUNDLE_JS",
        "text/javascript; charset=utf-8";
}

/// What is kept under a name never changes: another content has another name.
const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";

pub async fn asset(request: HttpRequest, _name: web::Path<String>) -> Result<HttpResponse> {
    let asset = ASSETS.iter().find(|asset| asset.address == request.path()).ok_or(Error::NoSuchApi)?;
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(asset.content_type)
        .insert_header((CACHE_CONTROL, FOR_A_YEAR))
        .insert_header((VARY, "Accept-Encoding"));
    Ok(if takes_gzip(request.headers()) {
        answer.insert_header((CONTENT_ENCODING, "gzip")).body(asset.gzip)
    } else {
        answer.body(asset.plain)
    })
}

/// What browsers ask for of themselves, whatever a page says.
pub async fn favicon() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, ICON_SVG)).finish()
}

/// Whether somebody takes gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0")
    })
}
