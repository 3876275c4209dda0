//! `/shares/{id}`: what somebody with a link gets at, without a token where the link is anonymous.

use actix_web::{HttpResponse, web};

use crate::access::{Opened, open_shared};
use crate::app::App;
use crate::auth::Visitor;
use crate::domain::address::SharedAddress;
use crate::domain::link::LinkType;
use crate::domain::preconditions::Preconditions;
use crate::drive::{self, Author, Conflict, Upload};
use crate::error::{Error, Result};
use crate::graph::body::UploadBody;
use crate::graph::items::{next_link, page_of, see, uploaded};
use crate::graph::query::Query;
use crate::graph::wire::{self, Collection};
use crate::sharing::Permission;

pub async fn get(visitor: Visitor, address: SharedAddress, app: web::Data<App>) -> Result<HttpResponse> {
    let opened = open_shared(&app, visitor.0.as_ref(), &address).await?;
    Ok(HttpResponse::Ok().json(wire::shared_drive_item(&app, &opened)))
}

pub async fn permission(
    visitor: Visitor,
    address: SharedAddress,
    app: web::Data<App>,
) -> Result<HttpResponse> {
    let opened = open_shared(&app, visitor.0.as_ref(), &address).await?;
    let permission = match opened.link {
        Some((link, _)) => Permission::Link { link, inherited_from: None },
        None => Permission::Owner(opened.shared.drive.owner()),
    };
    Ok(HttpResponse::Ok().json(wire::permission(&app, &permission)?.with_context(&app)))
}

pub async fn item(visitor: Visitor, address: SharedAddress, app: web::Data<App>) -> Result<HttpResponse> {
    let opened = open_shared(&app, visitor.0.as_ref(), &address).await?;
    Ok(HttpResponse::Ok().json(wire::shared_item(&app, &opened)?.with_context(&app)))
}

pub async fn children(
    visitor: Visitor,
    address: SharedAddress,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse> {
    let (after, top) = page_of(&query)?;
    let opened = open_shared(&app, visitor.0.as_ref(), &address).await?;
    let mut tx = app.store.read().await?;
    let page = drive::list_children_of(&mut tx, opened.item.clone(), &after, top).await?;
    let share = wire::shared_drive_item(&app, &opened);
    let folder = format!("shares/{}/items/{}", share.share_id(), opened.item.id);
    let next_link = page.next.map(|next| next_link(&app, &folder, top, &next));
    let show = |item| wire::shared_item(&app, &Opened { item, ..opened.clone() });
    let value = page.items.into_iter().map(show).collect::<Result<Vec<_>>>()?;
    let context = wire::context(&app, "Collection(driveItem)");
    Ok(HttpResponse::Ok().json(Collection { context, next_link, value }))
}

pub async fn download(visitor: Visitor, address: SharedAddress, app: web::Data<App>) -> Result<HttpResponse> {
    let opened = open_shared(&app, visitor.0.as_ref(), &address).await?;
    drive::Download::of(&opened.item)?;
    let through = opened.link.map(|(_, proven)| proven);
    Ok(see(wire::download_url(&app, opened.item.id, None, through)))
}

/// Writes with an edit link. Any other link is told what a wrong one is.
pub async fn upload(
    visitor: Visitor,
    mut address: SharedAddress,
    query: Query,
    preconditions: Preconditions,
    body: UploadBody,
    app: web::Data<App>,
) -> Result<HttpResponse> {
    let conflict = query.conflict(Conflict::Replace)?;
    let path = std::mem::take(&mut address.path);
    let opened = open_shared(&app, visitor.0.as_ref(), &address).await?;
    let through = match &opened.link {
        Some((link, proven)) if link.link_type == LinkType::Edit => *proven,
        _ => return Err(Error::ItemNotFound),
    };
    let author = match &visitor.0 {
        Some(caller) => Author::of(&app, caller).await?,
        None => Author::default(),
    };
    let target = Upload {
        base: &opened.item,
        path: &path,
        conflict,
        preconditions: &preconditions,
        author: &author,
        through: Some(through),
    };
    let (item, is_new) = drive::upload(&app, &target, body.into_stream()?).await?;
    let written = Opened { item: item.item, ..opened };
    Ok(uploaded(is_new).json(wire::shared_item(&app, &written)?.with_context(&app)))
}
