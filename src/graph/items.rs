//! Drives and items: `/drive`, `/drive/items/{id}` and what follows them.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::{Datelike, SubsecRound, Timelike};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::access::{PlacedItem, get_item, locate, managed_drive};
use crate::auth::Granted;
use crate::clock::Timestamp;
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::item::{ItemId, Kind};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::scope::{FilesRead, FilesReadWrite};
use crate::domain::upload::Conflict;
use crate::drive::{
    self, Author, ChangePlace, ChildrenPage, Copy, Destination, ItemUpdate, Restoration, Since, Upload,
    WantedPage,
};
use crate::error::{Error, Result};
use crate::graph::address::{Argument, parse_reference};
use crate::graph::body::{JsonBody, UploadBody};
use crate::graph::errors::ErrorBody;
use crate::graph::list::{self, Entry};
use crate::graph::openapi::{InDrive, PageParams};
use crate::graph::query::{LARGEST_PAGE, PAGE, Query, parse_conflict};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveBody, DriveItem};
use crate::limits::Who;

/// The caller's drive, made at the first call.
#[utoipa::path(get, path = "/v1.0/me/drive", tag = "Drives", operation_id = "items_get_drive", responses((status = 200, description = "Done", body = DriveBody), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn get_drive(
    granted: Granted<FilesRead>,
    address: DriveAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let drive = managed_drive(&site, &granted.caller, &address).await?;
    let used = drive::bytes_used(&site, &drive).await?;
    Ok(HttpResponse::Ok().json(query.shape(wire::drive(&drive, used).with_context(&site))?))
}

/// The drives that the caller manages: their own.
#[utoipa::path(get, path = "/v1.0/me/drives", tag = "Drives", operation_id = "items_list_drives", responses((status = 200, description = "Done", body = Collection<DriveBody>), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn list_drives(granted: Granted<FilesRead>, query: Query, site: Site) -> Result<HttpResponse> {
    let drive = managed_drive(&site, &granted.caller, &DriveAddress::Mine).await?;
    let used = drive::bytes_used(&site, &drive).await?;
    let context = wire::context(&site, "Collection(drive)");
    let list = Collection::new(context, None, vec![wire::drive(&drive, used)]);
    Ok(HttpResponse::Ok().json(query.shape(list)?))
}

/// An item.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}", tag = "Items", operation_id = "items_get", params(InDrive), responses((status = 200, description = "Done", body = DriveItem), (status = 304, description = "Not changed"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn get(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let placed = get_item(&site, &granted.caller, &address).await?;
    let seen = Preconditions { if_match: None, if_none_match: preconditions.if_none_match };
    if !seen.hold(Some(&placed.item)) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, placed.item.etag())).finish());
    }
    let mut item = wire::managed_item(&site, &placed).with_context(&site);
    if query.expands_children()? && placed.item.kind() == Kind::Folder {
        let (wanted, who) = (WantedPage::first(PAGE), Who::from(&*granted.caller));
        let turn = site.turns.lists.take(who.clone()).await?;
        let page = drive::list_children_of(&site, who, &placed.item, &wanted).await?;
        item = item.with_children(managed_page(&site, &Query::parse(""), &wanted, &placed, &page)?);
        return Ok(list::answer(turn, &query.shape(item)?));
    }
    Ok(HttpResponse::Ok().json(query.shape(item)?))
}

/// The items of a folder, in pages.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/children", tag = "Items", operation_id = "items_children", params(InDrive, PageParams), responses((status = 200, description = "Done", body = Collection<DriveItem>), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn children(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let wanted = query.page()?;
    if query.expands_children()? {
        return Err(Error::NotSupported(
            "Children of children can't be expanded: ask each folder for its own.",
        ));
    }
    let turn = site.turns.lists.take((&*granted.caller).into()).await?;
    let (folder, page) = drive::list_children(&site, &granted.caller, &address, &wanted).await?;
    Ok(list::answer(turn, &managed_page(&site, &query, &wanted, &folder, &page)?))
}

fn managed_page(
    site: &Site,
    query: &Query,
    wanted: &WantedPage,
    folder: &PlacedItem,
    page: &ChildrenPage,
) -> Result<Collection<Entry>> {
    let id = folder.item.id;
    let entries = list::fill(query, wire::managed_children(site, folder, &page.items))?;
    let next_link = page.next_after(entries.len()).map(|next| {
        let query = query.next_page(wanted, &next);
        format!("{}/v1.0/drives/{}/items/{id}/children?{query}", site.url, id.drive)
    });
    Ok(Collection::new(wire::context(site, "Collection(driveItem)"), next_link, entries))
}

