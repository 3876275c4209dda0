//! What can go wrong, and the code and status that clients get for it.
//!
//! An error has an outside (the code, status and message that a client reads, in Graph's words:
//! <https://learn.microsoft.com/graph/errors>) and, where the fault is ours, an inside that goes to the
//! log alone. How an error becomes bytes is the server's business.

use std::borrow::Cow;

use actix_web::http::StatusCode;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that ends a request early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The item, link or permission is not there, or the caller may not know that it is.
    #[error("The resource could not be found.")]
    ItemNotFound,
    #[error("No API is at this address.")]
    NoSuchApi,
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The caller is known and may know of the item, but not do this.
    #[error("{0}")]
    AccessDenied(Cow<'static, str>),
    /// Nobody may do this.
    #[error("{0}")]
    NotAllowed(&'static str),
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    #[error("{0}")]
    InvalidPath(Cow<'static, str>),
    #[error("The path would be longer than 400 characters.")]
    PathTooLong,
    /// Microsoft's API has it, Everlink does not.
    #[error("{0}")]
    NotSupported(&'static str),
    #[error("An item with this name is there already.")]
    NameAlreadyExists,
    #[error("The item has changed: its eTag does not match.")]
    ResourceModified,
    #[error("The entity tag is not a quoted string.")]
    MalformedEntityTag,
    #[error("The request's body is larger than {limit} bytes.")]
    PayloadTooLarge { limit: u64 },
    #[error("The range is not within the content's {size} bytes.")]
    InvalidRange { size: u64 },
    #[error("The token can't be served any more: start anew, without one.")]
    ResyncRequired,
    #[error("The upload session is not there, or has expired.")]
    UploadSessionNotFound,
    #[error("These bytes have been received already.")]
    FragmentOverlap,
    #[error("The bytes before these have not been received: ranges come in order.")]
    FragmentOutOfOrder,
    #[error("{0}")]
    FragmentLengthMismatch(&'static str),
    #[error("This method is not for this address.")]
    MethodNotAllowed,
    #[error("The request did not arrive in time.")]
    RequestTimeout,
    /// Others ask for it too, or the caller itself does at the moment.
    #[error("{0}")]
    TooBusy(&'static str),
    /// A part that Everlink needs, such as its database, does not answer.
    #[error("The service is not available at the moment.")]
    Unavailable(#[source] Cause),
    /// Our fault.
    #[error("There was an internal server error.")]
    Internal(#[source] Cause),
}

/// Why something failed, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Seconds after which a client is told to try again.
pub const RETRY_AFTER: &str = "2";

impl Error {
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidRequest(message.into())
    }

    /// Status, code and, where there is one, the more detailed inner code.
    fn row(&self) -> (StatusCode, &'static str, Option<&'static str>) {
        match self {
            Self::ItemNotFound => (StatusCode::NOT_FOUND, "itemNotFound", None),
            Self::NoSuchApi => (StatusCode::NOT_FOUND, "itemNotFound", None),
            Self::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", None),
            Self::AccessDenied(_) => (StatusCode::FORBIDDEN, "accessDenied", None),
            Self::NotAllowed(_) => (StatusCode::FORBIDDEN, "notAllowed", None),
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalidRequest", None),
            Self::InvalidPath(_) => (StatusCode::BAD_REQUEST, "invalidRequest", Some("invalidPath")),
            Self::PathTooLong => (StatusCode::BAD_REQUEST, "invalidRequest", Some("pathIsTooLong")),
            Self::TooBusy(_) => (StatusCode::TOO_MANY_REQUESTS, "activityLimitReached", None),
            Self::NotSupported(_) => (StatusCode::BAD_REQUEST, "notSupported", None),
            Self::NameAlreadyExists => (StatusCode::CONFLICT, "nameAlreadyExists", None),
            Self::ResourceModified => {
                (StatusCode::PRECONDITION_FAILED, "resourceModified", Some("entityTagDoesNotMatch"))
            }
            Self::MalformedEntityTag => {
                (StatusCode::BAD_REQUEST, "invalidRequest", Some("malformedEntityTag"))
            }
            Self::PayloadTooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "invalidRequest", Some("maxStreamSizeExceeded"))
            }
            Self::InvalidRange { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", None),
            Self::ResyncRequired => (StatusCode::GONE, "resyncRequired", None),
            Self::UploadSessionNotFound => {
                (StatusCode::NOT_FOUND, "itemNotFound", Some("uploadSessionNotFound"))
            }
            Self::FragmentOverlap => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", Some("fragmentOverlap"))
            }
            Self::FragmentOutOfOrder => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", Some("fragmentOutOfOrder"))
            }
            Self::FragmentLengthMismatch(_) => {
                (StatusCode::BAD_REQUEST, "invalidRequest", Some("fragmentLengthMismatch"))
            }
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "notAllowed", None),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "invalidRequest", None),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", None),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "generalException", None),
        }
    }

    pub fn status(&self) -> StatusCode {
        self.row().0
    }

    pub fn code(&self) -> &'static str {
        self.row().1
    }

    pub fn inner_code(&self) -> Option<&'static str> {
        self.row().2
    }

    /// The chain of causes behind a failure of ours; none for a client's mistake.
    pub fn inside(&self) -> Option<String> {
        let (Self::Unavailable(cause) | Self::Internal(cause)) = self else { return None };
        let mut text = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        Some(text)
    }
}

/// Lets handlers return it with `?`. The body is written where the request's ids are known.
impl actix_web::ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> actix_web::HttpResponse {
        actix_web::HttpResponse::new(self.status())
    }
}
