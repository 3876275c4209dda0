//! A file's bytes, in one request.

use actix_web::HttpResponse;
use actix_web::http::header;
use utoipa::IntoResponses;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesRead, FilesReadWrite, Granted};
use crate::domain::item::HasNoContent;
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::Result;
use crate::graph::address::split_target;
use crate::graph::body::UploadBody;
use crate::graph::errors::ErrorBody;
use crate::graph::params::{ById, FileBytes, IfMatch, IfNoneMatch, OnConflict, Select, TABLE};
use crate::graph::query::{NotModified, Query, not_modified};
use crate::graph::site::Site;
use crate::graph::wire::{self, DriveItem};
use crate::service::drive::{self, Upload};
use crate::service::rights;

/// Downloads a file.
///
/// Answers 302; `Location` is a URL of the bytes that needs no token. Browsers follow it by themselves.
#[utoipa::path(get, path = TABLE, params(ById, IfNoneMatch), responses(Redirect, NotModified, ErrorBody))]
pub async fn download_content(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    _query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let file = rights::manage(site.service(), &granted, &address).await?;
    if let Some(answer) = not_modified(&preconditions, file.item()) {
        return Ok(answer);
    }
    redirect(wire::download_url(&site, &file.to_read(), file.item()))
}

/// What the document tells of an answer that leads to bytes.
#[derive(IntoResponses)]
#[response(
    status = 302,
    description = "`Location` is the URL of the bytes",
    headers(("Location" = String, description = "Good for a while, without a token"))
)]
pub struct Redirect;

/// Sends the client to a URL that needs no token; a folder has none.
pub fn redirect(url: Option<String>) -> Result<HttpResponse> {
    let url = url.ok_or(HasNoContent)?;
    Ok(HttpResponse::Found().insert_header((header::LOCATION, url)).finish())
}

/// Uploads a file in one request, up to 250 MB.
///
/// Makes the file (201) or gives it a new version (200). By path, the folders above are made too. Send larger files by
/// `createUploadSession`.
#[utoipa::path(put, path = TABLE, params(ById, OnConflict, IfMatch, IfNoneMatch, Select),
    request_body(content = inline(FileBytes), content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The file with its new version", body = DriveItem),
        (status = 201, description = "The new file", body = DriveItem),
        ErrorBody
    ))]
pub async fn upload_content(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    body: UploadBody,
    site: Site,
) -> Result<HttpResponse> {
    let conflict = query.conflict(Conflict::Replace)?;
    let (base, path) = split_target(&address);
    let base = rights::manage(site.service(), &granted, &base).await?;
    let to = base.to_write(site.service()).await?;
    drive::check_target(base.item(), &path)?;
    if let Some(length) = body.declared_length().filter(|length| *length > drive::READ_AT_ONCE) {
        drive::check_room(site.service(), &to, &path, length).await?;
    }
    let target = Upload { to: &to, path: &path, conflict, preconditions: &preconditions };
    let limit = body.size_limit();
    let (item, is_new) = drive::upload(site.service(), &target, limit, body.into_stream()?).await?;
    let item = wire::managed_item(&site, &base.to_read(), &item).with_context(&site);
    Ok(uploaded(is_new).json(query.shape(item)?))
}

pub fn uploaded(is_new: bool) -> actix_web::HttpResponseBuilder {
    if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }
}
