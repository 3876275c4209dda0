//! Drives and items: `/drive`, `/drive/items/{id}` and what follows them.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::access::{get_item, locate, managed_drive};
use crate::auth::{FilesRead, FilesReadWrite, Granted};
use crate::clock::Timestamp;
use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::drive::{self, Author, Destination, ItemUpdate, Restoration, Upload};
use crate::error::{Error, Result};
use crate::graph::address::parse_reference;
use crate::graph::body::{JsonBody, UploadBody};
use crate::graph::query::{Query, parse_conflict};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection};

/// Entries of a page where the client does not say, and at most.
const PAGE: usize = 200;
const LARGEST_PAGE: usize = 1_000;

pub async fn get_drive(
    granted: Granted<FilesRead>,
    address: DriveAddress,
    site: Site,
) -> Result<HttpResponse> {
    let drive = managed_drive(&site, &granted.caller, &address).await?;
    Ok(HttpResponse::Ok().json(wire::drive(&site, &drive)))
}

pub async fn get(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let placed = get_item(&site, &granted.caller, &address).await?;
    let seen = Preconditions { if_match: None, if_none_match: preconditions.if_none_match };
    if !seen.hold(Some(&placed.item)) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, placed.item.etag())).finish());
    }
    Ok(HttpResponse::Ok().json(wire::managed_item(&site, &placed).with_context(&site)))
}

pub async fn children(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let (after, top) = page_of(&query)?;
    let page = drive::list_children(&site, &granted.caller, &address, &after, top).await?;
    let folder = page.folder.item.id;
    let next_link = page
        .next
        .map(|next| next_link(&site, &format!("drives/{}/items/{folder}", folder.drive), top, &next));
    let value = wire::managed_children(&site, &page.folder, page.items);
    let context = wire::context(&site, "Collection(driveItem)");
    Ok(HttpResponse::Ok().json(Collection { context, next_link, value }))
}

/// Where a page of children starts, and how long it is to be.
pub fn page_of(query: &Query) -> Result<(String, usize)> {
    let top = query.top(PAGE, LARGEST_PAGE)?;
    let bad = || Error::invalid_request("$skipToken is not one of ours.");
    let after = match query.get("skipToken") {
        None => String::new(),
        Some(token) => {
            let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
            String::from_utf8(bytes).ok().filter(|after| !after.contains('\0')).ok_or_else(bad)?
        }
    };
    Ok((after, top))
}

/// The URL of a folder's next page.
pub fn next_link(site: &Site, folder: &str, top: usize, next: &str) -> String {
    let token = URL_SAFE_NO_PAD.encode(next);
    format!("{}/v1.0/{folder}/children?$top={top}&$skipToken={token}", site.url)
}

#[derive(Deserialize)]
pub struct NewFolder {
    name: String,
    folder: Option<IgnoredAny>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

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

pub async fn download(granted: Granted<FilesRead>, address: ItemAddress, site: Site) -> Result<HttpResponse> {
    let item = locate(&site, &granted.caller, &address).await?;
    drive::Download::of(&item)?;
    Ok(see(wire::download_url(&site, item.id, None, None)))
}

/// Sends the client to a URL that needs no token.
pub fn see(url: String) -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, url)).finish()
}

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
    let (item, is_new) = drive::upload(&site, &target, body.into_stream()?).await?;
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemChange {
    name: Option<String>,
    parent_reference: Option<ParentReference>,
    file_system_info: Option<FileSystemInfo>,
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParentReference {
    drive_id: Option<String>,
    id: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSystemInfo {
    pub created_date_time: Option<Timestamp>,
    pub last_modified_date_time: Option<Timestamp>,
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

pub async fn delete(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    drive::delete_item(&site, &granted.caller, &address, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}

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

pub async fn versions(granted: Granted<FilesRead>, address: ItemAddress, site: Site) -> Result<HttpResponse> {
    let versions = drive::list_versions(&site, &granted.caller, &address).await?;
    let context = wire::context(&site, "Collection(driveItemVersion)");
    let value: Vec<_> = versions.iter().map(wire::version).collect();
    Ok(HttpResponse::Ok().json(Collection { context, next_link: None, value }))
}

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

pub async fn restore_version(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    version: web::Path<String>,
    site: Site,
) -> Result<HttpResponse> {
    drive::restore_version(&site, &granted.caller, &address, wire::parse_version_id(&version)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
