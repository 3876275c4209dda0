//! Items: what they are, and what changes about them.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::grant::{FilesRead, FilesReadWrite, Granted};
use crate::domain::item::Kind;
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::graph::address::parse_reference;
use crate::graph::body::JsonBody;
use crate::graph::children::managed_page;
use crate::graph::errors::ErrorBody;
use crate::graph::list;
use crate::graph::params::{ById, ExpandChildren, IfMatch, IfNoneMatch, OnConflict, Select, TABLE};
use crate::graph::properties::PropertiesBody;
use crate::graph::query::{NotModified, Query, USUAL_PAGE, not_modified, parse_conflict};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveItem, Nothing};
use crate::service::drive::{self, Destination, ItemUpdate, PageRequest, Restoration};
use crate::service::rights;

/// Gets a file or folder.
#[utoipa::path(get, path = TABLE, params(ById, ExpandChildren, Select, IfNoneMatch),
    responses((status = 200, description = "Done", body = DriveItem), NotModified, ErrorBody))]
pub async fn get_item(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let (managed, placed) = rights::manage_placed(site.service(), &granted, &address).await?;
    if let Some(answer) = not_modified(&preconditions, &placed.item) {
        return Ok(answer);
    }
    let right = managed.to_read();
    let mut item = wire::managed_item(&site, &right, &placed).with_context(&site);
    if query.expands_children()? && placed.item.kind() == Kind::Folder {
        let wanted = PageRequest::first(USUAL_PAGE);
        let turn = site.service().turns.lists.take(managed.who()).await?;
        let page = drive::list_children(site.service(), &right, &wanted).await?;
        item = item.with_children(managed_page(&site, &Query::parse(""), &wanted, &right, &placed, &page)?);
        return Ok(list::answer(turn, &query.shape(item)?));
    }
    Ok(HttpResponse::Ok().json(query.shape(item)?))
}

/// What is asked of an item, when it is changed, copied or restored.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemChange {
    /// The new name.
    name: Option<String>,
    /// The folder to move, copy or restore it to, in the same drive.
    parent_reference: Option<ParentReference>,
    #[serde(flatten)]
    properties: PropertiesBody,
    /// If the name is taken: `fail`, `replace` or `rename`.
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    pub conflict: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ParentReference {
    /// The drive, if it is said: the item's own.
    drive_id: Option<String>,
    /// The folder's id, or `root`. It goes before `path`.
    id: Option<String>,
    /// The folder's path: `/drive/root:/folder`.
    path: Option<String>,
}

impl ItemChange {
    pub fn name(&self) -> Result<Option<Name>> {
        Ok(self.name.as_deref().map(Name::parse).transpose()?)
    }

    pub fn destination(&self) -> Result<Option<Destination>> {
        self.parent_reference.as_ref().map_or(Ok(None), ParentReference::destination)
    }
}

impl ParentReference {
    /// None where it says nothing: some clients send it empty.
    fn destination(&self) -> Result<Option<Destination>> {
        let wrong = || Error::invalid_request("The parentReference names no folder of the same drive.");
        let drive = match &self.drive_id {
            Some(drive) => Some(drive.parse().map_err(|_| wrong())?),
            None => None,
        };
        let destination = match (&self.id, &self.path) {
            (Some(id), _) if id == "root" => {
                Destination { drive, base: Base::Root, path: ItemPath::default() }
            }
            (Some(id), _) => {
                let id = id.parse().map_err(|_| wrong())?;
                Destination { drive, base: Base::Item(id), path: ItemPath::default() }
            }
            (None, Some(path)) => match parse_reference(path)? {
                ItemAddress::InDrive { drive: DriveAddress::Mine, base, path } => {
                    Destination { drive, base, path }
                }
                ItemAddress::InDrive { drive: DriveAddress::Id(named), base, path } => {
                    if drive.is_some_and(|drive| drive != named) {
                        return Err(wrong());
                    }
                    Destination { drive: Some(named), base, path }
                }
                _ => return Err(wrong()),
            },
            (None, None) => return Ok(None),
        };
        Ok(Some(destination))
    }
}

/// Renames or moves an item, or sets its description or times.
///
/// Only the members in the body change. Links to the item go on working.
#[utoipa::path(patch, path = TABLE, params(ById, OnConflict, IfMatch, Select), request_body = ItemChange,
    responses((status = 200, description = "Done", body = DriveItem), ErrorBody))]
pub async fn update_item(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    body: JsonBody<ItemChange>,
    site: Site,
) -> Result<HttpResponse> {
    let change = body.0;
    let update = ItemUpdate {
        name: change.name()?,
        destination: change.destination()?,
        properties: change.properties.properties()?,
        conflict: match &change.conflict {
            Some(behavior) => parse_conflict(behavior)?,
            None => query.conflict(Conflict::Fail)?,
        },
    };
    let managed = rights::manage(site.service(), &granted, &address).await?;
    let item = drive::update_item(site.service(), &managed, &update, &preconditions).await?;
    let item = wire::managed_item(&site, &managed.to_read(), &item).with_context(&site);
    Ok(HttpResponse::Ok().json(query.shape(item)?))
}

/// Puts an item into the recycle bin.
///
/// Its links stop working until it is restored.
#[utoipa::path(delete, path = TABLE, params(ById, IfMatch),
    responses((status = 204, description = "Done"), ErrorBody))]
pub async fn delete_item(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let managed = rights::manage(site.service(), &granted, &address).await?;
    drive::delete_item(site.service(), &managed, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes an item for good.
///
/// It can't be restored. Works for an item in the recycle bin, too.
#[utoipa::path(post, path = TABLE, params(ById, IfMatch),
    responses((status = 204, description = "Done"), ErrorBody))]
pub async fn purge_item(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let right = rights::manage_even_deleted(site.service(), &granted, &address).await?;
    drive::purge_item(site.service(), &right, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes an item out of the recycle bin.
///
/// By its id: a deleted item has no path. An empty body puts it back where it was.
#[utoipa::path(post, path = TABLE, params(ById, Select), request_body = ItemChange,
    responses((status = 200, description = "Done", body = DriveItem), ErrorBody))]
pub async fn restore_item(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    body: JsonBody<ItemChange>,
    site: Site,
) -> Result<HttpResponse> {
    let restoration =
        Restoration { name: body.0.name()?, destination: body.0.destination()?, keep_both: false };
    let right = rights::manage_deleted(site.service(), &granted, &address).await?;
    let item = drive::restore_item(site.service(), &right, &restoration).await?;
    let right = right.to_read(&item.item)?;
    let item = wire::managed_item(&site, &right, &item).with_context(&site);
    Ok(HttpResponse::Ok().json(query.shape(item)?))
}

/// Lists an item's thumbnails: always an empty list.
///
/// It is what Microsoft's API says of what it has none for.
#[utoipa::path(get, path = TABLE, params(ById),
    responses((status = 200, description = "Done", body = Collection<Nothing>), ErrorBody))]
pub async fn list_thumbnails(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    _query: Query,
    site: Site,
) -> Result<HttpResponse> {
    rights::manage(site.service(), &granted, &address).await?;
    Ok(HttpResponse::Ok().json(Collection::nothing(&site, "thumbnailSet")))
}
