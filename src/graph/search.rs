//! Finding items by their names.

use actix_web::HttpResponse;
use bytes::Bytes;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesRead, Granted};
use crate::error::{Error, Result};
use crate::graph::address::Argument;
use crate::graph::errors::ErrorBody;
use crate::graph::list;
use crate::graph::params::{ById, SearchText, Select, SkipToken, TABLE, Top};
use crate::graph::query::{Query, USUAL_PAGE};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveItem};
use crate::limits::PAGE;
use crate::service::drive::{self, PageAsked};
use crate::service::rights;

/// Finds items below a folder by a part of their names.
#[utoipa::path(get, path = TABLE, params(ById, SearchText, Top, Select, SkipToken),
    responses((status = 200, description = "Done", body = Collection<DriveItem>), ErrorBody))]
pub async fn search_items(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    argument: Argument,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let text = argument.0.or_else(|| query.get("q").map(str::to_owned)).unwrap_or_default();
    let bad = || Error::invalid_request("$skipToken is not one of ours.");
    let after = query.get("skipToken").map_or(Ok(0), str::parse).map_err(|_| bad())?;
    let top = query.top(USUAL_PAGE, PAGE)?;
    let turn = site.service().turns.lists.take((&*granted.caller).into()).await?;
    let folder = rights::manage(site.service(), &granted, &address).await?;
    let how = format!("{} search {} {after} {top} {text}", site.url, query.text());
    let asked = PageAsked { folder: folder.id(), how };
    if let Some(text) = drive::known_page(site.service(), &asked).await? {
        return Ok(list::holding(turn, wire::json_text(text)));
    }
    let found = drive::search(site.service(), &folder, &text, after, top).await?;
    let right = folder.to_read();
    let shown = found.items.iter().map(|placed| Ok(wire::managed_item(&site, &right, placed)));
    let entries = list::fill(&query, shown)?;
    let next_link = found.next_after(entries.len()).map(|next| {
        let (folder, select) = (found.folder, query.passed_on(&["select"]));
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        format!(
            "{}/v1.0/drives/{}/items/{folder}/search?q={text}&$top={top}&$skipToken={next}{select}",
            site.url, folder.drive
        )
    });
    let context = wire::context(&site, "Collection(driveItem)");
    let text = serde_json::to_vec(&Collection::new(context, next_link, entries)).map_err(Error::internal)?;
    let text = Bytes::from(text);
    if let Some(seen) = found.seen {
        drive::keep_page(site.service(), asked, seen, text.clone());
    }
    Ok(list::holding(turn, wire::json_text(text)))
}
