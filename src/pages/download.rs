//! A file's bytes over HTTP: whole or a range, with an entity tag that changes with the content.
//!
//! What people uploaded is never run: it comes as an attachment, in a sandbox, and as the type that
//! the server decided on.

use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::open_link;
use crate::app::App;
use crate::auth::Visitor;
use crate::domain::item::content_tag;
use crate::domain::preconditions::Preconditions;
use crate::drive::{Download, open_ticket};
use crate::error::{Error, Result};
use crate::graph::address::link_parameters;
use crate::graph::site::Site;

pub async fn by_link(
    visitor: Visitor,
    request: HttpRequest,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let token = link_parameters(request.query_string()).ok_or(Error::ItemNotFound)?;
    let opened = open_link(&site, visitor.0.as_deref(), &token).await?;
    let download = Download { who: opened.who(), ..Download::of(&opened.item)? };
    send(&site, &request, &preconditions, download).await
}

pub async fn by_ticket(
    request: HttpRequest,
    ticket: web::Path<String>,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let download = open_ticket(&site, &ticket).await?;
    send(&site, &request, &preconditions, download).await
}

async fn send(
    app: &App,
    request: &HttpRequest,
    preconditions: &Preconditions,
    download: Download,
) -> Result<HttpResponse> {
    let file = &download.file;
    let size = file.size.cast_unsigned();
    let etag = content_tag(download.item, file.number);
    let is_seen = |tags: &Vec<String>| tags.iter().any(|tag| tag == "*" || *tag == etag);
    if preconditions.if_none_match.as_ref().is_some_and(is_seen) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    if preconditions.if_match.as_ref().is_some_and(|tags| !is_seen(tags)) {
        return Err(Error::ResourceModified);
    }
    let range = match wanted_range(request, &etag, size) {
        Wanted::All => None,
        Wanted::Part(range) => Some(range),
        Wanted::Nothing => return Err(Error::InvalidRange { size }),
    };
    let mut response = HttpResponse::build(match range {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    });
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((
            header::LAST_MODIFIED,
            download.modified_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        ))
        .insert_header((header::CONTENT_TYPE, file.mime_type.as_str()))
        .insert_header((header::CONTENT_DISPOSITION, attachment(&download.name)))
        .insert_header((header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"));
    if let Some(range) = &range {
        let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        response.insert_header((header::CONTENT_RANGE, part));
    }
    let range = range.unwrap_or(0..size);
    let length = range.end - range.start;
    if request.method() == Method::HEAD {
        let nothing = futures_util::stream::empty::<Result<bytes::Bytes>>();
        return Ok(response.body(SizedStream::new(length, nothing)));
    }
    if let Some(url) = app.content.presigned_url(download.item.drive, file.content_key).await? {
        return Ok(HttpResponse::Found().insert_header((header::LOCATION, url)).finish());
    }
    let turn = app.turns.downloads.take(download.who).await?;
    let bytes = app.content.get(download.item.drive, file.content_key, range).await?;
    // The turn is over when the client has all bytes, or is gone.
    let bytes = bytes.inspect(move |_| _ = &turn);
    Ok(response.body(SizedStream::new(length, bytes)))
}

enum Wanted {
    All,
    Part(Range<u64>),
    /// A range that the content does not reach.
    Nothing,
}

/// The one range that is asked for (RFC 9110, section 14). Several ranges, other units and what can't
/// be read are as good as none, and so is a range of another version than the current one.
fn wanted_range(request: &HttpRequest, etag: &str, size: u64) -> Wanted {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_of_another = text(header::IF_RANGE).is_some_and(|seen| seen != etag);
    match text(header::RANGE) {
        Some(range) if !is_of_another => parse_range(range, size),
        _ => Wanted::All,
    }
}

fn parse_range(text: &str, size: u64) -> Wanted {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| {
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large for us is beyond any content.
        is_digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return Wanted::All,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// RFC 6266: a plain name for old clients, the real one for all others.
fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, NON_ALPHANUMERIC)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse_range(text, 100) {
            Wanted::All => "all".to_owned(),
            Wanted::Part(range) => format!("{}-{}", range.start, range.end - 1),
            Wanted::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_range_is_read_as_http_says() {
        for (text, expected) in [
            ("bytes=0-9", "0-9"),
            ("bytes=90-", "90-99"),
            ("bytes=-10", "90-99"),
            ("bytes=-1000", "0-99"),
            ("bytes=50-1000", "50-99"),
            ("bytes=99-99", "99-99"),
            ("bytes=100-", "nothing"),
            ("bytes=-0", "nothing"),
            ("bytes=99999999999999999999-", "nothing"),
            ("bytes=9-0", "all"),
            ("bytes=0-1,5-6", "all"),
            ("bytes=-", "all"),
            ("bytes=a-b", "all"),
            ("lines=0-9", "all"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_can_not_break_out_of_its_header() {
        let value = attachment("a\"; x=\"é\r\n%41.txt");
        let expected = "attachment; filename=\"a_; x=_____41.txt\"; \
                        filename*=UTF-8''a%22%3B%20x%3D%22%C3%A9%0D%0A%2541%2Etxt";
        assert_eq!(value, expected);
    }
}
