//! Copying, and the URL that tells how a copy stands.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::upload::Conflict;
use crate::error::Result;
use crate::graph::body::JsonBody;
use crate::graph::errors::ErrorBody;
use crate::graph::items::ItemChange;
use crate::graph::params::{ById, OfCopy, OnConflict, TABLE};
use crate::graph::query::{Query, parse_conflict};
use crate::graph::site::Site;
use crate::service::drive::{self, Copy};
use crate::service::rights;

/// Copies a file or a folder with all that is in it.
///
/// Answers 202; `Location` is the URL that tells how the copy stands (`GET /monitor/{copied}`). Clients of Microsoft's
/// API ask it until the copy is done; here it is when this answers.
#[utoipa::path(post, path = TABLE, params(ById, OnConflict), request_body = ItemChange,
    responses(
        (status = 202, description = "`Location` is the URL that tells how the copy stands",
            headers(("Location" = String, description = "For `GET /monitor/{copied}`"))),
        ErrorBody
    ))]
pub async fn copy_item(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    body: JsonBody<ItemChange>,
    site: Site,
) -> Result<HttpResponse> {
    let conflict = match &body.0.conflict {
        Some(behavior) => parse_conflict(behavior)?,
        None => query.conflict(Conflict::Fail)?,
    };
    let copy = Copy { destination: body.0.destination()?, name: body.0.name()?, conflict };
    let managed = rights::manage(site.service(), &granted, &address).await?;
    let made = drive::copy_item(site.service(), &managed, &copy).await?;
    let monitor = format!("{}/monitor/{}", site.url, drive::sign_copy(site.service(), &made));
    Ok(HttpResponse::Accepted().insert_header((header::LOCATION, monitor)).finish())
}

/// How a copy stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyStatus {
    status: &'static str,
    percentage_complete: f64,
    resource_id: String,
    resource_location: String,
}

/// Tells how a copy stands.
///
/// Needs no token: the URL is a secret.
#[utoipa::path(get, path = TABLE, params(OfCopy), security((), ("token" = [])),
    responses((status = 200, description = "Done", body = CopyStatus), ErrorBody))]
pub async fn get_copy(copied: web::Path<String>, site: Site) -> Result<HttpResponse> {
    let id = drive::find_copy(site.service(), &copied).await?;
    Ok(HttpResponse::Ok().json(CopyStatus {
        status: "completed",
        percentage_complete: 100.0,
        resource_id: id.to_string(),
        resource_location: format!("{}/v1.0/drives/{}/items/{id}", site.url, id.drive),
    }))
}
