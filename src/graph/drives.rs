//! Drives: `/drive`, `/drives`.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::address::{DriveAddress, ItemAddress};
use crate::domain::grant::{FilesRead, Granted};
use crate::error::{Error, Result};
use crate::graph::errors::ErrorBody;
use crate::graph::params::{Select, TABLE};
use crate::graph::query::Query;
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveBody};
use crate::service::{drive, rights};

/// Gets your drive; makes it at the first call.
///
/// `id` is the `drive_id` of `/v1.0/drives/{drive_id}`. `quota` is in bytes.
#[utoipa::path(get, path = TABLE, params(Select),
    responses((status = 200, description = "Done", body = DriveBody), ErrorBody))]
pub async fn get_drive(
    granted: Granted<FilesRead>,
    address: DriveAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let drive = rights::manage_drive(site.service(), &granted, &address).await?;
    let usage = drive::usage_of(site.service(), &drive);
    Ok(HttpResponse::Ok().json(query.shape(wire::drive(drive.drive(), usage).with_context(&site))?))
}

/// Lists the drives that you manage: your own.
#[utoipa::path(get, path = TABLE, params(Select),
    responses((status = 200, description = "Done", body = Collection<DriveBody>), ErrorBody))]
pub async fn list_drives(granted: Granted<FilesRead>, query: Query, site: Site) -> Result<HttpResponse> {
    let drive = rights::manage_drive(site.service(), &granted, &DriveAddress::Mine).await?;
    let usage = drive::usage_of(site.service(), &drive);
    let context = wire::context(&site, "Collection(drive)");
    let list = Collection::new(context, None, vec![wire::drive(drive.drive(), usage)]);
    Ok(HttpResponse::Ok().json(query.shape(list)?))
}

/// Whoever calls.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    #[serde(rename = "@odata.context")]
    context: String,
    id: String,
    display_name: String,
}

/// Says whose token it is.
///
/// A good first call to see whether your token works.
#[utoipa::path(get, path = TABLE, params(Select),
    responses((status = 200, description = "Done", body = Me), ErrorBody))]
pub async fn get_me(granted: Granted<FilesRead>, query: Query, site: Site) -> Result<HttpResponse> {
    let user = granted
        .caller
        .user
        .as_ref()
        .ok_or(Error::invalid_request("An application on its own is no user."))?;
    Ok(HttpResponse::Ok().json(query.shape(Me {
        context: wire::context(&site, "users/$entity"),
        id: user.id.clone(),
        display_name: user.name.as_ref().unwrap_or(&user.id).clone(),
    })?))
}

/// A list of a drive that is always empty here.
pub async fn list_nothing(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    _query: Query,
    site: Site,
) -> Result<HttpResponse> {
    rights::manage(site.service(), &granted, &address).await?;
    Ok(HttpResponse::Ok().json(Collection::nothing(&site, "driveItem")))
}