/// Items below a folder whose names have a text in them.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/search(q='{text}')", tag = "Items", operation_id = "items_search", params(InDrive, ("text" = String, Path, pattern = "^[a-z]{1,20}$", description = "A part of the names; a quote in it is doubled")), responses((status = 200, description = "Done", body = Collection<DriveItem>), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn search(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    argument: Argument,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let text = argument.0.or_else(|| query.get("q").map(str::to_owned)).unwrap_or_default();
    let bad = || Error::invalid_request("$skipToken is not one of ours.");
    let after = query.get("skipToken").map_or(Ok(0), str::parse).map_err(|_| bad())?;
    let top = query.top(PAGE, LARGEST_PAGE)?;
    let turn = site.turns.lists.take((&*granted.caller).into()).await?;
    let found = drive::search(&site, &granted.caller, &address, &text, after, top).await?;
    let entries = list::fill(&query, found.items.iter().map(|placed| Ok(wire::managed_item(&site, placed))))?;
    let next_link = found.next_after(entries.len()).map(|next| {
        let (folder, select) = (found.folder, query.passed_on(&["select"]));
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        format!(
            "{}/v1.0/drives/{}/items/{folder}/search?q={text}&$top={top}&$skipToken={next}{select}",
            site.url, folder.drive
        )
    });
    let context = wire::context(&site, "Collection(driveItem)");
    Ok(list::answer(turn, &Collection::new(context, next_link, entries)))
}

/// What has changed in a drive since a token was given.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/root/delta", tag = "Items", operation_id = "items_delta", params(("drive_id" = String, Path, pattern = "^[0-9A-F]{16}$"), ("token" = Option<String>, Query, description = "That of a link of an answer before, or latest")), responses((status = 200, description = "Done", body = Collection<DriveItem>), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn delta(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    argument: Argument,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let token = argument.0.or_else(|| query.get("token").map(str::to_owned));
    let since = match token.as_deref() {
        None | Some("") => Since::Beginning,
        Some("latest") => Since::Now,
        Some(token) => Since::Place(parse_change(token).ok_or(Error::ResyncRequired)?),
    };
    let top = query.top(PAGE, LARGEST_PAGE)?;
    let turn = site.turns.lists.take((&*granted.caller).into()).await?;
    let page = drive::list_changes(&site, &granted.caller, &address, since, top).await?;
    let entries = list::fill(&query, page.items.iter().map(|item| Ok(wire::changed_item(&site, item))))?;
    let (next, has_more) = page.next_after(entries.len());
    let token = write_change(next);
    let drive = page.drive;
    let select = query.passed_on(&["select"]);
    let link = format!("{}/v1.0/drives/{drive}/root/delta?token={token}&$top={top}{select}", site.url);
    let mut list = Collection::new(wire::context(&site, "Collection(driveItem)"), None, entries);
    if has_more {
        list.next_link = Some(link);
    } else {
        list.delta_link = Some(link);
    }
    Ok(list::answer(turn, &list))
}

fn write_change(place: ChangePlace) -> String {
    match place.began_at {
        Some(began_at) => format!("{}.{}.{began_at}", place.change, place.item),
        None => format!("{}.{}", place.change, place.item),
    }
}

fn parse_change(token: &str) -> Option<ChangePlace> {
    let mut numbers = token.split('.').map(|number| number.parse::<i64>().ok().filter(|number| *number >= 0));
    let (change, item) = (numbers.next()??, numbers.next()??);
    let began_at = match numbers.next() {
        Some(number) => Some(number?),
        None => None,
    };
    numbers.next().is_none().then_some(ChangePlace { change, item, began_at })
}

#[derive(Deserialize, ToSchema)]
pub struct NewFolder {
    name: String,
    #[schema(value_type = Object)]
    folder: Option<IgnoredAny>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

/// Makes a folder.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/children", tag = "Items", operation_id = "items_create_folder", params(InDrive), request_body = NewFolder, responses((status = 201, description = "Made", body = DriveItem), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn create_folder(
    granted: Granted<FilesReadWrite>,
    parent: ItemAddress,
    body: JsonBody<NewFolder>,
    site: Site,
) -> Result<HttpResponse> {
    if body.0.folder.is_none() {
        return Err(Error::invalid_request("The body has no member «folder»: files are made by uploading."));
    }
    let name = Name::parse(&body.0.name)?;
    let conflict = body.0.conflict.as_deref().map_or(Ok(Conflict::Fail), parse_conflict)?;
    let folder = drive::create_folder(&site, &granted.caller, &parent, &name, conflict).await?;
    Ok(HttpResponse::Created().json(wire::managed_item(&site, &folder).with_context(&site)))
}

