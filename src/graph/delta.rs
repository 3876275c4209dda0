//! `delta`: what has changed in a drive, for clients that keep a copy.

use actix_web::HttpResponse;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesRead, Granted};
use crate::error::{Error, Result};
use crate::graph::address::Argument;
use crate::graph::errors::ErrorBody;
use crate::graph::list;
use crate::graph::params::{Select, SinceToken, TABLE, Top};
use crate::graph::query::{Query, USUAL_PAGE};
use crate::graph::site::Site;
use crate::graph::wire::{self, Collection, DriveItem};
use crate::limits::PAGE;
use crate::service::drive::{self, ChangePlace, Since};
use crate::service::rights;

/// Lists what has changed in a drive.
///
/// Without a token: everything there is. Follow `@odata.nextLink` until the answer has `@odata.deltaLink`; call that
/// later for what has changed since.
#[utoipa::path(get, path = TABLE, params(SinceToken, Top, Select),
    responses((status = 200, description = "Done", body = Collection<DriveItem>), ErrorBody))]
pub async fn list_changes(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    argument: Argument,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let form = wire::PathForm::of(&address);
    let token = argument.0.or_else(|| query.get("token").map(str::to_owned));
    let since = match token.as_deref() {
        None | Some("") => Since::Beginning,
        Some("latest") => Since::Now,
        Some(token) => match parse_change(token, site.service().incarnation) {
            Some(place) => Since::Place(place),
            None => Since::Unknown,
        },
    };
    let top = query.top(USUAL_PAGE, PAGE)?;
    let turn = site.service().turns.lists.take((&*granted.caller).into()).await?;
    let root = rights::manage(site.service(), &granted, &address).await?;
    let start = || {
        let options = query.passed_on(&["top", "select"]);
        let options = options.strip_prefix('&').map(|options| format!("?{options}")).unwrap_or_default();
        format!("{}/v1.0{}/root/delta{options}", site.url, form.drive(root.id().drive))
    };
    let page = drive::list_changes(site.service(), &root, since, top).await.map_err(|error| match error {
        Error::ResyncRequired { .. } => Error::ResyncRequired { start: start() },
        error => error,
    })?;
    let right = root.to_read();
    let shown = page.items.iter().map(|placed| Ok(wire::changed_item(&site, &right, placed, &form)));
    let entries = list::fill(&query, shown)?;
    let (next, has_more) = page.next_after(entries.len());
    let token = write_change(next, site.service().incarnation);
    let select = query.passed_on(&["select"]);
    // In the form that was asked by, so that all pages have paths of one form.
    let drive = form.drive(page.drive);
    let link = format!("{}/v1.0{drive}/root/delta?token={token}&$top={top}{select}", site.url);
    let mut list = Collection::new(wire::context(&site, "Collection(driveItem)"), None, entries);
    if has_more {
        list.next_link = Some(link);
    } else {
        list.delta_link = Some(link);
    }
    Ok(list::answer(turn, &list))
}

/// `CHANGE.ITEM` or `CHANGE.ITEM.BEGAN`; in later incarnations of the database with `iINCARNATION.` before it.
fn write_change(place: ChangePlace, incarnation: i64) -> String {
    let start = if incarnation == 0 { String::new() } else { format!("i{incarnation}.") };
    match place.began_at {
        Some(began_at) => format!("{start}{}.{}.{began_at}", place.change, place.item),
        None => format!("{start}{}.{}", place.change, place.item),
    }
}

/// None for a token that was never given, or by another incarnation.
fn parse_change(token: &str, incarnation: i64) -> Option<ChangePlace> {
    let token = match incarnation {
        0 => token,
        _ => token.strip_prefix(&format!("i{incarnation}."))?,
    };
    let mut numbers = token.split('.').map(|number| number.parse::<i64>().ok().filter(|number| *number >= 0));
    let (change, item) = (numbers.next()??, numbers.next()??);
    let began_at = match numbers.next() {
        Some(number) => Some(number?),
        None => None,
    };
    numbers.next().is_none().then_some(ChangePlace { change, item, began_at })
}
