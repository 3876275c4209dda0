//! The JSON that clients read, and how it is made of what the operations give.
//!
//! Member names and their order are Graph's:
//! <https://learn.microsoft.com/graph/api/resources/driveitem>,
//! <https://learn.microsoft.com/graph/api/resources/permission>. What is absent is left out, never `null`.

use actix_web::HttpResponse;
use bytes::Bytes;
use chrono::SecondsFormat;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::domain::address::{DriveAddress, ItemAddress};
use crate::domain::identity::{Application, User};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{Drive, Hashes, Item, ItemContent, Stamp};
use crate::error::{Error, Result};
use crate::graph::list::Entry;
use crate::graph::site::Site;
use crate::service::PlacedItem;
use crate::service::drive::Usage;
use crate::service::links;
use crate::service::rights::{Shared, ToRead};

/// What may stand in a path's segment as it is (RFC 3986, `pchar`), so that paths stay readable.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'(')
    .remove(b')');

/// RFC 3339 in UTC with milliseconds: some clients read no finer.
pub fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A list as OData has it.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct Collection<T> {
    #[serde(rename = "@odata.context")]
    pub context: String,
    #[serde(rename = "@odata.nextLink")]
    pub next_link: Option<String>,
    /// Where to ask for what changes from now on.
    #[serde(rename = "@odata.deltaLink")]
    pub delta_link: Option<String>,
    pub value: Vec<T>,
}

impl<T> Collection<T> {
    pub fn new(context: String, next_link: Option<String>, value: Vec<T>) -> Self {
        Self { context, next_link, delta_link: None, value }
    }
}

/// What is in a list that is always empty.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nothing {}

impl Collection<Nothing> {
    pub fn nothing(site: &Site, of: &str) -> Self {
        Self::new(context(site, &format!("Collection({of})")), None, Vec::new())
    }
}

#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IdentitySet {
    user: Option<Identity>,
    application: Option<Identity>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    id: String,
    display_name: Option<String>,
}

impl IdentitySet {
    pub fn of(user: Option<&User>, application: Option<&Application>) -> Option<Self> {
        if user.is_none() && application.is_none() {
            return None;
        }
        Some(Self { user: user.map(person), application: application.map(identity_of) })
    }

    pub fn of_owner(drive: &Drive) -> Self {
        Self { user: Some(person(&drive.owner())), application: None }
    }
}

/// Somebody whose name is not known is called by their id.
fn person(user: &User) -> Identity {
    let name = user.name.as_ref().unwrap_or(&user.id);
    Identity { id: user.id.clone(), display_name: Some(name.clone()) }
}

pub fn identity_of(application: &Application) -> Identity {
    Identity { id: application.id.clone(), display_name: application.name.clone() }
}

#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriveBody {
    #[serde(rename = "@odata.context")]
    context: Option<String>,
    id: String,
    name: &'static str,
    drive_type: &'static str,
    owner: IdentitySet,
    quota: Quota,
}

/// Bytes.
#[derive(Debug, Serialize, ToSchema)]
struct Quota {
    total: i64,
    used: i64,
    remaining: i64,
    deleted: i64,
    state: &'static str,
}

pub fn drive(drive: &Drive, usage: Usage) -> DriveBody {
    DriveBody {
        context: None,
        id: drive.id.to_string(),
        name: "OneDrive",
        drive_type: DRIVE_TYPE,
        owner: IdentitySet::of_owner(drive),
        quota: Quota {
            total: usage.total,
            used: usage.used,
            remaining: usage.remaining(),
            deleted: usage.deleted,
            state: state(usage),
        },
    }
}

/// How full a drive is, in Microsoft's words: <https://learn.microsoft.com/graph/api/resources/quota>
fn state(usage: Usage) -> &'static str {
    let remaining = usage.remaining();
    match usage.total {
        _ if usage.used > usage.total => "exceeded",
        total if remaining < total / 100 => "critical",
        total if remaining < total / 10 => "nearing",
        _ => "normal",
    }
}

impl DriveBody {
    pub fn with_context(mut self, site: &Site) -> Self {
        self.context = Some(context(site, "drives/$entity"));
        self
    }
}

const DRIVE_TYPE: &str = "personal";

/// The `@odata.context` of an answer.
pub fn context(site: &Site, entity: &str) -> String {
    format!("{}/v1.0/$metadata#{entity}", site.url)
}

#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemReference {
    drive_id: String,
    drive_type: &'static str,
    id: Option<String>,
    path: Option<String>,
}

impl ItemReference {
    pub fn new(drive: DriveId, id: Option<ItemId>, path: Option<String>) -> Self {
        Self { drive_id: drive.to_string(), drive_type: DRIVE_TYPE, id: id.map(|id| id.to_string()), path }
    }
}

/// `/drives/{id}/root:/a/b`, encoded so that a client may put it into a URL as it is.
pub fn path_of(drive: DriveId, folders: &[String]) -> String {
    format!("/drives/{drive}/root:{}", encoded(folders))
}

