//! Upload sessions: a file in ranges, over many requests.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::auth::Visitor;
use crate::domain::address::{ItemAddress, SharedAddress};
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::item::{ClientProperties, Item};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::{ByteRange, Conflict, UploadSession};
use crate::error::{Error, Result};
use crate::graph::address::split_target;
use crate::graph::body::{JsonBody, UploadBody};
use crate::graph::content::uploaded;
use crate::graph::errors::ErrorBody;
use crate::graph::params::{
    ById, FileBytes, IfMatch, IfNoneMatch, InShare, OfSession, OnConflict, RangeHeader, TABLE,
};
use crate::graph::properties::PropertiesBody;
use crate::graph::query::{Query, parse_conflict};
use crate::graph::shares::open_to_write;
use crate::graph::site::Site;
use crate::graph::wire::{self, DriveItem, time};
use crate::service::drive::{self, NewUploadSession, Received, Upload};
use crate::service::rights;

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSession {
    /// The file that is to be.
    item: Option<UploadedItem>,
    /// As in `item`, which goes first.
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
    /// Refused if true: the last range makes the file.
    defer_commit: Option<bool>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadedItem {
    /// The file's name, where the address is a folder's.
    name: Option<String>,
    /// Bytes, as far as the client knows.
    #[schema(minimum = 0)]
    file_size: Option<u64>,
    #[serde(flatten)]
    properties: PropertiesBody,
    /// If the name is taken: `fail`, `replace` (without it) or `rename`.
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    #[serde(rename = "@odata.context")]
    context: Option<String>,
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
struct NewUpload {
    path: ItemPath,
    conflict: Conflict,
    properties: ClientProperties,
    size: Option<u64>,
}

impl NewSession {
    /// `path` is the address's. A folder's own address may have the file's name in the body.
    fn upload(self, base: &Item, path: ItemPath, query: &Query) -> Result<NewUpload> {
        if self.defer_commit == Some(true) {
            return Err(Error::NotSupported(
                "A file is committed with its last range: deferCommit is not supported.",
            ));
        }
        let item = self.item.unwrap_or_default();
        let conflict = item.conflict.or(self.conflict);
        let path = match &item.name {
            Some(name) if path.is_empty() && base.file().is_none() => path.child(Name::parse(name)?),
            _ => path,
        };
        Ok(NewUpload {
            path,
            conflict: match conflict {
                Some(behavior) => parse_conflict(&behavior)?,
                None => query.conflict(Conflict::Replace)?,
            },
            size: item.file_size,
            properties: item.properties.properties()?,
        })
    }
}

fn begun(site: &Site, new: &NewUploadSession) -> HttpResponse {
    HttpResponse::Ok().json(SessionBody {
        context: Some(wire::context(site, "microsoft.graph.uploadSession")),
        upload_url: Some(format!("{}/upload/{}", site.url, new.secret)),
        ..SessionBody::of(&new.session)
    })
}

/// Begins an upload of a large file.
///
/// Then PUT the bytes to `uploadUrl`, in ranges and in their order. `uploadUrl` is good for seven days and needs no
/// token. By path the last segment is the file's name; the id of a folder needs `item.name`.
#[utoipa::path(post, path = TABLE, params(ById, OnConflict, IfMatch, IfNoneMatch), request_body = NewSession,
    responses((status = 200, description = "Done", body = SessionBody), ErrorBody))]
pub async fn create_upload_session(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    body: JsonBody<NewSession>,
    site: Site,
) -> Result<HttpResponse> {
    let (base, path) = split_target(&address);
    let base = rights::manage(site.service(), &granted, &base).await?;
    let NewUpload { path, conflict, properties, size } = body.0.upload(base.item(), path, &query)?;
    let to = base.to_write(site.service()).await?;
    drive::check_room(site.service(), &to, &path, size.unwrap_or(0)).await?;
    let target = Upload { to: &to, path: &path, conflict, preconditions: &preconditions };
    Ok(begun(&site, &drive::create_upload_session(site.service(), &target, properties).await?))
}

/// Begins an upload of a large file, with a link.
///
/// Needs a link of type `edit`, or of type `createOnly` for a new file in its folder.
#[utoipa::path(post, path = TABLE, params(InShare, OnConflict, IfMatch, IfNoneMatch), request_body = NewSession,
    security((), ("token" = [])),
    responses((status = 200, description = "Done", body = SessionBody), ErrorBody))]