/// Leads to a file's bytes.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/content", tag = "Items", operation_id = "items_download", params(InDrive), responses((status = 302, description = "Where the bytes are"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn download(granted: Granted<FilesRead>, address: ItemAddress, site: Site) -> Result<HttpResponse> {
    let item = locate(&site, &granted.caller, &address).await?;
    drive::Download::of(&item)?;
    Ok(see(wire::download_url(&site, item.id, None, None)))
}

/// Sends the client to a URL that needs no token.
pub fn see(url: String) -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, url)).finish()
}

/// Gives a file new content, up to 250 MB.
#[utoipa::path(put, path = "/v1.0/drives/{drive_id}/items/{item_id}/content", tag = "Items", operation_id = "items_upload", params(InDrive), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, description = "Done", body = DriveItem), (status = 201, description = "Made", body = DriveItem), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn upload(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    body: UploadBody,
    site: Site,
) -> Result<HttpResponse> {
    let conflict = query.conflict(Conflict::Replace)?;
    let (base, path) = split_target(&address);
    let base = locate(&site, &granted.caller, &base).await?;
    let author = Author::of(&site, &granted.caller).await?;
    let target = Upload {
        base: base.id,
        path: &path,
        conflict,
        preconditions: &preconditions,
        author: &author,
        through: None,
    };
    drive::check_target(&base, &path)?;
    let limit = body.size_limit();
    let (item, is_new) = drive::upload(&site, &target, limit, body.into_stream()?).await?;
    Ok(uploaded(is_new).json(wire::managed_item(&site, &item).with_context(&site)))
}

/// The start of an address's path, which must exist, and the path, which need not.
pub fn split_target(address: &ItemAddress) -> (ItemAddress, ItemPath) {
    let mut start = address.clone();
    let path = match &mut start {
        ItemAddress::InDrive { path, .. } => std::mem::take(path),
        ItemAddress::Shared(shared) => std::mem::take(&mut shared.path),
    };
    (start, path)
}

pub fn uploaded(is_new: bool) -> actix_web::HttpResponseBuilder {
    if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemChange {
    name: Option<String>,
    parent_reference: Option<ParentReference>,
    file_system_info: Option<FileSystemInfo>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ParentReference {
    drive_id: Option<String>,
    id: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSystemInfo {
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "client_time")]
    pub created_date_time: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "client_time")]
    pub last_modified_date_time: Option<Timestamp>,
}

/// A time that all clients can read again: of a year with four digits, and of no leap second.
fn client_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(at) = Option::<Timestamp>::deserialize(deserializer)? else { return Ok(None) };
    if !(1..=9999).contains(&at.year()) || at.nanosecond() >= 1_000_000_000 {
        return Err(serde::de::Error::custom("a time beyond what can be kept"));
    }
    Ok(Some(at.trunc_subsecs(6)))
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

/// Renames or moves an item, or sets its times.
#[utoipa::path(patch, path = "/v1.0/drives/{drive_id}/items/{item_id}", tag = "Items", operation_id = "items_update", params(InDrive), request_body = ItemChange, responses((status = 200, description = "Done", body = DriveItem), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn update(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    body: JsonBody<ItemChange>,
    site: Site,
) -> Result<HttpResponse> {
    let change = body.0;
    let times = change.file_system_info.as_ref();
    let update = ItemUpdate {
        name: change.name.as_deref().map(Name::parse).transpose()?,
        destination: change.parent_reference.as_ref().map_or(Ok(None), ParentReference::destination)?,
        client_created_at: times.and_then(|times| times.created_date_time),
        client_modified_at: times.and_then(|times| times.last_modified_date_time),
        conflict: change.conflict.as_deref().map_or(Ok(Conflict::Fail), parse_conflict)?,
    };
    let item = drive::update_item(&site, &granted.caller, &address, &update, &preconditions).await?;
    Ok(HttpResponse::Ok().json(wire::managed_item(&site, &item).with_context(&site)))
}

/// Puts an item into the recycle bin.
#[utoipa::path(delete, path = "/v1.0/drives/{drive_id}/items/{item_id}", tag = "Items", operation_id = "items_delete", params(InDrive), responses((status = 204, description = "Done"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn delete(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    drive::delete_item(&site, &granted.caller, &address, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes an item away for good.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/permanentDelete", tag = "Items", operation_id = "items_purge", params(InDrive), responses((status = 204, description = "Done"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn purge(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    drive::purge_item(&site, &granted.caller, &address, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Copies, and answers as if the copy went on: clients of Microsoft's API ask the URL they are given
/// until it is done, which here it is.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/copy", tag = "Items", operation_id = "items_copy", params(InDrive), request_body = ItemChange, responses((status = 202, description = "Under way"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn copy(
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
    let copy = Copy {
        destination: body.0.parent_reference.as_ref().map_or(Ok(None), ParentReference::destination)?,
        name: body.0.name.as_deref().map(Name::parse).transpose()?,
        conflict,
    };
    let made = drive::copy_item(&site, &granted.caller, &address, &copy).await?;
    let monitor = format!("{}/monitor/{}", site.url, made.item.id.to_string().replace('!', "%21"));
    Ok(HttpResponse::Accepted().insert_header((header::LOCATION, monitor)).finish())
}