/// `/a/b%20c`; nothing for none.
fn encoded(folders: &[String]) -> String {
    let mut path = String::new();
    for folder in folders {
        path.push('/');
        path.extend(utf8_percent_encode(folder, PATH));
    }
    path
}

/// A file or a folder.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriveItem {
    #[serde(rename = "@odata.context")]
    context: Option<String>,
    #[serde(rename = "@microsoft.graph.downloadUrl")]
    graph_download_url: Option<String>,
    #[serde(rename = "@content.downloadUrl")]
    content_download_url: Option<String>,
    id: String,
    name: String,
    size: i64,
    e_tag: String,
    c_tag: Option<String>,
    created_date_time: String,
    last_modified_date_time: String,
    created_by: Option<IdentitySet>,
    last_modified_by: Option<IdentitySet>,
    parent_reference: ItemReference,
    web_url: String,
    file_system_info: FileSystemInfo,
    description: Option<String>,
    file: Option<FileFacet>,
    folder: Option<FolderFacet>,
    root: Option<EmptyFacet>,
    shared: Option<SharedFacet>,
    deleted: Option<EmptyFacet>,
    #[serde(rename = "children@odata.nextLink")]
    children_next_link: Option<String>,
    #[schema(no_recursion)]
    #[schema(value_type = Option<Vec<DriveItem>>)]
    children: Option<Vec<Entry>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FileSystemInfo {
    created_date_time: String,
    last_modified_date_time: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FileFacet {
    mime_type: String,
    hashes: HashesBody,
}

/// What is not known yet is not there.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HashesBody {
    quick_xor_hash: Option<String>,
    sha1_hash: Option<String>,
    sha256_hash: Option<String>,
}