pub async fn create_shared_upload_session(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    body: JsonBody<NewSession>,
    site: Site,
) -> Result<HttpResponse> {
    let (_, to, path) = open_to_write(&site, &visitor, address).await?;
    let NewUpload { path, conflict, properties, size } = body.0.upload(to.base(), path, &query)?;
    drive::check_room(site.service(), &to, &path, size.unwrap_or(0)).await?;
    let target = Upload { to: &to, path: &path, conflict, preconditions: &preconditions };
    Ok(begun(&site, &drive::create_upload_session(site.service(), &target, properties).await?))
}

// A session's URL is its own permission: it takes no token, and ignores one that comes along.

/// Sends the next range of an upload.
///
/// At most 60 MiB each, in order. 202 says which range is expected next; the last range makes the file and answers 201
/// (200 if it is a new version). Needs no token: the URL is a secret.
#[utoipa::path(put, path = TABLE, params(OfSession, RangeHeader), security((), ("token" = [])),
    request_body(content = inline(FileBytes), content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The file with its new version", body = DriveItem),
        (status = 201, description = "The new file", body = DriveItem),
        (status = 202, description = "Under way", body = SessionBody),
        ErrorBody
    ))]
pub async fn receive_range(
    secret: web::Path<String>,
    request: HttpRequest,
    body: UploadBody,
    site: Site,
) -> Result<HttpResponse> {
    let range = request.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = range.and_then(parse_content_range) else {
        // A session that is not there is told first: its client is to begin anew.
        drive::get_upload_session(site.service(), &secret).await?;
        return Err(Error::invalid_request("Content-Range is not of the form «bytes FIRST-LAST/TOTAL»."));
    };
    match drive::receive_range(site.service(), &secret, range, body.into_range()).await? {
        Received::More(session) => Ok(HttpResponse::Accepted().json(SessionBody::of(&session))),
        Received::Sent { name, size } => Ok(uploaded(true).json(wire::SentItem::new(&site, &name, size))),
        Received::All { placed, is_new, right } => {
            let item = match right {
                Some(right) => wire::managed_item(&site, &right, &placed),
                None => wire::uploaded_item(&site, &placed.item),
            };
            Ok(uploaded(is_new).json(item.with_context(&site)))
        }
    }
}

/// `bytes 0-9/100` (RFC 9110, section 14.4): none for anything else, and for a range that is empty or beyond the total.
/// Some clients write `bytes=`.
fn parse_content_range(text: &str) -> Option<ByteRange> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start_matches(['=', ' ']).split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| is_digits && *number < i64::MAX)
    };
    let range = ByteRange { first: number(first)?, end: number(last)? + 1, total: number(total)? };
    (range.first < range.end && range.end <= range.total).then_some(range)
}

/// Tells how far an upload has come.
///
/// Where to go on after an interruption: `nextExpectedRanges`.
#[utoipa::path(get, path = TABLE, params(OfSession), security((), ("token" = [])),
    responses((status = 200, description = "Done", body = SessionBody), ErrorBody))]
pub async fn get_upload_session(secret: web::Path<String>, site: Site) -> Result<HttpResponse> {
    let session = drive::get_upload_session(site.service(), &secret).await?;
    Ok(HttpResponse::Ok().json(SessionBody::of(&session)))
}

/// Gives an upload up, with what was sent of it.
#[utoipa::path(delete, path = TABLE, params(OfSession), security((), ("token" = [])),
    responses((status = 204, description = "Done"), ErrorBody))]
pub async fn cancel_upload_session(secret: web::Path<String>, site: Site) -> Result<HttpResponse> {
    drive::cancel_upload_session(site.service(), &secret).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_whole_and_within_its_total() {
        let range = |first, end, total| Some(ByteRange { first, end, total });
        assert_eq!(parse_content_range("bytes 0-9/100"), range(0, 10, 100));
        assert_eq!(parse_content_range("bytes=90-99/100"), range(90, 100, 100));
        for bad in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 0-9/*",
            "bytes */100",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "bytes -1-9/100",
            "bytes 0-9/+100",
            "items 0-9/100",
            "bytes 0-9223372036854775807/9223372036854775807",
        ] {
            assert_eq!(parse_content_range(bad), None, "{bad}");
        }
    }
}
