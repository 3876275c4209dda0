//! An item's permissions: its owner, and its links.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::ids::LinkId;
use crate::domain::item::mime_type_of;
use crate::domain::link::{Act, Link};
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::graph::body::JsonBody;
use crate::graph::errors::ErrorBody;
use crate::graph::params::{ById, IfMatch, IfNoneMatch, OfPermission, Select, TABLE};
use crate::graph::query::{NotModified, Query, not_modified};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, Identity, IdentitySet, ItemReference, identity_of, path_of};
use crate::service::links::{self, Ancestor, Permission};
use crate::service::rights;

/// Id of the owner's own permission, which every item has.
pub const OWNER_PERMISSION: &str = "owner";

#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionBody {
    #[serde(rename = "@odata.context")]
    context: Option<String>,
    id: String,
    #[schema(value_type = Vec<String>)]
    roles: [&'static str; 1],
    granted_to: Option<IdentitySet>,
    granted_to_v2: Option<IdentitySet>,
    link: Option<SharingLink>,
    share_id: Option<String>,
    has_password: Option<bool>,
    inherited_from: Option<ItemReference>,
}

#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SharingLink {
    r#type: &'static str,
    scope: &'static str,
    web_url: String,
    web_html: Option<String>,
    prevents_download: bool,
    application: Identity,
}

impl PermissionBody {
    pub fn with_context(mut self, site: &Site) -> Self {
        self.context = Some(wire::context(site, "permission"));
        self
    }
}

/// A link with its secrets: for those who could have made it, and those who have it.
pub fn link_permission(
    site: &Site,
    link: &Link,
    inherited_from: Option<&Ancestor>,
) -> Result<PermissionBody> {
    let authkey = links::authkey(site.service(), link)?;
    let share_id = links::share_id(site.service(), link)?;
    let may_embed = link.link_type.permits(Act::Embed);
    Ok(PermissionBody {
        context: None,
        id: link.id.to_permission_id(),
        roles: [link.link_type.role()],
        granted_to: None,
        granted_to_v2: None,
        link: Some(SharingLink {
            r#type: link.link_type.as_str(),
            scope: link.scope.as_str(),
            web_url: link.url(&site.url, &authkey),
            web_html: may_embed.then(|| frame(site, link, &authkey)),
            prevents_download: !link.link_type.permits(Act::Download),
            application: identity_of(&link.application),
        }),
        share_id: Some(share_id),
        has_password: Some(false),
        inherited_from: inherited_from.map(|ancestor| {
            ItemReference::new(
                ancestor.id.drive,
                Some(ancestor.id),
                Some(path_of(ancestor.id.drive, &ancestor.path)),
            )
        }),
    })
}

/// The link's frame, for another site's page.
fn frame(site: &Site, link: &Link, authkey: &str) -> String {
    let url = format!("{}/embed?resid={}&amp;authkey={authkey}", site.url, link.item);
    let height = if mime_type_of(&link.item_name).starts_with("audio/") { 120 } else { 360 };
    let size = format!("width=\"640\" height=\"{height}\"");
    // A name has neither < nor > in it, nor quotes; an ampersand may be.
    let title = link.item_name.replace('&', "&amp;");
    format!("<iframe src=\"{url}\" {size} title=\"{title}\" frameborder=\"0\" allowfullscreen></iframe>")
}

pub fn permission(site: &Site, permission: &Permission) -> Result<PermissionBody> {
    match permission {
        Permission::Link { link, inherited_from } => link_permission(site, link, inherited_from.as_ref()),
        Permission::Owner(user) => {
            let identity = IdentitySet::of(Some(user), None);
            Ok(PermissionBody {
                context: None,
                id: OWNER_PERMISSION.to_owned(),
                roles: ["owner"],
                granted_to: identity.clone(),
                granted_to_v2: identity,
                link: None,
                share_id: None,
                has_password: None,
                inherited_from: None,
            })
        }
    }
}

/// The link that a permission's id names; none for the owner's permission.
pub fn parse_permission_id(id: &str) -> Result<Option<LinkId>> {
    if id == OWNER_PERMISSION {
        return Ok(None);
    }
    LinkId::of_permission_id(id).map(Some).ok_or(Error::ItemNotFound)
}

/// Lists who has access to an item.
///
/// The owner, the links to the item, and the links to the folders above it (`inheritedFrom`).
#[utoipa::path(get, path = TABLE, params(ById, Select, IfNoneMatch),
    responses((status = 200, description = "Done", body = Collection<PermissionBody>), NotModified, ErrorBody))]
pub async fn list_permissions(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let (managed, permissions) = links::list_permissions(site.service(), &granted, &address).await?;
    if let Some(answer) = not_modified(&preconditions, managed.item()) {
        return Ok(answer);
    }
    let value = permissions.iter().map(|one| permission(&site, one)).collect::<Result<Vec<_>>>()?;
    let context = wire::context(&site, "Collection(permission)");
    Ok(HttpResponse::Ok().json(query.shape(Collection::new(context, None, value))?))
}

/// Gets one permission of an item.
#[utoipa::path(get, path = TABLE, params(ById, OfPermission, Select, IfNoneMatch),
    responses((status = 200, description = "Done", body = PermissionBody), NotModified, ErrorBody))]
pub async fn get_permission(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    id: web::Path<String>,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let id = parse_permission_id(&id)?;
    let (managed, found) = links::get_permission(site.service(), &granted, &address, id).await?;
    if let Some(answer) = not_modified(&preconditions, managed.item()) {
        return Ok(answer);
    }
    Ok(HttpResponse::Ok().json(query.shape(permission(&site, &found)?.with_context(&site))?))
}

#[derive(Deserialize, ToSchema)]
pub struct PermissionChange {
    #[serde(rename = "roles")]
    _roles: Option<Vec<String>>,
}

/// Always refused: a link keeps its role.
///
/// It is here so that clients of Microsoft's API get a clear answer: 400 `notSupported`. Make a link of the other type
/// and delete this one.
#[utoipa::path(patch, path = TABLE, params(ById, OfPermission), request_body = PermissionChange,
    responses(ErrorBody))]
pub async fn change_permission(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    id: web::Path<String>,
    _change: JsonBody<PermissionChange>,
    site: Site,
) -> Result<HttpResponse> {
    let id = parse_permission_id(&id)?;
    links::get_permission(site.service(), &granted, &address, id).await?;
    Err(Error::NotSupported("A link keeps its role: make a link of the other type, and delete this one."))
}

/// Ends a link, at once and everywhere.
///
/// From now on the link answers 404 to everybody. The permission `owner` can't be deleted.
#[utoipa::path(delete, path = TABLE, params(ById, OfPermission, IfMatch),
    responses((status = 204, description = "Done"), ErrorBody))]
pub async fn revoke_link(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    id: web::Path<String>,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let Some(id) = parse_permission_id(&id)? else {
        return Err(Error::AccessDenied("The owner's permission can't be deleted.".into()));
    };
    let managed = rights::manage(site.service(), &granted, &address).await?;
    links::revoke_link(site.service(), &managed, id, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}
