//! The JSON that clients read, and how it is made of what the operations give.
//!
//! Member names and their order are Graph's:
//! <https://learn.microsoft.com/graph/api/resources/driveitem>,
//! <https://learn.microsoft.com/graph/api/resources/permission>. What is absent is left out, never `null`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::SecondsFormat;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Opened, PlacedItem};
use crate::clock::Timestamp;
use crate::domain::authkey::ProvenLink;
use crate::domain::identity::{Application, User};
use crate::domain::item::{Drive, DriveId, FileVersion, Item, ItemContent, ItemId, Kind, Stamp};
use crate::domain::link::{Link, LinkId, LinkType};
use crate::domain::name::Name;
use crate::drive::ticket_for;
use crate::error::{Error, Result};
use crate::graph::list::Entry;
use crate::graph::site::Site;
use crate::sharing::{Ancestor, Permission};

/// What may stand in a path's segment as it is (RFC 3986, `pchar`), so that paths stay readable.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'(')
    .remove(b')');

/// Id of the owner's own permission, which every item has.
pub const OWNER_PERMISSION: &str = "owner";

/// RFC 3339 in UTC with milliseconds: some clients read no finer.
pub fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A list as OData has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Collection<T> {
    #[serde(rename = "@odata.context")]
    pub context: String,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
    /// Where to ask for what changes from now on.
    #[serde(rename = "@odata.deltaLink", skip_serializing_if = "Option::is_none")]
    pub delta_link: Option<String>,
    pub value: Vec<T>,
}