impl HashesBody {
    fn of(hashes: &Hashes) -> Self {
        let known = |hash: &String| (!hash.is_empty()).then(|| hash.clone());
        Self {
            quick_xor_hash: known(&hashes.quick_xor),
            sha1_hash: known(&hashes.sha1),
            sha256_hash: known(&hashes.sha256),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FolderFacet {
    child_count: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct EmptyFacet {}

#[derive(Debug, Serialize, ToSchema)]
struct SharedFacet {
    owner: IdentitySet,
    scope: &'static str,
}

/// How an item is shown, which depends on who looks.
struct View<'a> {
    parent: ItemReference,
    web_url: String,
    download_url: Option<String>,
    item: &'a Item,
}

fn drive_item(view: View<'_>) -> DriveItem {
    let item = view.item;
    DriveItem {
        context: None,
        graph_download_url: view.download_url.clone(),
        content_download_url: view.download_url,
        id: item.id.to_string(),
        name: item.name.clone(),
        size: item.size(),
        e_tag: item.etag(),
        c_tag: item.ctag(),
        created_date_time: time(item.created.at),
        last_modified_date_time: time(item.modified.at),
        created_by: identities(&item.created),
        last_modified_by: identities(&item.modified),
        parent_reference: view.parent,
        web_url: view.web_url,
        file_system_info: FileSystemInfo {
            created_date_time: time(item.client_created_at.unwrap_or(item.created.at)),
            last_modified_date_time: time(item.client_modified_at.unwrap_or(item.modified.at)),
        },
        description: item.description.clone(),
        file: item.file().map(|file| FileFacet {
            mime_type: file.mime_type.clone(),
            hashes: HashesBody::of(&file.hashes),
        }),
        folder: match item.content {
            ItemContent::Folder { child_count, .. } => Some(FolderFacet { child_count }),
            ItemContent::File(_) => None,
        },
        deleted: item.deleted.then_some(EmptyFacet {}),
        children_next_link: None,
        children: None,
        root: item.id.is_root().then_some(EmptyFacet {}),
        shared: item
            .shared
            .map(|scope| SharedFacet { owner: IdentitySet::of_owner(&item.drive), scope: scope.as_str() }),
    }
}

pub fn identities(stamp: &Stamp) -> Option<IdentitySet> {
    IdentitySet::of(stamp.user.as_ref(), stamp.application.as_ref())
}

impl DriveItem {
    /// With the context that an answer of its own has.
    pub fn with_context(mut self, site: &Site) -> Self {
        self.context = Some(context(site, "driveItem"));
        self
    }

    pub fn with_children(mut self, page: Collection<Entry>) -> Self {
        self.children_next_link = page.next_link;
        self.children = Some(page.value);
        self
    }
}

/// An item as those see it who manage it.
pub fn managed_item(site: &Site, right: &ToRead, placed: &PlacedItem) -> DriveItem {
    managed_item_in(site, right, &placed.item, &placed.folders)
}

fn managed_item_in(site: &Site, right: &ToRead, item: &Item, folders: &[String]) -> DriveItem {
    let id = item.parent.map(|number| ItemId { number, ..item.id });
    let path = id.map(|_| path_of(item.id.drive, folders));
    let parent = ItemReference::new(item.id.drive, id, path);
    let download_url = download_url(site, right, item);
    drive_item(View { parent, web_url: item_url(site, item.id), download_url, item })
}

/// How paths begin in an answer: as the drive was addressed.
pub enum PathForm {
    /// `/drive/root:`
    Mine,
    /// `/drives/{id}/root:`
    Id,
}

impl PathForm {
    pub fn of(address: &ItemAddress) -> Self {
        match address {
            ItemAddress::InDrive { drive: DriveAddress::Mine, .. } => Self::Mine,
            _ => Self::Id,
        }
    }

    pub fn drive(&self, drive: DriveId) -> String {
        match self {
            Self::Mine => "/drive".to_owned(),
            Self::Id => format!("/drives/{drive}"),
        }
    }
}

/// An item in a list of changes. A client that keeps a copy takes an item without a path for a root.
pub fn changed_item(site: &Site, right: &ToRead, placed: &PlacedItem, form: &PathForm) -> DriveItem {
    let item = &placed.item;
    let id = item.parent.map(|number| ItemId { number, ..item.id });
    let path = id.map(|_| format!("{}/root:{}", form.drive(item.id.drive), encoded(&placed.folders)));
    let parent = ItemReference::new(item.id.drive, id, path);
    let download_url = download_url(site, right, item);
    drive_item(View { parent, web_url: item_url(site, item.id), download_url, item })
}

/// A folder's items as those see them who manage it, one after the other.
pub fn managed_children<'a>(
    site: &'a Site,
    right: &'a ToRead,
    folder: &PlacedItem,
    items: &'a [Item],
) -> impl Iterator<Item = Result<DriveItem>> + 'a {
    let mut folders = folder.folders.to_vec();
    if !folder.item.id.is_root() {
        folders.push(folder.item.name.clone());
    }
    items.iter().map(move |item| Ok(managed_item_in(site, right, item, &folders)))
}

/// What was opened, or an item in it, as a visitor sees it: nothing of where it is outside of what is shared.
pub fn shared_item(site: &Site, shared: &Shared, right: &ToRead, item: &Item) -> Result<DriveItem> {
    let is_whole = item.id == shared.whole().id;
    let parent = item.parent.filter(|_| !is_whole).map(|number| ItemId { number, ..item.id });
    let web_url = match shared.link() {
        Some(link) if is_whole => link.url(&site.url, &links::authkey(site.service(), link)?),
        _ => item_url(site, item.id),
    };
    let download_url = download_url(site, right, item);
    let parent = ItemReference::new(item.id.drive, parent, None);
    Ok(drive_item(View { parent, web_url, download_url, item }))
}

/// An answer that is written already.
pub fn json_text(text: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(text)
}

/// The same of what was opened, written: as it was for who opened it before, where that still holds.
pub fn shared_item_text(site: &Site, shared: &Shared, right: &ToRead) -> Result<Bytes> {
    let now = site.service().clock.now();
    if let Some(text) = shared.shown().and_then(|shown| shown.get(&site.url, now)) {
        return Ok(text);
    }
    let item = shared_item(site, shared, right, right.item())?.with_context(site);
    let text = Bytes::from(serde_json::to_vec(&item).map_err(Error::internal)?);
    if let Some(shown) = shared.shown() {
        shown.keep(&site.url, now, now + site.service().limits.ticket_shown(), text.clone());
    }
    Ok(text)
}

/// An item as a visitor sees it who has just uploaded it, and shows no link any more: without what
/// only the link opens.
pub fn uploaded_item(site: &Site, item: &Item) -> DriveItem {
    let parent = ItemReference::new(item.id.drive, None, None);
    drive_item(View { parent, web_url: item_url(site, item.id), download_url: None, item })
}

/// What somebody sent who may see nothing of where it went: no more than they know themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct SentItem {
    #[serde(rename = "@odata.context")]
    context: String,
    name: String,
    size: i64,
    file: EmptyFacet,
}

impl SentItem {
    pub fn new(site: &Site, name: &str, size: i64) -> Self {
        let context = context(site, "driveItem");
        Self { context, name: name.to_owned(), size, file: EmptyFacet {} }
    }
}

/// An item's own URL, which opens it to those who manage it.
fn item_url(site: &Site, item: ItemId) -> String {
    format!("{}/redir?resid={item}", site.url)
}

/// A short-lived URL of a file's bytes that needs no token. None where there are none, or they may not be had.
pub fn download_url(site: &Site, right: &ToRead, item: &Item) -> Option<String> {
    right.ticket(site.service(), item).map(|ticket| ticket_url(site, &ticket))
}

pub fn ticket_url(site: &Site, ticket: &str) -> String {
    format!("{}/download/{ticket}", site.url)
}
