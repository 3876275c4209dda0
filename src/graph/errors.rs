//! An error over HTTP: its status, its codes and its body, in Graph's words and shape.
//! <https://learn.microsoft.com/graph/errors>

use std::borrow::Cow;
use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::clock::Timestamp;
use crate::error::Error;
use crate::graph::wire::time;
use crate::telemetry::RequestIds;

/// Seconds after which a client is told to try again.
pub const RETRY_AFTER: &str = "2";

/// Status, code and, where there is one, the more detailed inner code.
fn row(error: &Error) -> (StatusCode, &'static str, Option<&'static str>) {
    match error {
        Error::ItemNotFound => (StatusCode::NOT_FOUND, "itemNotFound", None),
        Error::NoSuchApi => (StatusCode::NOT_FOUND, "itemNotFound", None),
        Error::Unauthenticated(_) | Error::ForOrganization(_) => {
            (StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", None)
        }
        Error::AccessDenied(_) => (StatusCode::FORBIDDEN, "accessDenied", None),
        Error::NotAllowed(_) => (StatusCode::FORBIDDEN, "notAllowed", None),
        Error::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalidRequest", None),
        Error::InvalidPath(_) => (StatusCode::BAD_REQUEST, "invalidRequest", Some("invalidPath")),
        Error::PathTooLong => (StatusCode::BAD_REQUEST, "invalidRequest", Some("pathIsTooLong")),
        Error::TooBusy(_) | Error::TooOften { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "activityLimitReached", None)
        }
        Error::OptionNotSupported(_) => (StatusCode::BAD_REQUEST, "invalidRequest", Some("notSupported")),
        Error::NotSupported(_) => (StatusCode::BAD_REQUEST, "notSupported", None),
        Error::QuotaLimitReached => (StatusCode::INSUFFICIENT_STORAGE, "quotaLimitReached", None),
        Error::NameAlreadyExists => (StatusCode::CONFLICT, "nameAlreadyExists", None),
        Error::ResourceModified => {
            (StatusCode::PRECONDITION_FAILED, "resourceModified", Some("entityTagDoesNotMatch"))
        }
        Error::MalformedEntityTag => (StatusCode::BAD_REQUEST, "invalidRequest", Some("malformedEntityTag")),
        Error::PayloadTooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "invalidRequest", Some("maxStreamSizeExceeded"))
        }
        Error::UnsupportedEncoding { .. } => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalidRequest", Some("unsupportedContentEncoding"))
        }
        Error::DownloadUrlExpired => (StatusCode::FORBIDDEN, "accessDenied", Some("downloadUrlExpired")),
        Error::InvalidRange { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", None),
        Error::ResyncRequired { .. } => {
            (StatusCode::GONE, "resyncRequired", Some("resyncChangesApplyDifferences"))
        }
        Error::UploadSessionNotFound => {
            (StatusCode::NOT_FOUND, "itemNotFound", Some("uploadSessionNotFound"))
        }
        Error::FragmentOverlap => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", Some("fragmentOverlap"))
        }
        Error::FragmentOutOfOrder => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", Some("fragmentOutOfOrder"))
        }
        Error::FragmentLengthMismatch(_) => {
            (StatusCode::BAD_REQUEST, "invalidRequest", Some("fragmentLengthMismatch"))
        }
        Error::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "notAllowed", None),
        Error::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "invalidRequest", None),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", None),
        Error::StorageFull(_) => {
            (StatusCode::INSUFFICIENT_STORAGE, "quotaLimitReached", Some("storageIsFull"))
        }
        Error::ContentGone => (StatusCode::NOT_FOUND, "itemNotFound", Some("contentGone")),
        Error::ContentChanged => (StatusCode::NOT_FOUND, "itemNotFound", Some("contentChanged")),
        Error::ContentDamaged(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "generalException", Some("contentDamaged"))
        }
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "generalException", None),
    }
}

pub fn status(error: &Error) -> StatusCode {
    row(error).0
}

/// Lets handlers return it with `?`. The body is written where the request's ids are known.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status(self)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(status(self))
    }
}

#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    error: OuterError,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OuterError {
    code: Cow<'static, str>,
    message: String,
    inner_error: InnerError,
}

#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
struct InnerError {
    code: Option<&'static str>,
    date: String,
    #[serde(rename = "request-id")]
    request_id: String,
    #[serde(rename = "client-request-id")]
    client_request_id: String,
}

/// Marks an answer that is an error of another shape than Graph's: it is sent as it is.
pub struct OfOtherShape;

/// The answer of every operation that does not succeed.
impl IntoResponses for ErrorBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        let response = ResponseBuilder::new()
            .description("What went wrong: `code` for programs, `message` for people")
            .content("application/json", body);
        let response: RefOr<Response> = response.build().into();
        BTreeMap::from([("4XX".to_owned(), response.clone()), ("default".to_owned(), response)])
    }
}

pub fn answer(error: &Error, ids: Option<&RequestIds>, now: Timestamp) -> HttpResponse {
    let (status, code, inner_code) = row(error);
    HttpResponse::build(status).json(ErrorBody::of(code, inner_code, error.to_string(), ids, now))
}

impl ErrorBody {
    pub fn of(
        code: impl Into<Cow<'static, str>>,
        inner_code: Option<&'static str>,
        message: String,
        ids: Option<&RequestIds>,
        now: Timestamp,
    ) -> Self {
        let request_id = ids.map(|ids| ids.request.to_string()).unwrap_or_default();
        let client_request_id = ids.and_then(|ids| ids.client.clone()).unwrap_or_else(|| request_id.clone());
        let inner_error = InnerError { code: inner_code, date: time(now), request_id, client_request_id };
        Self { error: OuterError { code: code.into(), message, inner_error } }
    }
}