impl<T> Collection<T> {
    pub fn new(context: String, next_link: Option<String>, value: Vec<T>) -> Self {
        Self { context, next_link, delta_link: None, value }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IdentitySet {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<Identity>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Identity {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

impl IdentitySet {
    fn of(user: Option<&User>, application: Option<&Application>) -> Option<Self> {
        if user.is_none() && application.is_none() {
            return None;
        }
        Some(Self {
            user: user.map(|user| Identity { id: user.id.clone(), display_name: user.name.clone() }),
            application: application.map(identity_of),
        })
    }

    fn of_owner(drive: &Drive) -> Self {
        let owner = drive.owner();
        Self { user: Some(Identity { id: owner.id, display_name: owner.name }), application: None }
    }
}

fn identity_of(application: &Application) -> Identity {
    Identity { id: application.id.clone(), display_name: application.name.clone() }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriveBody {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    id: String,
    drive_type: &'static str,
    owner: IdentitySet,
    quota: Quota,
}

/// Bytes. Everlink sets no limit, so there is no total and nothing that remains of it.
#[derive(Debug, Serialize, ToSchema)]
struct Quota {
    used: i64,
    deleted: i64,
    state: &'static str,
}

pub fn drive(drive: &Drive, (used, deleted): (i64, i64)) -> DriveBody {
    DriveBody {
        context: None,
        id: drive.id.to_string(),
        drive_type: DRIVE_TYPE,
        owner: IdentitySet::of_owner(drive),
        quota: Quota { used, deleted, state: "normal" },
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

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ItemReference {
    drive_id: String,
    drive_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl ItemReference {
    fn new(drive: DriveId, id: Option<ItemId>, path: Option<String>) -> Self {
        Self { drive_id: drive.to_string(), drive_type: DRIVE_TYPE, id: id.map(|id| id.to_string()), path }
    }
}

/// `/drives/{id}/root:/a/b`, encoded so that a client may put it into a URL as it is.
fn path_of(drive: DriveId, folders: &[String]) -> String {
    let mut path = format!("/drives/{drive}/root:");
    for folder in folders {
        path.push('/');
        path.extend(utf8_percent_encode(folder, PATH));
    }
    path
}

/// A file or a folder. No member is required: `$select` may leave any out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriveItem {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(rename = "@microsoft.graph.downloadUrl", skip_serializing_if = "Option::is_none")]
    graph_download_url: Option<String>,
    #[serde(rename = "@content.downloadUrl", skip_serializing_if = "Option::is_none")]
    content_download_url: Option<String>,
    #[schema(required = false)]
    id: String,
    #[schema(required = false)]
    name: String,
    #[schema(required = false)]
    size: i64,
    #[schema(required = false)]
    e_tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_tag: Option<String>,
    #[schema(required = false)]
    created_date_time: String,
    #[schema(required = false)]
    last_modified_date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<IdentitySet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_by: Option<IdentitySet>,
    #[schema(required = false)]
    parent_reference: ItemReference,
    #[schema(required = false)]
    web_url: String,
    #[schema(required = false)]
    file_system_info: FileSystemInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileFacet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<FolderFacet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<EmptyFacet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<SharedFacet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<EmptyFacet>,
    #[serde(rename = "children@odata.nextLink", skip_serializing_if = "Option::is_none")]
    children_next_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
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

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HashesBody {
    quick_xor_hash: String,
    sha1_hash: String,
    sha256_hash: String,
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
        file: item.file().map(|file| FileFacet {
            mime_type: file.mime_type.clone(),
            hashes: HashesBody {
                quick_xor_hash: file.hashes.quick_xor.clone(),
                sha1_hash: file.hashes.sha1.clone(),
                sha256_hash: file.hashes.sha256.clone(),
            },
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

fn identities(stamp: &Stamp) -> Option<IdentitySet> {
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
pub fn managed_item(site: &Site, placed: &PlacedItem) -> DriveItem {
    managed_item_in(site, &placed.item, &placed.folders)
}

fn managed_item_in(site: &Site, item: &Item, folders: &[String]) -> DriveItem {
    let id = item.parent.map(|number| ItemId { number, ..item.id });
    let path = id.map(|_| path_of(item.id.drive, folders));
    let parent = ItemReference::new(item.id.drive, id, path);
    let download_url = item.file().map(|_| download_url(site, item.id, None, None));
    drive_item(View { parent, web_url: item_url(site, item.id), download_url, item })
}

/// An item in a list of changes: without its path, which changes with the folders above it.
pub fn changed_item(site: &Site, item: &Item) -> DriveItem {
    let id = item.parent.map(|number| ItemId { number, ..item.id });
    let parent = ItemReference::new(item.id.drive, id, None);
    let download_url = item.file().filter(|_| !item.deleted).map(|_| download_url(site, item.id, None, None));
    drive_item(View { parent, web_url: item_url(site, item.id), download_url, item })
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

impl CopyStatus {
    pub fn done(item: ItemId, resource_location: String) -> Self {
        let resource_id = item.to_string();
        Self { status: "completed", percentage_complete: 100.0, resource_id, resource_location }
    }
}

/// A folder's items as those see them who manage it, one after the other.
pub fn managed_children<'a>(
    site: &'a Site,
    folder: &PlacedItem,
    items: &'a [Item],
) -> impl Iterator<Item = Result<DriveItem>> + 'a {
    let mut folders = folder.folders.to_vec();
    if !folder.item.id.is_root() {
        folders.push(folder.item.name.clone());
    }
    items.iter().map(move |item| Ok(managed_item_in(site, item, &folders)))
}

/// What was opened, or an item in it, as a visitor sees it: nothing of where it is outside of what is shared.
pub fn shared_item(site: &Site, opened: &Opened, item: &Item) -> Result<DriveItem> {
    let is_whole = item.id == opened.shared.id;
    let parent = item.parent.filter(|_| !is_whole).map(|number| ItemId { number, ..item.id });
    let web_url = match &opened.link {
        Some((link, _)) if is_whole => link_url(site, link)?,
        _ => item_url(site, item.id),
    };
    let view = View {
        parent: ItemReference::new(item.id.drive, parent, None),
        web_url,
        download_url: item.file().map(|_| {
            let through = opened.link.as_ref().map(|(_, proven)| *proven);
            download_url(site, item.id, None, through)
        }),
        item,
    };
    Ok(drive_item(view))
}

/// An item as a visitor sees it who has just uploaded it, and shows no link any more: without what
/// only the link opens.
pub fn uploaded_item(site: &Site, item: &Item) -> DriveItem {
    let parent = ItemReference::new(item.id.drive, None, None);
    drive_item(View { parent, web_url: item_url(site, item.id), download_url: None, item })
}

/// An item's own URL, which opens it to those who manage it.
fn item_url(site: &Site, item: ItemId) -> String {
    format!("{}/redir?resid={item}", site.url)
}

/// A short-lived URL of a file's bytes that needs no token.
pub fn download_url(site: &Site, item: ItemId, version: Option<i64>, through: Option<ProvenLink>) -> String {
    format!("{}/download/{}", site.url, ticket_for(site, item, version, through))
}

/// The link's URL, the one that people pass on.
pub fn link_url(site: &Site, link: &Link) -> Result<String> {
    let authkey = authkey(site, link)?;
    let hint = match link.item_kind {
        Kind::File => {
            let extension = Name::parse(&link.item_name).map(|name| name.extension()).unwrap_or_default();
            format!("file%2c{extension}")
        }
        Kind::Folder => "folder%2c".to_owned(),
    };
    Ok(format!("{}/redir?resid={}&authkey={authkey}&ithint={hint}", site.url, link.item))
}

fn authkey(site: &Site, link: &Link) -> Result<String> {
    site.keys
        .authkey(link.item, link.id, link.key_epoch)
        .ok_or_else(|| Error::internal(format!("the key ring lacks epoch {}", link.key_epoch)))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionBody {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    id: String,
    #[schema(value_type = Vec<String>)]
    roles: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    granted_to: Option<IdentitySet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted_to_v2: Option<IdentitySet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<SharingLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_password: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inherited_from: Option<ItemReference>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SharingLink {
    r#type: &'static str,
    scope: &'static str,
    web_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_html: Option<String>,
    prevents_download: bool,
    application: Identity,
}

impl PermissionBody {
    pub fn with_context(mut self, site: &Site) -> Self {
        self.context = Some(context(site, "permission"));
        self
    }
}

/// A link with its secrets: for those who could have made it, and those who have it.
pub fn link_permission(
    site: &Site,
    link: &Link,
    inherited_from: Option<&Ancestor>,
) -> Result<PermissionBody> {
    let share_id = site
        .keys
        .share_id(link.item, link.id, link.key_epoch)
        .ok_or_else(|| Error::internal(format!("the key ring lacks epoch {}", link.key_epoch)))?;
    let web_html = match link.link_type {
        LinkType::Embed => Some(format!(
            "<iframe src=\"{}/embed?resid={}&amp;authkey={}\" width=\"98\" height=\"120\" frameborder=\"0\" scrolling=\"no\"></iframe>",
            site.url,
            link.item,
            authkey(site, link)?
        )),
        LinkType::View | LinkType::Edit => None,
    };
    Ok(PermissionBody {
        context: None,
        id: permission_id(link.id),
        roles: [link.link_type.role()],
        granted_to: None,
        granted_to_v2: None,
        link: Some(SharingLink {
            r#type: link.link_type.as_str(),
            scope: link.scope.as_str(),
            web_url: link_url(site, link)?,
            web_html,
            prevents_download: false,
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

/// A link's permission is named by its link id, which is no secret.
fn permission_id(link: LinkId) -> String {
    URL_SAFE_NO_PAD.encode(link.to_bytes())
}

/// The link that a permission's id names; none for the owner's permission.
pub fn parse_permission_id(id: &str) -> Result<Option<LinkId>> {
    if id == OWNER_PERMISSION {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(id).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| Some(LinkId::from_bytes(bytes))).ok_or(Error::ItemNotFound)
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionBody {
    id: String,
    last_modified_date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_by: Option<IdentitySet>,
    size: i64,
}

pub fn version((file, stamp): &(FileVersion, Stamp)) -> VersionBody {
    VersionBody {
        id: format!("{}.0", file.number),
        last_modified_date_time: time(stamp.at),
        last_modified_by: identities(stamp),
        size: file.size,
    }
}

/// The number of a version's id, `3.0`.
pub fn parse_version_id(id: &str) -> Result<i64> {
    let number = id.strip_suffix(".0").unwrap_or(id);
    number.parse().ok().filter(|number| *number > 0 && !id.starts_with(['0', '+'])).ok_or(Error::ItemNotFound)
}

/// What `/shares/{id}` shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedDriveItem {
    #[serde(rename = "@odata.context")]
    context: String,
    id: String,
    name: String,
    owner: IdentitySet,
}

impl SharedDriveItem {
    /// The id by which `/shares/{id}` knows it.
    pub fn share_id(&self) -> &str {
        &self.id
    }
}

pub fn shared_drive_item(site: &Site, opened: &Opened) -> SharedDriveItem {
    let id = match &opened.link {
        Some((link, _)) => site.keys.share_id(link.item, link.id, link.key_epoch).unwrap_or_default(),
        None => opened.shared.id.to_string(),
    };
    SharedDriveItem {
        context: context(site, "shares/$entity"),
        id,
        name: opened.shared.name.clone(),
        owner: IdentitySet::of_owner(&opened.shared.drive),
    }
}
