//! A file's versions.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesRead, FilesReadWrite, Granted};
use crate::domain::item::{FileVersion, Stamp};
use crate::error::{Error, Result};
use crate::graph::content::{Redirect, redirect};
use crate::graph::errors::ErrorBody;
use crate::graph::list;
use crate::graph::params::{ById, OfVersion, Select, SkipToken, TABLE, Top};
use crate::graph::query::Query;
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, IdentitySet, identities, time};
use crate::limits::PAGE;
use crate::service::drive::{self, VersionsPage};
use crate::service::rights;

#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionBody {
    id: String,
    last_modified_date_time: String,
    last_modified_by: Option<IdentitySet>,
    size: i64,
}

fn version((file, stamp): &(FileVersion, Stamp)) -> VersionBody {
    VersionBody {
        id: format!("{}.0", file.number),
        last_modified_date_time: time(stamp.at),
        last_modified_by: identities(stamp),
        size: file.size,
    }
}

/// The number of a version's id, `3.0`.
fn parse_version_id(id: &str) -> Result<i64> {
    let number = id.strip_suffix(".0").unwrap_or(id);
    number.parse().ok().filter(|number| *number > 0 && !id.starts_with(['0', '+'])).ok_or(Error::ItemNotFound)
}

/// Lists a file's versions, the newest first.
#[utoipa::path(get, path = TABLE, params(ById, Top, Select, SkipToken),
    responses((status = 200, description = "Done", body = Collection<VersionBody>), ErrorBody))]
pub async fn list_versions(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let bad = || Error::invalid_request("$skipToken is not one of ours.");
    let before = query.get("skipToken").map(str::parse).transpose().map_err(|_| bad())?;
    let top = query.top(PAGE, PAGE)?;
    let turn = site.service().turns.lists.take((&*granted.caller).into()).await?;
    let file = rights::manage(site.service(), &granted, &address).await?;
    let VersionsPage { versions, has_more } =
        drive::list_versions(site.service(), &file, before, top).await?;
    let next_link = versions.last().filter(|_| has_more).map(|(last, _)| {
        let (id, before) = (file.id(), last.number);
        format!("{}/v1.0/drives/{}/items/{id}/versions?$top={top}&$skipToken={before}", site.url, id.drive)
    });
    let context = wire::context(&site, "Collection(driveItemVersion)");
    let value: Vec<_> = versions.iter().map(version).collect();
    Ok(list::answer(turn, &query.shape(Collection::new(context, next_link, value))?))
}

/// Gets one of a file's versions.
#[utoipa::path(get, path = TABLE, params(ById, OfVersion, Select),
    responses((status = 200, description = "Done", body = VersionBody), ErrorBody))]
pub async fn get_version(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    id: web::Path<String>,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let number = parse_version_id(&id)?;
    let file = rights::manage(site.service(), &granted, &address).await?;
    let found = drive::get_version(site.service(), &file, number).await?;
    Ok(HttpResponse::Ok().json(query.shape(version(&found))?))
}

/// Downloads an old version.
///
/// Answers 302; `Location` is a URL of the bytes that needs no token.
#[utoipa::path(get, path = TABLE, params(ById, OfVersion), responses(Redirect, ErrorBody))]
pub async fn download_version(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    let number = parse_version_id(&version)?;
    let file = rights::manage(site.service(), &granted, &address).await?;
    let ticket = drive::version_ticket(site.service(), &file, number).await?;
    redirect(Some(wire::ticket_url(&site, &ticket)))
}

/// Deletes an old version.
///
/// The current version can't be deleted.
#[utoipa::path(delete, path = TABLE, params(ById, OfVersion),
    responses((status = 204, description = "Done"), ErrorBody))]
pub async fn delete_version(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    let number = parse_version_id(&version)?;
    let file = rights::manage(site.service(), &granted, &address).await?;
    drive::delete_version(site.service(), &file, number).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes an old version the current one.
///
/// As a new version: none is lost.
#[utoipa::path(post, path = TABLE, params(ById, OfVersion),
    responses((status = 204, description = "Done"), ErrorBody))]
pub async fn restore_version(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    let number = parse_version_id(&version)?;
    let file = rights::manage(site.service(), &granted, &address).await?;
    drive::restore_version(site.service(), &file, number).await?;
    Ok(HttpResponse::NoContent().finish())
}
