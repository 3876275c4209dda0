//! `/shares/{id}`: what somebody with a link gets at, without a token where the link is anonymous.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::auth::Visitor;
use crate::domain::address::SharedAddress;
use crate::domain::item::Kind;
use crate::domain::name::ItemPath;
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::Result;
use crate::graph::body::{JsonBody, UploadBody};
use crate::graph::children::NewFolder;
use crate::graph::content::{Redirect, redirect, uploaded};
use crate::graph::counting;
use crate::graph::errors::ErrorBody;
use crate::graph::list::{self, Entry};
use crate::graph::params::{
    ExpandChildren, ExpandShare, FileBytes, IfMatch, IfNoneMatch, InShare, OnConflict, OrderBy, Select,
    SkipToken, TABLE, Top,
};
use crate::graph::permissions::{self, PermissionBody};
use crate::graph::query::{NotModified, Query, USUAL_PAGE, not_modified};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveItem, IdentitySet};
use crate::service::drive::{self, PageRequest, Upload};
use crate::service::links;
use crate::service::rights::{self, Shared, ToRead, ToWrite};

/// What `/shares/{id}` shows.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedDriveItem {
    #[serde(rename = "@odata.context")]
    context: String,
    id: String,
    name: String,
    owner: IdentitySet,
    drive_item: Option<DriveItem>,
    root: Option<DriveItem>,
    #[serde(rename = "children@odata.nextLink")]
    children_next_link: Option<String>,
    #[schema(value_type = Option<Vec<DriveItem>>)]
    children: Option<Vec<Entry>>,
}

/// What of a share can be expanded.
const EXPANDED: [&str; 3] = ["driveItem", "children", "root"];

/// The id by which `/shares/{id}` knows it.
fn share_id(site: &Site, shared: &Shared) -> Result<String> {
    match shared.link() {
        Some(link) => links::share_id(site.service(), link),
        None => Ok(shared.whole().id.to_string()),
    }
}

/// Opens a link: says what is shared, and by whom.
///
/// Needs no token if the link's scope is `anonymous`.
#[utoipa::path(get, path = TABLE, params(InShare, ExpandShare, Select, IfNoneMatch), security((), ("token" = [])),
    responses((status = 200, description = "Done", body = SharedDriveItem), NotModified, ErrorBody))]
pub async fn get_share(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let expanded = query.expanded(&EXPANDED)?;
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    if shared.to_read().is_ok()
        && let Some(answer) = not_modified(&preconditions, shared.whole())
    {
        return Ok(answer);
    }
    let mut share = SharedDriveItem {
        context: wire::context(&site, "shares/$entity"),
        id: share_id(&site, &shared)?,
        name: shared.whole().name.clone(),
        owner: IdentitySet::of_owner(&shared.whole().drive),
        drive_item: None,
        root: None,
        children_next_link: None,
        children: None,
    };
    if expanded.is_empty() {
        return Ok(HttpResponse::Ok().json(query.shape(share)?));
    }
    let right = shared.to_read()?;
    let item = || wire::shared_item(&site, &shared, &right, right.item());
    let turn = site.service().turns.lists.take(shared.who()).await?;
    for member in expanded {
        match member {
            "driveItem" => share.drive_item = Some(item()?),
            "root" => share.root = Some(item()?),
            // A file has none.
            _ if right.item().kind() == Kind::File => share.children = Some(Vec::new()),
            _ => {
                let wanted = PageRequest::first(USUAL_PAGE);
                let page = shared_page(&site, &Query::parse(""), &wanted, &shared, &right).await?;
                share.children_next_link = page.next_link;
                share.children = Some(page.value);
            }
        }
    }
    Ok(list::answer(turn, &query.shape(share)?))
}

/// Gets the permission behind a link: its type, scope and role.
#[utoipa::path(get, path = TABLE, params(InShare, Select, IfNoneMatch), security((), ("token" = [])),
    responses((status = 200, description = "Done", body = PermissionBody), NotModified, ErrorBody))]
pub async fn get_shared_permission(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    if shared.to_read().is_ok()
        && let Some(answer) = not_modified(&preconditions, shared.whole())
    {
        return Ok(answer);
    }
    let permission = permissions::permission(&site, &links::shared_permission(&shared))?;
    Ok(HttpResponse::Ok().json(query.shape(permission.with_context(&site))?))
}

/// Gets the file or folder that is shared.
///
/// `@microsoft.graph.downloadUrl` leads to a file's bytes and needs no token.
#[utoipa::path(get, path = TABLE, params(InShare, ExpandChildren, Select, IfNoneMatch),
    security((), ("token" = [])),
    responses((status = 200, description = "Done", body = DriveItem), NotModified, ErrorBody))]
pub async fn get_shared_item(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    let right = shared.to_read()?;
    if let Some(answer) = not_modified(&preconditions, right.item()) {
        return Ok(answer);
    }
    counting::view(&site, &request, &shared, visitor.0.as_deref());
    if query.asks_nothing() {
        return Ok(wire::json_text(wire::shared_item_text(&site, &shared, &right)?));
    }
    let mut item = wire::shared_item(&site, &shared, &right, right.item())?.with_context(&site);
    if query.expands_children()? && right.item().kind() == Kind::Folder {
        let turn = site.service().turns.lists.take(shared.who()).await?;
        let wanted = PageRequest::first(USUAL_PAGE);
        item = item.with_children(shared_page(&site, &Query::parse(""), &wanted, &shared, &right).await?);
        return Ok(list::answer(turn, &query.shape(item)?));
    }
    Ok(HttpResponse::Ok().json(query.shape(item)?))
}

