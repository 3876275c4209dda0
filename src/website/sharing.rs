//! An item's sharing: the permissions that the API lists, as people read them.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::ids::LinkId;
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::views::Way;
use crate::pages::{answer, words};
use crate::service::links::{self, LinkRequest, Permission, count_links_on, create_link, revoke_link};
use crate::service::opens::{self, OpensOfLink};
use crate::website::form::Form;
use crate::website::frame::{Desk, back_of};
use crate::website::session::Owner;
use crate::website::views::{Here, LinkCard, SharingPage};

pub async fn page(
    owner: Owner,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    show(&desk, *number, None).await
}

/// `confirming` is the link of which it is asked whether to remove it.
async fn show(desk: &Desk, number: i64, confirming: Option<LinkId>) -> Result<HttpResponse> {
    let service = desk.site.service();
    let (managed, permissions) =
        links::list_permissions(service, &desk.owner.granted, &desk.address(number)).await?;
    let item = managed.item();
    let found: Vec<(Link, Option<Way>)> = permissions.into_iter().filter_map(of_link).collect();
    let ids: Vec<LinkId> = found.iter().map(|(link, _)| link.id).collect();
    let counts = opens::opens_of_links(service, &managed, &ids).await?;
    let new = desk.asked("new");
    let mut own = Vec::new();
    let mut inherited = Vec::new();
    for ((link, from), count) in found.into_iter().zip(&counts) {
        let mut card = card(desk, &link, count)?;
        card.is_new = new.as_deref() == Some(&*card.id);
        card.is_confirming = confirming == Some(link.id) && from.is_none();
        card.inherited_from = from;
        if card.inherited_from.is_some() { inherited.push(card) } else { own.push(card) }
    }
    let answer = desk.asked("was").and_then(|was| {
        let card = own.iter().find(|card| card.is_new)?;
        Some(match was.as_str() {
            "made" => "Link created".to_owned(),
            _ if card.application.is_empty() => {
                "This link was there already. You made it on this site, so here it is again instead of a second one."
                    .to_owned()
            }
            _ => format!(
                "This link was there already. {} made it, so here it is again instead of a second one.",
                card.application
            ),
        })
    });
    let links = count_links_on(service, &desk.drive, &[item.id]).await?.first().copied().unwrap_or_default();
    let shown = SharingPage {
        frame: desk.frame(&item.name, Some(Here::Drive)).await?,
        crumbs: desk.way_to(item).await?,
        entry: desk.entry(item, links),
        action: format!("/my/{}/sharing", item.id.number),
        back: back_of(item),
        links: own,
        inherited,
        opens: counts.iter().map(|count| count.views + count.downloads).sum(),
        this_week: counts.iter().map(|count| count.recent).sum(),
        organization: organization(desk),
        answer,
        is_creating: desk.asked("create").is_some(),
    };
    desk.answer(&shown)
}

fn of_link(permission: Permission) -> Option<(Link, Option<Way>)> {
    match permission {
        Permission::Owner(_) => None,
        Permission::Link { link, inherited_from } => {
            let way = inherited_from.map(|ancestor| Way {
                name: ancestor.path.last().map(|name| words::plain(name)).unwrap_or_default(),
                href: format!("/my/{}/sharing", ancestor.id.number),
            });
            Some((link, way))
        }
    }
}

/// What the owner's organization is called.
pub fn organization(desk: &Desk) -> String {
    words::organization(&desk.owner.session.member.tenant)
}

/// A link as its owner sees it.
pub fn card(desk: &Desk, link: &Link, opens: &OpensOfLink) -> Result<LinkCard> {
    let key = links::authkey(desk.site.service(), link)?;
    let address = link.url(&desk.site.url, &key);
    let is_own = link.application.id == desk.owner.granted.caller.application.id;
    Ok(LinkCard {
        id: link.id.to_permission_id(),
        link_type: link.link_type.as_str(),
        role: match link.link_type {
            LinkType::View => "Can view",
            LinkType::Edit => "Can edit",
            LinkType::CreateOnly => "Can add files",
            LinkType::BlocksDownload => "View only",
            LinkType::Embed => "Embedded",
        },
        audience: match link.scope {
            LinkScope::Anonymous => "Anyone with the link".to_owned(),
            LinkScope::Organization => format!("People at {}", organization(desk)),
        },
        application: match is_own {
            true => String::new(),
            false => words::plain(link.application.name.as_ref().unwrap_or(&link.application.id)),
        },
        made: words::moment(link.created_at),
        views: opens.views,
        downloads: opens.downloads,
        last_opened: opens.last_opened_at.map(words::moment),
        qr: format!("/qr?resid={}&authkey={key}", link.item),
        address,
        inherited_from: None,
        is_new: false,
        is_confirming: false,
    })
}

pub async fn change(
    form: Form,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let what = form.field("do").to_owned();
    let id = LinkId::of_permission_id(form.field("id"));
    let wanted = form.field("type").parse::<LinkType>();
    let scope = form.field("scope").parse::<LinkScope>().ok();
    let desk = Desk::of(form.owner, &request, site).await?;
    let here = format!("/my/{number}/sharing");
    let service = desk.site.service();
    match what.as_str() {
        "share" => {
            let link_type = wanted.map_err(|_| Error::invalid_request("The link has no type."))?;
            let claim = desk.claim(*number).await?;
            let (link, is_new) = create_link(service, &claim, LinkRequest { link_type, scope }).await?;
            let was = if is_new { "made" } else { "there" };
            Ok(answer::see_other(format!("{here}?new={}&was={was}", link.id.to_permission_id())))
        }
        "ask" => {
            let link = id.ok_or(Error::ItemNotFound)?;
            let address = desk.address(*number);
            match links::get_permission(service, &desk.owner.granted, &address, Some(link)).await {
                Err(Error::ItemNotFound) => Ok(answer::see_other(format!("{here}?done=gone"))),
                permission => permission.map(|_| show(&desk, *number, Some(link)))?.await,
            }
        }
        "remove" => {
            let managed = desk.manage(*number).await?;
            let link = id.ok_or(Error::ItemNotFound)?;
            let done = match revoke_link(service, &managed, link, &Preconditions::default()).await {
                Ok(()) => "removed",
                Err(Error::ItemNotFound) => "gone",
                Err(error) => return Err(error),
            };
            Ok(answer::see_other(format!("{here}?done={done}")))
        }
        _ => Err(Error::ItemNotFound),
    }
}
