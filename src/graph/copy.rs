//! Copying, and the URL that tells how a copy stands.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::upload::Conflict;
use crate::error::Result;
use crate::graph::body::JsonBody;
use crate::graph::errors::ErrorBody;
use crate::graph::items::ItemChange;
use crate::graph::params::{InDrive, TABLE};
use crate::graph::query::{Query, parse_conflict};
use crate::graph::site::Site;
use crate::service::drive::{self, Copy};
use crate::service::rights;

/// Copies, and answers as if the copy went on: clients of Microsoft's API ask the URL they are given
/// until it is done, which here it is.
#[utoipa::path(post, path = TABLE, params(InDrive), request_body = ItemChange,
    responses((status = 202, description = "Under way"), ErrorBody))]
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

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct Copied {
    /// The secret that names the copy.
    #[param(pattern = "^[A-Za-z0-9_-]{44}$")]
    copied: String,
}

/// How a copy stands. Takes no token, as Microsoft's takes none, but a secret.
#[utoipa::path(get, path = TABLE, params(Copied), security((), ("token" = [])),
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