/// Lists what is in a shared folder.
///
/// In pages: follow `@odata.nextLink` until there is none.
#[utoipa::path(get, path = TABLE, params(InShare, Top, OrderBy, Select, SkipToken, IfNoneMatch),
    security((), ("token" = [])),
    responses((status = 200, description = "Done", body = Collection<DriveItem>), NotModified, ErrorBody))]
pub async fn list_shared_children(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let wanted = query.page()?;
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    let right = shared.to_read()?;
    if let Some(answer) = not_modified(&preconditions, right.item()) {
        return Ok(answer);
    }
    let turn = site.service().turns.lists.take(shared.who()).await?;
    Ok(list::answer(turn, &shared_page(&site, &query, &wanted, &shared, &right).await?))
}

async fn shared_page(
    site: &Site,
    query: &Query,
    wanted: &PageRequest,
    shared: &Shared,
    right: &ToRead,
) -> Result<Collection<Entry>> {
    let page = drive::list_children(site.service(), right, wanted).await?;
    let shown = page.items.iter().map(|item| wire::shared_item(site, shared, right, item));
    let entries = list::fill(query, shown)?;
    let share = share_id(site, shared)?;
    let next_link = page.next_after(entries.len()).map(|next| {
        let query = query.next_page(wanted, &next);
        format!("{}/v1.0/shares/{share}/items/{}/children?{query}", site.url, right.item().id)
    });
    Ok(Collection::new(wire::context(site, "Collection(driveItem)"), next_link, entries))
}

/// Downloads a shared file.
///
/// Answers 302; `Location` is a URL of the bytes that needs no token. Browsers follow it by themselves.
#[utoipa::path(get, path = TABLE, params(InShare, IfNoneMatch), security((), ("token" = [])),
    responses(Redirect, NotModified, ErrorBody))]
pub async fn download_shared_content(
    visitor: Visitor,
    address: SharedAddress,
    _query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    shared.to_download()?;
    let right = shared.to_read()?;
    if let Some(answer) = not_modified(&preconditions, right.item()) {
        return Ok(answer);
    }
    redirect(wire::download_url(&site, &right, right.item()))
}

/// Opens an item that a link permits to write to, or to put files into. Any other link is told what a wrong one is. The
/// path need not be there yet.
pub async fn open_to_write(
    site: &Site,
    visitor: &Visitor,
    mut address: SharedAddress,
) -> Result<(Shared, ToWrite, ItemPath)> {
    let path = std::mem::take(&mut address.path);
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    let to = shared.to_add(site.service(), visitor.0.as_deref()).await?;
    Ok((shared, to, path))
}

/// Replaces a shared file's content.
///
/// Needs a link of type `edit`. With a link to a folder, name the file in the address:
/// `/v1.0/shares/{share_id}/driveItem:/name.txt:/content`; `createOnly` is enough there.
#[utoipa::path(put, path = TABLE, params(InShare, OnConflict, IfMatch, IfNoneMatch, Select),
    security((), ("token" = [])),
    request_body(content = inline(FileBytes), content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The file with its new version", body = DriveItem),
        (status = 201, description = "The new file", body = DriveItem),
        ErrorBody
    ))]
pub async fn upload_shared_content(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    body: UploadBody,
    site: Site,
) -> Result<HttpResponse> {
    let conflict = query.conflict(Conflict::Replace)?;
    let (shared, to, path) = open_to_write(&site, &visitor, address).await?;
    drive::check_target(to.base(), &path)?;
    if let Some(length) = body.declared_length().filter(|length| *length > drive::READ_AT_ONCE) {
        drive::check_room(site.service(), &to, &path, length).await?;
    }
    let target = Upload { to: &to, path: &path, conflict, preconditions: &preconditions };
    let limit = body.size_limit();
    let (made, is_new) = drive::upload(site.service(), &target, limit, body.into_stream()?).await?;
    if to.only_adds() {
        return Ok(uploaded(true).json(wire::SentItem::new(&site, &made.item.name, made.item.size())));
    }
    let item = wire::shared_item(&site, &shared, &shared.to_read()?, &made.item)?;
    Ok(uploaded(is_new).json(query.shape(item.with_context(&site))?))
}

/// Makes a folder in a shared folder.
///
/// Needs a link of type `edit`.
#[utoipa::path(post, path = TABLE, params(InShare, OnConflict, Select), security((), ("token" = [])),
    request_body = NewFolder,
    responses(
        (status = 200, description = "The folder that was there", body = DriveItem),
        (status = 201, description = "The new folder", body = DriveItem),
        ErrorBody
    ))]
pub async fn create_shared_folder(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    body: JsonBody<NewFolder>,
    site: Site,
) -> Result<HttpResponse> {
    let (name, properties, conflict) = body.0.folder(&query)?;
    let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
    let to = shared.to_write(site.service(), visitor.0.as_deref()).await?;
    let (folder, is_new) = drive::create_folder(site.service(), &to, &name, &properties, conflict).await?;
    let item = wire::shared_item(&site, &shared, &shared.to_read()?, &folder.item)?;
    Ok(uploaded(is_new).json(query.shape(item.with_context(&site))?))
}
