//! Reads requests' bodies, never more than allowed and never for ever.

use std::future::{Ready, ready};
use std::io::{self, Read};
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE};
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{Error, Result};
use crate::limits::{JSON_BODY, Limits};

/// A JSON object of at most `LIMIT` bytes. An empty body is an empty object where every member may be
/// missing.
pub struct JsonBody<T, const LIMIT: usize = JSON_BODY>(pub T);

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for JsonBody<T, LIMIT> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Unread::of(request, payload);
        Box::pin(async move { Ok(Self(parse_object(&body?.read(LIMIT).await?)?)) })
    }
}

/// A small body that nothing was read of yet.
pub struct Unread {
    payload: Payload,
    is_gzip: bool,
    stall: Duration,
    declared: Option<u64>,
}

impl Unread {
    fn of(request: &HttpRequest, payload: &mut Payload) -> Result<Self> {
        let stall = limits(request)?.stall;
        let is_gzip = match coding(request) {
            None => false,
            Some(coding) if matches!(&*coding, "gzip" | "x-gzip") => true,
            Some(_) => return Err(Error::UnsupportedEncoding { taken: "gzip, identity" }),
        };
        Ok(Self { payload: payload.take(), is_gzip, stall, declared: declared_length(request) })
    }

    /// All of it, where it is no longer than `limit` bytes and comes in time.
    pub async fn read(self, limit: usize) -> Result<Bytes> {
        if self.declared.is_some_and(|length| length > limit as u64) {
            return Err(Error::PayloadTooLarge { limit: limit as u64 });
        }
        let reading = read_all(self.payload, limit);
        let body = tokio::time::timeout(self.stall, reading).await.map_err(|_| Error::RequestTimeout)??;
        if self.is_gzip { unzip(&body, limit) } else { Ok(body) }
    }
}

impl FromRequest for Unread {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Self::of(request, payload))
    }
}

/// The body of which this is the gzip, where that is no longer than `limit` bytes: a small one may be the gzip of a
/// very large one.
fn unzip(coded: &[u8], limit: usize) -> Result<Bytes> {
    let mut body = Vec::new();
    let read = GzDecoder::new(coded).take(limit as u64 + 1).read_to_end(&mut body);
    read.map_err(|_| Error::invalid_request("The request's body is no gzip, as its Content-Encoding says."))?;
    if body.len() > limit { Err(Error::PayloadTooLarge { limit: limit as u64 }) } else { Ok(body.into()) }
}

/// How the body is coded; none where it is as it is.
fn coding(request: &HttpRequest) -> Option<String> {
    let coding = request.headers().get(CONTENT_ENCODING)?;
    let coding =
        coding.to_str().map_or_else(|_| "unreadable".to_owned(), |text| text.trim().to_ascii_lowercase());
    (!coding.is_empty() && coding != "identity").then_some(coding)
}

/// Refuses a body that is coded, where it is to be kept: what is kept are never other bytes than were meant.
pub fn check_is_plain(request: &HttpRequest) -> Result<()> {
    match coding(request) {
        None => Ok(()),
        Some(_) => Err(Error::UnsupportedEncoding { taken: "identity" }),
    }
}

pub fn limits(request: &HttpRequest) -> Result<Limits> {
    let app = request.app_data::<web::Data<App>>();
    app.map(|app| app.service.limits).ok_or_else(|| Error::internal("the app is not there"))
}

fn declared_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

async fn read_all(mut payload: Payload, limit: usize) -> Result<Bytes> {
    let mut all = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(broken)?;
        if all.len() + chunk.len() > limit {
            return Err(Error::PayloadTooLarge { limit: limit as u64 });
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

pub fn parse_object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    // A mark that editors and serializers of Windows put before UTF-8.
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
    if text.is_empty() {
        return serde_json::from_slice(b"{}")
            .map_err(|_| Error::invalid_request("The request's body is missing."));
    }
    // A list of values would do for a structure, too.
    if !text.starts_with(b"{") {
        return Err(Error::invalid_request("The request's body is not a JSON object."));
    }
    serde_json::from_slice(text)
        .map_err(|error| Error::invalid_request(format!("The request's body is not as expected: {error}.")))
}

/// Bytes that are uploaded.
pub struct UploadBody {
    payload: Payload,
    limits: Limits,
    declared: Option<u64>,
    is_partial: bool,
}

impl FromRequest for UploadBody {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(check_is_plain(request).and_then(|()| limits(request)).map(|limits| Self {
            payload: payload.take(),
            limits,
            declared: declared_length(request),
            is_partial: request.headers().contains_key(CONTENT_RANGE),
        }))
    }
}

impl UploadBody {
    /// How many bytes there are, where the client says.
    pub fn declared_length(&self) -> Option<u64> {
        self.declared.filter(|length| *length <= self.limits.upload)
    }

    /// How many bytes there are, at most.
    pub fn size_limit(&self) -> u64 {
        self.declared.unwrap_or(self.limits.upload)
    }

    /// The bytes as they come. Ends with an error where the client stops sending.
    pub fn into_stream(self) -> Result<impl Stream<Item = Result<Bytes>> + Unpin> {
        if self.declared.is_some_and(|length| length > self.limits.upload) {
            return Err(Error::PayloadTooLarge { limit: self.limits.upload });
        }
        if self.is_partial {
            return Err(Error::invalid_request(
                "Content-Range is for upload sessions: a file is uploaded whole here.",
            ));
        }
        Ok(self.into_range())
    }

    /// As [`Self::into_stream`], for a range of a file: it is for whoever takes it to limit it.
    pub fn into_range(self) -> impl Stream<Item = Result<Bytes>> + Unpin {
        paced(self.payload, self.limits).map_err(broken).boxed_local()
    }
}

/// What a client sends, as long as it keeps up the pace: it breaks off where the next [`Limits::pace`] bytes are
/// longer under way than [`Limits::stall`]. Only the client's time counts, not what is done with the bytes.
pub fn paced(payload: Payload, limits: Limits) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let start = (payload, limits.stall, limits.pace);
    futures_util::stream::unfold(start, move |(mut payload, left, due)| async move {
        let asked = Instant::now();
        let Ok(chunk) = tokio::time::timeout(left, payload.next()).await else {
            let late = io::Error::from(io::ErrorKind::TimedOut);
            return Some((Err(PayloadError::Io(late)), (payload, Duration::ZERO, due)));
        };
        let chunk = chunk?;
        let length = chunk.as_ref().map_or(0, Bytes::len);
        let next = match due.checked_sub(length).filter(|due| *due > 0) {
            Some(due) => (payload, left.saturating_sub(asked.elapsed()), due),
            None => (payload, limits.stall, limits.pace),
        };
        Some((chunk, next))
    })
    .fuse()
}

/// Why a body could not be read to its end.
pub fn broken(error: PayloadError) -> Error {
    match error {
        PayloadError::Io(late) if late.kind() == io::ErrorKind::TimedOut => Error::RequestTimeout,
        error => Error::invalid_request(format!("The request's body broke off: {error}.")),
    }
}
