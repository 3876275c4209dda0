//! Upload sessions: a file in ranges, over many requests.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::locate;
use crate::auth::{Granted, Visitor};
use crate::domain::address::{ItemAddress, SharedAddress};
use crate::domain::item::Item;
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::scope::FilesReadWrite;
use crate::domain::upload::{Conflict, ContentRange, UploadSession};
use crate::drive::{self, Author, ClientTimes, Received, Upload};
use crate::error::{Error, Result};
use crate::graph::body::{JsonBody, UploadBody};
use crate::graph::errors::ErrorBody;
use crate::graph::items::{FileSystemInfo, split_target, uploaded};
use crate::graph::openapi::InDrive;
use crate::graph::query::parse_conflict;
use crate::graph::shares::{Writable, open_to_write};
use crate::graph::site::Site;
use crate::graph::wire::{self, DriveItem, time};

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSession {
    item: Option<UploadedItem>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
    defer_commit: Option<bool>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadedItem {
    name: Option<String>,
    file_system_info: Option<FileSystemInfo>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_url: Option<String>,
    expiration_date_time: String,
    #[schema(value_type = Vec<String>)]
    next_expected_ranges: [String; 1],
}

impl SessionBody {
    /// How far a session is: one range, closed once the total is known.
    fn of(session: &UploadSession) -> Self {
        let range = match session.total {
            Some(total) => format!("{}-{}", session.received, total - 1),
            None => format!("{}-", session.received),
        };
        Self {
            context: None,
            upload_url: None,
            expiration_date_time: time(session.expires_at),
            next_expected_ranges: [range],
        }
    }
}

/// What a new session is asked for.
struct Wanted {
    path: ItemPath,
    conflict: Conflict,
    times: ClientTimes,
}

impl NewSession {
    /// `path` is the address's. A folder's own address may have the file's name in the body.
    fn wanted(&self, base: &Item, path: ItemPath) -> Result<Wanted> {
        if self.defer_commit == Some(true) {
            return Err(Error::NotSupported(
                "A file is committed with its last range: deferCommit is not supported.",
            ));
        }
        let item = self.item.as_ref();
        let conflict = item.and_then(|item| item.conflict.as_ref()).or(self.conflict.as_ref());
        let path = match item.and_then(|item| item.name.as_ref()) {
            Some(name) if path.is_empty() && base.file().is_none() => path.child(Name::parse(name)?),
            _ => path,
        };
        let info = item.and_then(|item| item.file_system_info.as_ref());
        Ok(Wanted {
            path,
            conflict: conflict.map_or(Ok(Conflict::Fail), |behavior| parse_conflict(behavior))?,
            times: ClientTimes {
                created_at: info.and_then(|info| info.created_date_time),
                modified_at: info.and_then(|info| info.last_modified_date_time),
            },
        })
    }
}

fn created(site: &Site, session: &UploadSession) -> HttpResponse {
    let upload_url = format!("{}/upload/{}", site.url, site.keys.sign_upload(session.id));
    HttpResponse::Ok().json(SessionBody {
        context: Some(wire::context(site, "microsoft.graph.uploadSession")),
        upload_url: Some(upload_url),
        ..SessionBody::of(session)
    })
}

/// Begins an upload in ranges.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/createUploadSession", tag = "Upload sessions", operation_id = "uploads_create", params(InDrive), request_body = NewSession, responses((status = 200, description = "Done", body = SessionBody), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn create(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    body: JsonBody<NewSession>,
    site: Site,
) -> Result<HttpResponse> {
    let (base, path) = split_target(&address);
    let base = locate(&site, &granted.caller, &base).await?;
    let wanted = body.0.wanted(&base, path)?;
    let author = Author::of(&site, &granted.caller).await?;
    let target = Upload {
        base: base.id,
        path: &wanted.path,
        conflict: wanted.conflict,
        preconditions: &preconditions,
        author: &author,
        through: None,
    };
    Ok(created(&site, &drive::create_upload_session(&site, &base, &target, wanted.times).await?))
}

/// Begins an upload in ranges with an edit link.
#[utoipa::path(post, path = "/v1.0/shares/{share_id}/driveItem/createUploadSession", tag = "Upload sessions", operation_id = "uploads_create_by_link", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$")), request_body = NewSession, responses((status = 200, description = "Done", body = SessionBody), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn create_by_link(
    visitor: Visitor,
    address: SharedAddress,
    preconditions: Preconditions,
    body: JsonBody<NewSession>,
    site: Site,
) -> Result<HttpResponse> {
    let Writable { opened, path, author, through } = open_to_write(&site, &visitor, address).await?;
    let wanted = body.0.wanted(&opened.item, path)?;
    let target = Upload {
        base: opened.item.id,
        path: &wanted.path,
        conflict: wanted.conflict,
        preconditions: &preconditions,
        author: &author,
        through: Some(through),
    };
    Ok(created(&site, &drive::create_upload_session(&site, &opened.item, &target, wanted.times).await?))
}

// A session's URL is its own permission: it takes no token, and ignores one that comes along.

/// Takes the next range of an upload.
#[utoipa::path(put, path = "/upload/{secret}", tag = "Upload sessions", operation_id = "uploads_put_range", params(("secret" = String, Path, pattern = "^[A-Za-z0-9_-]{55}$"), ("Content-Range" = String, Header, description = "bytes FIRST-LAST/TOTAL")), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, description = "Done", body = DriveItem), (status = 201, description = "Made", body = DriveItem), (status = 202, description = "Under way", body = SessionBody), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn put_range(
    secret: web::Path<String>,
    request: HttpRequest,
    body: UploadBody,
    site: Site,
) -> Result<HttpResponse> {
    let range = request.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = range.and_then(ContentRange::parse) else {
        // A session that is not there is told first: its client is to begin anew.
        drive::get_upload_session(&site, &secret).await?;
        return Err(Error::invalid_request("Content-Range is not of the form «bytes FIRST-LAST/TOTAL»."));
    };
    match drive::receive_range(&site, &secret, range, body.into_range()).await? {
        Received::More(session) => Ok(HttpResponse::Accepted().json(SessionBody::of(&session))),
        Received::All { placed, is_new, by_link } => {
            let item = match by_link {
                true => wire::uploaded_item(&site, &placed.item),
                false => wire::managed_item(&site, &placed),
            };
            Ok(uploaded(is_new).json(item.with_context(&site)))
        }
    }
}

/// How far an upload has come.
#[utoipa::path(get, path = "/upload/{secret}", tag = "Upload sessions", operation_id = "uploads_status", params(("secret" = String, Path, pattern = "^[A-Za-z0-9_-]{55}$")), responses((status = 200, description = "Done", body = SessionBody), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn status(secret: web::Path<String>, site: Site) -> Result<HttpResponse> {
    let session = drive::get_upload_session(&site, &secret).await?;
    Ok(HttpResponse::Ok().json(SessionBody::of(&session)))
}

/// Gives an upload up.
#[utoipa::path(delete, path = "/upload/{secret}", tag = "Upload sessions", operation_id = "uploads_cancel", params(("secret" = String, Path, pattern = "^[A-Za-z0-9_-]{55}$")), responses((status = 204, description = "Done"), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn cancel(secret: web::Path<String>, site: Site) -> Result<HttpResponse> {
    drive::cancel_upload_session(&site, &secret).await?;
    Ok(HttpResponse::NoContent().finish())
}
