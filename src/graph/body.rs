//! Reads requests' bodies, never more than allowed and never for ever.

use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{Error, Result};

/// Bytes of a JSON body where no more is said.
pub const SMALL: usize = 16 * 1024;

/// A JSON object of at most `LIMIT` bytes. An empty body is an empty object where every member may be
/// missing.
pub struct JsonBody<T, const LIMIT: usize = SMALL>(pub T);

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for JsonBody<T, LIMIT> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limits = request.app_data::<web::Data<App>>().map(|app| app.limits);
        let payload = payload.take();
        Box::pin(async move {
            let limits = limits.ok_or_else(|| Error::internal("the app is not there"))?;
            let reading = read_all(payload, LIMIT);
            let bytes =
                tokio::time::timeout(limits.stall, reading).await.map_err(|_| Error::RequestTimeout)??;
            parse_object(&bytes).map(Self)
        })
    }
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

pub fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let text = bytes.trim_ascii();
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
    stall: Duration,
    limit: u64,
    declared: Option<u64>,
    is_partial: bool,
}

impl FromRequest for UploadBody {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(app) = request.app_data::<web::Data<App>>() else {
            return std::future::ready(Err(Error::internal("the app is not there")));
        };
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        std::future::ready(Ok(Self {
            payload: payload.take(),
            stall: app.limits.stall,
            limit: app.limits.upload,
            declared: length,
            is_partial: request.headers().contains_key(CONTENT_RANGE),
        }))
    }
}

impl UploadBody {
    /// The bytes as they come. Ends with an error where the client stops sending.
    pub fn into_stream(self) -> Result<impl Stream<Item = Result<Bytes>> + Unpin> {
        if self.declared.is_some_and(|length| length > self.limit) {
            return Err(Error::PayloadTooLarge { limit: self.limit });
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
        let stall = self.stall;
        let stream = futures_util::stream::unfold(self.payload, move |mut payload| async move {
            match tokio::time::timeout(stall, payload.next()).await {
                Ok(chunk) => Some((chunk?.map_err(broken), payload)),
                Err(_) => Some((Err(Error::RequestTimeout), payload)),
            }
        });
        stream.boxed_local()
    }
}

fn broken(error: PayloadError) -> Error {
    Error::invalid_request(format!("The request's body broke off: {error}."))
}