/// The monitor of a copy. Takes no token, as Microsoft's takes none, and tells no more than the id it
/// was asked by.
#[utoipa::path(get, path = "/monitor/{copied}", tag = "Items", operation_id = "items_monitor", params(("copied" = String, Path, pattern = "^[0-9A-F]{16}![1-9][0-9]{0,17}$")), responses((status = 200, description = "Done", body = wire::CopyStatus), (status = "default", description = "What went wrong", body = ErrorBody)), security((), ("token" = [])))]
pub async fn monitor(copied: web::Path<String>, site: Site) -> Result<HttpResponse> {
    let id: ItemId = copied.parse().map_err(|_| Error::ItemNotFound)?;
    site.store.read().await?.item(id).await?.ok_or(Error::ItemNotFound)?;
    let location = format!("{}/v1.0/drives/{}/items/{id}", site.url, id.drive);
    Ok(HttpResponse::Ok().json(wire::CopyStatus::done(id, location)))
}

/// Takes an item out of the recycle bin.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/restore", tag = "Items", operation_id = "items_restore", params(InDrive), request_body = ItemChange, responses((status = 200, description = "Done", body = DriveItem), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn restore(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    body: JsonBody<ItemChange>,
    site: Site,
) -> Result<HttpResponse> {
    let restoration = Restoration {
        name: body.0.name.as_deref().map(Name::parse).transpose()?,
        destination: body.0.parent_reference.as_ref().map_or(Ok(None), ParentReference::destination)?,
    };
    let item = drive::restore_item(&site, &granted.caller, &address, &restoration).await?;
    Ok(HttpResponse::Ok().json(wire::managed_item(&site, &item).with_context(&site)))
}

/// A file's versions, the newest first.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/versions", tag = "Versions", operation_id = "items_versions", params(InDrive), responses((status = 200, description = "Done", body = Collection<wire::VersionBody>), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn versions(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let bad = || Error::invalid_request("$skipToken is not one of ours.");
    let before = query.get("skipToken").map(str::parse).transpose().map_err(|_| bad())?;
    let top = query.top(LARGEST_PAGE, LARGEST_PAGE)?;
    let turn = site.turns.lists.take((&*granted.caller).into()).await?;
    let (id, versions, has_more) =
        drive::list_versions(&site, &granted.caller, &address, before, top).await?;
    let next_link = versions.last().filter(|_| has_more).map(|(last, _)| {
        let (drive, before) = (id.drive, last.number);
        format!("{}/v1.0/drives/{drive}/items/{id}/versions?$top={top}&$skipToken={before}", site.url)
    });
    let context = wire::context(&site, "Collection(driveItemVersion)");
    let value: Vec<_> = versions.iter().map(wire::version).collect();
    Ok(list::answer(turn, &Collection::new(context, next_link, value)))
}

/// Leads to the bytes of a version.
#[utoipa::path(get, path = "/v1.0/drives/{drive_id}/items/{item_id}/versions/{version_id}/content", tag = "Versions", operation_id = "items_version_content", params(InDrive, ("version_id" = String, Path, pattern = r"^[1-9][0-9]{0,8}\.0$")), responses((status = 302, description = "Where the bytes are"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn version_content(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    let number = wire::parse_version_id(&version)?;
    let file = drive::locate_version(&site, &granted.caller, &address, number).await?;
    Ok(see(wire::download_url(&site, file, Some(number), None)))
}

/// Takes an old version away.
#[utoipa::path(delete, path = "/v1.0/drives/{drive_id}/items/{item_id}/versions/{version_id}", tag = "Versions", operation_id = "items_delete_version", params(InDrive, ("version_id" = String, Path, pattern = r"^[1-9][0-9]{0,8}\.0$")), responses((status = 204, description = "Done"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn delete_version(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    drive::delete_version(&site, &granted.caller, &address, wire::parse_version_id(&version)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes an old version current again.
#[utoipa::path(post, path = "/v1.0/drives/{drive_id}/items/{item_id}/versions/{version_id}/restoreVersion", tag = "Versions", operation_id = "items_restore_version", params(InDrive, ("version_id" = String, Path, pattern = r"^[1-9][0-9]{0,8}\.0$")), responses((status = 204, description = "Done"), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn restore_version(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    drive::restore_version(&site, &granted.caller, &address, wire::parse_version_id(&version)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
