//! `createLink` and an item's permissions.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use crate::auth::Granted;
use crate::domain::address::ItemAddress;
use crate::domain::link::{LinkScope, LinkType};
use crate::domain::preconditions::Preconditions;
use crate::domain::scope::FilesReadWrite;
use crate::error::{Error, Result};
use crate::graph::body::JsonBody;
use crate::graph::errors::ErrorBody;
use crate::graph::openapi::InDrive;
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, PermissionBody};
use crate::sharing::{self, LinkRequest};

/// What `createLink` is asked. Members that are not here are ignored; those that would change what
/// kind of link is made are refused, rather than a link made that is less than was asked for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateLink {
    /// `view`, `edit` or `embed`.
    #[schema(value_type = String)]
    r#type: Option<String>,
    scope: Option<String>,
    #[schema(value_type = Option<String>)]
    expiration_date_time: Option<IgnoredAny>,
    #[schema(value_type = Option<String>)]
    password: Option<IgnoredAny>,
    #[schema(value_type = Option<Vec<Object>>)]
    recipients: Option<Vec<IgnoredAny>>,
    send_notification: Option<bool>,
    retain_inherited_permissions: Option<bool>,
}

impl CreateLink {
    fn request(&self) -> Result<LinkRequest> {
        let link_type = self
            .r#type
            .as_deref()
            .and_then(|wanted| LinkType::ALL.into_iter().find(|t| t.as_str() == wanted));
        let link_type = link_type.ok_or_else(|| {
            Error::invalid_request("The link's type is required, one of view, edit, embed.")
        })?;
        let scope = match self.scope.as_deref() {
            None | Some("") => None,
            Some(wanted) => {
                Some(LinkScope::ALL.into_iter().find(|scope| scope.as_str() == wanted).ok_or_else(|| {
                    Error::invalid_request("The link's scope is not one of anonymous, organization.")
                })?)
            }
        };
        let refused = [
            (self.expiration_date_time.is_some(), "Links never expire: expirationDateTime is not supported."),
            (self.password.is_some(), "Links have no password: password is not supported."),
            (
                self.recipients.as_ref().is_some_and(|recipients| !recipients.is_empty()),
                "Links are for whoever has them: recipients are not supported.",
            ),
            (self.send_notification == Some(true), "No mail is sent: sendNotification is not supported."),
            (
                // Microsoft's SDKs say false to both where their caller has said nothing.
                self.retain_inherited_permissions == Some(false) && self.send_notification != Some(false),
                "A link takes nothing away: retainInheritedPermissions can't be false.",
            ),
        ];
        match refused.into_iter().find(|(is_wanted, _)| *is_wanted) {
            Some((_, message)) => Err(Error::NotSupported(message)),
            None => Ok(LinkRequest { link_type, scope }),
        }
    }
}

/// The item's link of the calling application and the type; made at the first call.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/createLink", tag = "Sharing", operation_id = "links_create", params(InDrive), request_body = CreateLink, responses((status = 200, description = "Done", body = PermissionBody), (status = 201, description = "Made", body = PermissionBody), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn create(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    body: JsonBody<CreateLink>,
    site: Site,
) -> Result<HttpResponse> {
    let (link, created) = sharing::create_link(&site, &granted.caller, &address, body.0.request()?).await?;
    let mut answer = if created { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(wire::link_permission(&site, &link, None)?.with_context(&site)))
}

// A link's secrets are for those who could have made it, so that reading them takes the right to write.

/// An item's permissions: its owner, its links, and those of the folders above it.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/permissions", tag = "Sharing", operation_id = "links_permissions", params(InDrive), responses((status = 200, description = "Done", body = Collection<PermissionBody>), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn permissions(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    site: Site,
) -> Result<HttpResponse> {
    let permissions = sharing::list_permissions(&site, &granted.caller, &address).await?;
    let value = permissions.iter().map(|one| wire::permission(&site, one)).collect::<Result<Vec<_>>>()?;
    let context = wire::context(&site, "Collection(permission)");
    Ok(HttpResponse::Ok().json(Collection::new(context, None, value)))
}

/// One permission of an item.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/permissions/{permission_id}", tag = "Sharing", operation_id = "links_permission", params(InDrive, ("permission_id" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")), responses((status = 200, description = "Done", body = PermissionBody), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn permission(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    permission: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    let id = wire::parse_permission_id(&permission)?;
    let permission = sharing::get_permission(&site, &granted.caller, &address, id).await?;
    Ok(HttpResponse::Ok().json(wire::permission(&site, &permission)?.with_context(&site)))
}

#[derive(Deserialize, ToSchema)]
pub struct PermissionChange {
    #[serde(rename = "roles")]
    _roles: Option<Vec<String>>,
}

/// Refused: a link keeps its role.
#[utoipa::path(patch, path = "/v1.0/drives/{drive_id}/items/{item_id}/permissions/{permission_id}", tag = "Sharing", operation_id = "links_change", params(InDrive, ("permission_id" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")), request_body = PermissionChange, responses((status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn change(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    permission: web::Path<String>,
    _change: JsonBody<PermissionChange>,
    site: Site,
) -> Result<HttpResponse> {
    let id = wire::parse_permission_id(&permission)?;
    sharing::get_permission(&site, &granted.caller, &address, id).await?;
    Err(Error::NotSupported("A link keeps its role: make a link of the other type, and delete this one."))
}

/// Ends a link, at once and everywhere.
#[utoipa::path(delete, path = "/v1.0/drives/{drive_id}/items/{item_id}/permissions/{permission_id}", tag = "Sharing", operation_id = "links_revoke", params(InDrive, ("permission_id" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")), responses((status = 204, description = "Done"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn revoke(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    permission: web::Path<String>,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let Some(id) = wire::parse_permission_id(&permission)? else {
        return Err(Error::AccessDenied("The owner's permission can't be deleted.".into()));
    };
    sharing::revoke_link(&site, &granted.caller, &address, id, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}
