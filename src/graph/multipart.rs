//! Uploads of 2015: `POST children` with a file's metadata and its content as two parts of one body.
//! <https://learn.microsoft.com/onedrive/developer/rest-api/api/driveitem_put_content#multipart-upload>

use std::future::{Ready, ready};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::guard::GuardContext;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use bytes::BytesMut;
use futures_util::stream::TryStreamExt;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::graph::body::{broken, check_is_plain, limits, paced, parse_object};
use crate::graph::content::uploaded;
use crate::graph::errors::ErrorBody;
use crate::graph::params::{ById, TABLE};
use crate::graph::query::parse_conflict;
use crate::graph::site::Site;
use crate::graph::wire::{self, DriveItem};
use crate::limits::JSON_BODY;
use crate::service::drive::{self, Upload};
use crate::service::rights;

/// A body of several parts.
pub struct Related(pub Multipart);

impl FromRequest for Related {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limits = match check_is_plain(request).and_then(|()| limits(request)) {
            Ok(limits) => limits,
            Err(error) => return ready(Err(error)),
        };
        ready(Ok(Self(Multipart::new(request.headers(), paced(payload.take(), limits)))))
    }
}

/// Whether a request is a POST whose body has several parts. The method is asked here, so that it
/// stands once among those that the address allows.
pub fn is_related_post(context: &GuardContext<'_>) -> bool {
    let content_type = context.head().headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_related =
        content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("multipart/"));
    is_related && context.head().method == Method::POST
}

/// The first part.
#[derive(Deserialize)]
struct NewFile {
    name: String,
    /// `cid:` and the content part's `Content-ID`.
    #[serde(rename = "@content.sourceUrl")]
    source: Option<String>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

/// Metadata and content of a new file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct RelatedParts {
    /// JSON: name, file, `@content.sourceUrl` with `cid:` and the other part's `Content-ID`.
    metadata: String,
    #[schema(format = Binary)]
    content: String,
}

/// Makes a file of its metadata and its content.
#[utoipa::path(post, path = TABLE, params(ById),
    request_body(content = RelatedParts, content_type = "multipart/related"),
    responses((status = 201, description = "Made", body = DriveItem), ErrorBody))]
pub async fn create_file(
    granted: Granted<FilesReadWrite>,
    parent: ItemAddress,
    preconditions: Preconditions,
    body: Related,
    site: Site,
) -> Result<HttpResponse> {
    let mut parts = body.0;
    let metadata = read_small(next_part(&mut parts).await?).await?;
    let file: NewFile = parse_object(&metadata)?;
    let path = ItemPath::default().child(Name::parse(&file.name)?);
    let conflict = file.conflict.as_deref().map_or(Ok(Conflict::Fail), parse_conflict)?;
    let base = rights::manage(site.service(), &granted, &parent).await?;
    drive::check_target(base.item(), &path)?;
    let content = next_part(&mut parts).await?;
    if file.source.as_deref().and_then(|source| source.strip_prefix("cid:")) != content_id(&content) {
        return Err(Error::invalid_request(
            "The second part is not the content that @content.sourceUrl names.",
        ));
    }
    let to = base.to_write(site.service()).await?;
    let target = Upload { to: &to, path: &path, conflict, preconditions: &preconditions };
    let limit = site.service().limits.upload;
    let (item, is_new) = drive::upload(site.service(), &target, limit, content.map_err(unreadable)).await?;
    Ok(uploaded(is_new).json(wire::managed_item(&site, &base.to_read(), &item).with_context(&site)))
}

async fn next_part(parts: &mut Multipart) -> Result<Field> {
    let part = parts.try_next().await.map_err(unreadable)?;
    part.ok_or_else(|| Error::invalid_request("The body has not two parts, metadata and content."))
}

/// The text of a small part.
pub async fn read_small(mut part: Field) -> Result<BytesMut> {
    let mut all = BytesMut::new();
    while let Some(chunk) = part.try_next().await.map_err(unreadable)? {
        if all.len() + chunk.len() > JSON_BODY {
            return Err(Error::PayloadTooLarge { limit: JSON_BODY as u64 });
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// A part's `Content-ID`, without its brackets.
fn content_id(part: &Field) -> Option<&str> {
    let id = part.headers().get(HeaderName::from_static("content-id"))?.to_str().ok()?;
    Some(id.trim().trim_start_matches('<').trim_end_matches('>'))
}

/// Why a body of several parts could not be read.
pub fn unreadable(error: MultipartError) -> Error {
    match error {
        MultipartError::Payload(error) => broken(error),
        error => Error::invalid_request(format!("The request's body can't be read: {error}.")),
    }
}
