//! `/shares/{id}`: what somebody with a link gets at, without a token where the link is anonymous.

use std::sync::Arc;

use actix_web::HttpResponse;

use crate::access::{Opened, open_shared};
use crate::auth::Visitor;
use crate::domain::address::SharedAddress;
use crate::domain::item::{ItemId, Kind};
use crate::domain::link::{LinkId, LinkType};
use crate::domain::name::ItemPath;
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::drive::{self, Author, Upload, WantedPage};
use crate::error::{Error, Result};
use crate::graph::body::UploadBody;
use crate::graph::errors::ErrorBody;
use crate::graph::items::{see, uploaded};
use crate::graph::list::{self, Entry};
use crate::graph::openapi::PageParams;
use crate::graph::query::{PAGE, Query};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveItem};
use crate::sharing::Permission;

/// What a share is.
#[utoipa::path(get, path = "/v1.0/shares/{share_id}", tag = "Shared items", operation_id = "shares_get", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$")), responses((status = 200, description = "Done", body = wire::SharedDriveItem), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn get(visitor: Visitor, address: SharedAddress, site: Site) -> Result<HttpResponse> {
    let opened = open_shared(&site, visitor.0.as_deref(), &address).await?;
    Ok(HttpResponse::Ok().json(wire::shared_drive_item(&site, &opened)))
}

/// The permission behind a share.
#[utoipa::path(get, path = "/v1.0/shares/{share_id}/permission", tag = "Shared items", operation_id = "shares_permission", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$")), responses((status = 200, description = "Done", body = wire::PermissionBody), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn permission(visitor: Visitor, address: SharedAddress, site: Site) -> Result<HttpResponse> {
    let opened = open_shared(&site, visitor.0.as_deref(), &address).await?;
    let permission = match opened.link {
        Some((link, _)) => Permission::Link { link: Arc::unwrap_or_clone(link), inherited_from: None },
        None => Permission::Owner(opened.shared.drive.owner()),
    };
    Ok(HttpResponse::Ok().json(wire::permission(&site, &permission)?.with_context(&site)))
}

/// The item that is shared.
#[utoipa::path(get, path = "/v1.0/shares/{share_id}/driveItem", tag = "Shared items", operation_id = "shares_item", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$")), responses((status = 200, description = "Done", body = DriveItem), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn item(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let opened = open_shared(&site, visitor.0.as_deref(), &address).await?;
    let mut item = wire::shared_item(&site, &opened, &opened.item)?.with_context(&site);
    if query.expands_children()? && opened.item.kind() == Kind::Folder {
        let turn = site.turns.lists.take(opened.who()).await?;
        item = item
            .with_children(shared_page(&site, &Query::parse(""), &WantedPage::first(PAGE), &opened).await?);
        return Ok(list::answer(turn, &query.shape(item)?));
    }
    Ok(HttpResponse::Ok().json(query.shape(item)?))
}

/// The items of a shared folder, in pages.
#[utoipa::path(get, path = "/v1.0/shares/{share_id}/driveItem/children", tag = "Shared items", operation_id = "shares_children", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$"), PageParams), responses((status = 200, description = "Done", body = Collection<DriveItem>), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn children(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let wanted = query.page()?;
    let opened = open_shared(&site, visitor.0.as_deref(), &address).await?;
    let turn = site.turns.lists.take(opened.who()).await?;
    Ok(list::answer(turn, &shared_page(&site, &query, &wanted, &opened).await?))
}

async fn shared_page(
    site: &Site,
    query: &Query,
    wanted: &WantedPage,
    opened: &Opened,
) -> Result<Collection<Entry>> {
    let page = drive::list_children_of(site, opened.who(), &opened.item, wanted).await?;
    let entries = list::fill(query, page.items.iter().map(|item| wire::shared_item(site, opened, item)))?;
    let share = wire::shared_drive_item(site, opened);
    let next_link = page.next_after(entries.len()).map(|next| {
        let query = query.next_page(wanted, &next);
        format!("{}/v1.0/shares/{}/items/{}/children?{query}", site.url, share.share_id(), opened.item.id)
    });
    Ok(Collection::new(wire::context(site, "Collection(driveItem)"), next_link, entries))
}

/// Leads to a shared file's bytes.
#[utoipa::path(get, path = "/v1.0/shares/{share_id}/driveItem/content", tag = "Shared items", operation_id = "shares_download", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$")), responses((status = 302, description = "Where the bytes are"), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn download(visitor: Visitor, address: SharedAddress, site: Site) -> Result<HttpResponse> {
    let opened = open_shared(&site, visitor.0.as_deref(), &address).await?;
    drive::Download::of(&opened.item)?;
    let through = opened.link.map(|(_, proven)| proven);
    Ok(see(wire::download_url(&site, opened.item.id, None, through)))
}

/// What an edit link lets its bearer write to. Any other link is told what a wrong one is.
pub struct Writable {
    pub opened: Opened,
    /// Where below the opened item; folders need not be there yet.
    pub path: ItemPath,
    pub author: Author,
    pub through: (ItemId, LinkId),
}

pub async fn open_to_write(site: &Site, visitor: &Visitor, mut address: SharedAddress) -> Result<Writable> {
    let path = std::mem::take(&mut address.path);
    let opened = open_shared(site, visitor.0.as_deref(), &address).await?;
    let through = match &opened.link {
        Some((link, _)) if link.link_type == LinkType::Edit => (link.item, link.id),
        _ => return Err(Error::ItemNotFound),
    };
    let author = match &visitor.0 {
        Some(caller) => Author::of(site, caller).await?,
        None => Author::default(),
    };
    Ok(Writable { opened, path, author, through })
}

/// Writes with an edit link.
#[utoipa::path(put, path = "/v1.0/shares/{share_id}/driveItem/content", tag = "Shared items", operation_id = "shares_upload", params(("share_id" = String, Path, pattern = "^[su]![A-Za-z0-9_-]+$")), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, description = "Done", body = DriveItem), (status = 201, description = "Made", body = DriveItem), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn upload(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    body: UploadBody,
    site: Site,
) -> Result<HttpResponse> {
    let conflict = query.conflict(Conflict::Replace)?;
    let Writable { opened, path, author, through } = open_to_write(&site, &visitor, address).await?;
    let target = Upload {
        base: opened.item.id,
        path: &path,
        conflict,
        preconditions: &preconditions,
        author: &author,
        through: Some(through),
    };
    drive::check_target(&opened.item, &path)?;
    let limit = body.size_limit();
    let (item, is_new) = drive::upload(&site, &target, limit, body.into_stream()?).await?;
    Ok(uploaded(is_new).json(wire::shared_item(&site, &opened, &item.item)?.with_context(&site)))
}
