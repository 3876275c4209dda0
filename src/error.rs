//! What can go wrong.
//!
//! An error has an outside, the message that a client reads, and, where the fault is ours, an inside that goes to
//! the log alone. Which status and code it has over HTTP is told in `graph::errors`.

use std::borrow::Cow;

use crate::domain::grant::LacksScope;
use crate::domain::item::{HasNoContent, InNoFolder};
use crate::domain::name::BadName;

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
    /// The link is for an organization's members, which this is the name of.
    #[error("The link is for signed-in members of its owner's organization.")]
    ForOrganization(String),
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
    /// An option of the query that Microsoft's API has, and Everlink does not: what it would leave out or sort is asked
    /// for all the same, so it is never passed over.
    #[error("The option {0} is not supported.")]
    OptionNotSupported(String),
    #[error("An item with this name is there already.")]
    NameAlreadyExists,
    #[error("The drive has no room for it: its quota is reached.")]
    QuotaLimitReached,
    #[error("The item has changed: its eTag does not match.")]
    ResourceModified,
    #[error("The entity tag is not a quoted string.")]
    MalformedEntityTag,
    #[error("The request's body is larger than {limit} bytes.")]
    PayloadTooLarge { limit: u64 },
    /// The body is coded in a way that is not taken here. `taken` is what is, for `Accept-Encoding`.
    #[error("A body with this Content-Encoding is not taken here.")]
    UnsupportedEncoding { taken: &'static str },
    #[error("The range is not within the content's {size} bytes.")]
    InvalidRange { size: u64 },
    #[error("The token can't be served any more: start anew, without one.")]
    ResyncRequired {
        /// Where to start anew; empty where that is not known yet.
        start: String,
    },
    #[error("This download URL has expired: ask for the item again, or open the link.")]
    DownloadUrlExpired,
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
    /// The same source asked for something too often.
    #[error("Too many requests: wait for {seconds} seconds.")]
    TooOften { seconds: u64 },
    /// A part that Everlink needs, such as its database, does not answer.
    #[error("The service is not available at the moment.")]
    Unavailable(#[source] Cause),
    /// The disk that keeps what is written is full, be it the database's or that of the bytes.
    #[error("The server has no room left to keep it.")]
    StorageFull(#[source] Cause),
    /// The content store lost a content that it had, or part of it.
    #[error("The file's content is damaged, or lost.")]
    ContentDamaged(#[source] Cause),
    /// A content that is outside of the content store is not there at the moment.
    #[error("The file is not there any more: it was taken away from where it is kept.")]
    ContentGone,
    /// A content that is outside of the content store has other bytes by now.
    #[error("This content is not there any more: the file was changed where it is kept.")]
    ContentChanged,
    /// Our fault.
    #[error("There was an internal server error.")]
    Internal(#[source] Cause),
}

/// Why something failed, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

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

    /// Names the step that failed, where the fault is ours: for the log. The innermost name counts.
    pub fn in_step(self, step: &'static str) -> Self {
        let named = |cause: Cause| -> Cause {
            if cause.is::<FailedStep>() { cause } else { Box::new(FailedStep { step, cause }) }
        };
        match self {
            Self::Unavailable(cause) => Self::Unavailable(named(cause)),
            Self::StorageFull(cause) => Self::StorageFull(named(cause)),
            Self::ContentDamaged(cause) => Self::ContentDamaged(named(cause)),
            Self::Internal(cause) => Self::Internal(named(cause)),
            error => error,
        }
    }

    /// Whether it is the fault of a part that Everlink needs, and of no request.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::StorageFull(_))
    }

    /// The same, for another who waits for the same.
    pub fn for_another(&self) -> Self {
        let cause = Cause::from(self.inside().unwrap_or_default());
        if matches!(self, Self::StorageFull(_)) { Self::StorageFull(cause) } else { Self::Unavailable(cause) }
    }

    fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable(cause)
            | Self::StorageFull(cause)
            | Self::ContentDamaged(cause)
            | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// The cause of a failure of ours, if it is, or comes from, one of this type.
    pub fn caused_by<C: std::error::Error + 'static>(&self) -> Option<&C> {
        find_cause(&**self.cause()?)
    }

    /// The chain of causes behind a failure of ours; none for a client's mistake.
    pub fn inside(&self) -> Option<String> {
        let cause = self.cause()?;
        let mut text = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            // Some errors tell their cause's text as part of their own.
            let inner = cause.to_string();
            if !text.contains(&inner) {
                text.push_str(": ");
                text.push_str(&inner);
            }
            next = cause.source();
        }
        Some(text)
    }
}

/// The error itself or what it comes from, if that is of this type.
pub fn find_cause<'e, C: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e C> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// A step that failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed")]
struct FailedStep {
    step: &'static str,
    #[source]
    cause: Cause,
}

impl From<BadName> for Error {
    fn from(bad: BadName) -> Self {
        match bad {
            BadName::PathTooLong => Self::PathTooLong,
            bad => Self::InvalidPath(bad.to_string().into()),
        }
    }
}

impl From<LacksScope> for Error {
    fn from(lacks: LacksScope) -> Self {
        Self::AccessDenied(lacks.to_string().into())
    }
}

impl From<InNoFolder> for Error {
    fn from(_: InNoFolder) -> Self {
        Self::NotAllowed(InNoFolder::TEXT)
    }
}

impl From<HasNoContent> for Error {
    fn from(has_none: HasNoContent) -> Self {
        Self::InvalidRequest(has_none.to_string().into())
    }
}
