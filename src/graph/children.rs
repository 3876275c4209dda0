//! A folder's items.

use actix_web::HttpResponse;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesRead, FilesReadWrite, Granted};
use crate::domain::item::ClientProperties;
use crate::domain::name::Name;
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::graph::body::JsonBody;
use crate::graph::content::uploaded;
use crate::graph::errors::ErrorBody;
use crate::graph::list::{self, Entry};
use crate::graph::params::{ById, IfNoneMatch, OnConflict, OrderBy, Select, SkipToken, TABLE, Top};
use crate::graph::properties::PropertiesBody;
use crate::graph::query::{NotModified, Query, not_modified, parse_conflict};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveItem};
use crate::service::PlacedItem;
use crate::service::drive::{self, ChildrenPage, PageAsked, PageRequest};
use crate::service::rights::{self, ToRead};

/// Lists what is in a folder.
///
/// In pages: follow `@odata.nextLink` until there is none.
#[utoipa::path(get, path = TABLE, params(ById, Top, OrderBy, Select, SkipToken, IfNoneMatch),
    responses((status = 200, description = "Done", body = Collection<DriveItem>), NotModified, ErrorBody))]
pub async fn list_children(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let wanted = query.page()?;
    if query.expands_children()? {
        return Err(Error::NotSupported(
            "Children of children can't be expanded: ask each folder for its own.",
        ));
    }
    let turn = site.service().turns.lists.take((&*granted.caller).into()).await?;
    let (folder, placed) = rights::manage_placed(site.service(), &granted, &address).await?;
    if let Some(answer) = not_modified(&preconditions, folder.item()) {
        return Ok(answer);
    }
    let asked = PageAsked { folder: folder.id(), how: format!("{} children {}", site.url, query.text()) };
    if let Some(text) = drive::known_page(site.service(), &asked).await? {
        return Ok(list::holding(turn, wire::json_text(text)));
    }
    let right = folder.to_read();
    let (page, seen) = drive::list_children_to_keep(site.service(), &right, &placed, &wanted).await?;
    let text = serde_json::to_vec(&managed_page(&site, &query, &wanted, &right, &placed, &page)?);
    let text = Bytes::from(text.map_err(Error::internal)?);
    if let Some(seen) = seen {
        drive::keep_page(site.service(), asked, seen, text.clone());
    }
    Ok(list::holding(turn, wire::json_text(text)))
}

/// A page of a folder's items, as those see it who manage them.
pub fn managed_page(
    site: &Site,
    query: &Query,
    wanted: &PageRequest,
    right: &ToRead,
    folder: &PlacedItem,
    page: &ChildrenPage,
) -> Result<Collection<Entry>> {
    let id = folder.item.id;
    let entries = list::fill(query, wire::managed_children(site, right, folder, &page.items))?;
    let next_link = page.next_after(entries.len()).map(|next| {
        let query = query.next_page(wanted, &next);
        format!("{}/v1.0/drives/{}/items/{id}/children?{query}", site.url, id.drive)
    });
    Ok(Collection::new(wire::context(site, "Collection(driveItem)"), next_link, entries))
}

#[derive(Deserialize, ToSchema)]
pub struct NewFolder {
    /// The folder's name.
    name: String,
    /// Always `{}`: says that it is a folder.
    #[schema(value_type = Object)]
    folder: Option<IgnoredAny>,
    /// If the name is taken: `fail` (without it), `replace` or `rename`.
    #[serde(rename = "@microsoft.graph.conflictBehavior", alias = "@name.conflictBehavior")]
    conflict: Option<String>,
    #[serde(flatten)]
    properties: PropertiesBody,
}

impl NewFolder {
    /// Its name, what else is told of it, and what to do where the name is taken.
    pub fn folder(self, query: &Query) -> Result<(Name, ClientProperties, Conflict)> {
        if self.folder.is_none() {
            return Err(Error::invalid_request(
                "The body has no member «folder»: files are made by uploading.",
            ));
        }
        let conflict = match &self.conflict {
            Some(behavior) => parse_conflict(behavior)?,
            None => query.conflict(Conflict::Fail)?,
        };
        Ok((Name::parse(&self.name)?, self.properties.properties()?, conflict))
    }
}

/// Makes a folder.
///
/// As `multipart/related` it makes a file instead: metadata and bytes in one body. To upload a file, `PUT …/content`
/// is simpler.
#[utoipa::path(post, path = TABLE, params(ById, OnConflict, Select), request_body = NewFolder,
    responses(
        (status = 200, description = "The folder that was there", body = DriveItem),
        (status = 201, description = "The new folder, or file", body = DriveItem),
        ErrorBody
    ))]
pub async fn create_folder(
    granted: Granted<FilesReadWrite>,
    parent: ItemAddress,
    query: Query,
    body: JsonBody<NewFolder>,
    site: Site,
) -> Result<HttpResponse> {
    let (name, properties, conflict) = body.0.folder(&query)?;
    let parent = rights::manage(site.service(), &granted, &parent).await?;
    let to = parent.to_write(site.service()).await?;
    let (folder, is_new) = drive::create_folder(site.service(), &to, &name, &properties, conflict).await?;
    let item = wire::managed_item(&site, &parent.to_read(), &folder).with_context(&site);
    Ok(uploaded(is_new).json(query.shape(item)?))
}
