//! A file's bytes over HTTP: whole or a range, with an entity tag that changes with the content.
//!
//! What people uploaded is never run: it comes as an attachment, in a sandbox, and as the type that
//! the server decided on.

use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::header::HeaderName;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::DateTime;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::auth::Visitor;
use crate::clock::Timestamp;
use crate::domain::address::SharedAddress;
use crate::domain::ids::ItemId;
use crate::domain::item::{FileVersion, content_tag};
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::graph::counting;
use crate::graph::site::Site;
use crate::service::drive::{Bytes, ask_for_bytes, check_bytes, show_bytes};
use crate::service::rights::{self, ToDownload, ToPreview};

/// How often a file is looked at that changes all the time.
const TRIES: usize = 5;

pub async fn by_link(
    visitor: Visitor,
    request: HttpRequest,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let address = SharedAddress::of_query(request.query_string()).ok_or(Error::ItemNotFound)?;
    at_rest(async || {
        let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
        let right = shared.to_download()?;
        let answer = send(&site, &request, &preconditions, &Content::Downloaded(&right)).await?;
        count(&site, &request, &answer, &right, shared.is_opened_by_owner(visitor.0.as_deref()));
        Ok(answer)
    })
    .await
}

pub async fn by_ticket(
    request: HttpRequest,
    ticket: web::Path<String>,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    at_rest(async || {
        let right = rights::open_ticket(site.service(), &ticket).await?;
        let answer = send(&site, &request, &preconditions, &Content::Downloaded(&right)).await?;
        count(&site, &request, &answer, &right, false);
        Ok(answer)
    })
    .await
}

/// An answer that is begun again where the file was changed between its being looked at and being read: others may
/// write what is not in the content store.
pub(super) async fn at_rest(answer: impl AsyncFn() -> Result<HttpResponse>) -> Result<HttpResponse> {
    for _ in 1..TRIES {
        match answer().await {
            Err(Error::ContentChanged) => {}
            answered => return answered,
        }
    }
    answer().await
}

/// What somebody has already is not downloaded again.
fn count(site: &Site, request: &HttpRequest, answer: &HttpResponse, right: &ToDownload, is_owner: bool) {
    if answer.status() != StatusCode::NOT_MODIFIED {
        counting::download(site, request, right, is_owner);
    }
}

/// What is sent, and by which right.
pub(super) enum Content<'a> {
    Downloaded(&'a ToDownload),
    Shown(&'a ToPreview),
}

impl Content<'_> {
    fn item(&self) -> ItemId {
        match self {
            Self::Downloaded(right) => right.item(),
            Self::Shown(right) => right.item(),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Downloaded(right) => right.name(),
            Self::Shown(right) => right.name(),
        }
    }

    fn file(&self) -> &FileVersion {
        match self {
            Self::Downloaded(right) => right.file(),
            Self::Shown(right) => right.file(),
        }
    }

    fn modified_at(&self) -> Timestamp {
        match self {
            Self::Downloaded(right) => right.modified_at(),
            Self::Shown(right) => right.modified_at(),
        }
    }
}

/// The content, or the range of it that is asked for, as an attachment.
pub(super) async fn send(
    site: &Site,
    request: &HttpRequest,
    preconditions: &Preconditions,
    right: &Content<'_>,
) -> Result<HttpResponse> {
    let file = right.file();
    let size = file.size.cast_unsigned();
    let etag = content_tag(right.item(), file.number);
    let is_seen = |tags: &Vec<String>| tags.iter().any(|tag| tag == "*" || *tag == etag);
    if preconditions.if_none_match.as_ref().is_some_and(is_seen) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    if preconditions.if_match.as_ref().is_some_and(|tags| !is_seen(tags)) {
        return Err(Error::ResourceModified);
    }
    // To the second: that is all that HTTP tells.
    let modified_at = right.modified_at().timestamp();
    let is_since = |name| date_of(request, name).is_some_and(|date| modified_at <= date);
    if preconditions.if_match.is_none()
        && date_of(request, header::IF_UNMODIFIED_SINCE).is_some()
        && !is_since(header::IF_UNMODIFIED_SINCE)
    {
        return Err(Error::ResourceModified);
    }
    if preconditions.if_none_match.is_none() && is_since(header::IF_MODIFIED_SINCE) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    let range = match wanted_range(request, &etag, modified_at, size) {
        Part::All => None,
        Part::Range(range) => Some(range),
        Part::Nothing => return Err(Error::InvalidRange { size }),
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
            right.modified_at().format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        ))
        .insert_header((header::CONTENT_TYPE, file.mime_type.as_str()))
        .insert_header((header::CONTENT_DISPOSITION, attachment(right.name())))
        .insert_header((header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"));
    if let Some(range) = &range {
        let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        response.insert_header((header::CONTENT_RANGE, part));
    }
    let range = range.unwrap_or(0..size);
    let length = range.end - range.start;
    if request.method() == Method::HEAD {
        check_bytes(site.service(), right.item(), file, range.start).await?;
        let nothing = futures_util::stream::empty::<Result<bytes::Bytes>>();
        return Ok(response.body(SizedStream::new(length, nothing)));
    }
    let bytes = match right {
        Content::Downloaded(right) => ask_for_bytes(site.service(), right, range).await?,
        Content::Shown(right) => Bytes::Here(show_bytes(site.service(), right, range).await?),
    };
    match bytes {
        Bytes::Here(bytes) => Ok(response.body(SizedStream::new(length, bytes))),
        Bytes::Elsewhere(url) => Ok(HttpResponse::Found().insert_header((header::LOCATION, url)).finish()),
    }
}

enum Part {
    All,
    Range(Range<u64>),
    /// A range that the content does not reach.
    Nothing,
}

/// The one range that is asked for (RFC 9110, section 14). Several ranges, other units and what can't
/// be read are as good as none, and so is a range of another version than the current one.
fn wanted_range(request: &HttpRequest, etag: &str, modified_at: i64, size: u64) -> Part {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_of_another = text(header::IF_RANGE).is_some_and(|seen| match date_of(request, header::IF_RANGE) {
        Some(date) => date != modified_at,
        None => seen != etag,
    });
    match text(header::RANGE) {
        Some(range) if !is_of_another => parse_range(range, size),
        _ => Part::All,
    }
}

/// Seconds of a header's date; none where it has none.
fn date_of(request: &HttpRequest, name: HeaderName) -> Option<i64> {
    let text = request.headers().get(name)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|date| date.timestamp())
}

fn parse_range(text: &str, size: u64) -> Part {
    let bytes = text.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = bytes.and_then(|(_, range)| range.split_once('-')) else {
        return Part::All;
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
        _ => return Part::All,
    };
    if range.is_empty() { Part::Nothing } else { Part::Range(range) }
}

/// RFC 6266: a plain name for old clients, the real one for all others.
pub(super) fn attachment(name: &str) -> String {
    disposition("attachment", name)
}

/// The same, for a page that shows it: what is saved from there has the name, too.
pub(super) fn disposition(kind: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse_range(text, 100) {
            Part::All => "all".to_owned(),
            Part::Range(range) => format!("{}-{}", range.start, range.end - 1),
            Part::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_range_is_read_as_http_says() {
        for (text, expected) in [
            ("bytes=0-9", "0-9"),
            ("Bytes=0-9", "0-9"),
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
