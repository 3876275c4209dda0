//! A file's versions: they are downloaded, and an old one is made current again.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::views::Way;
use crate::pages::{answer, words};
use crate::service::drive::{list_versions, restore_version, version_ticket};
use crate::website::form::Form;
use crate::website::frame::{Desk, name_of, page_of};
use crate::website::session::Owner;
use crate::website::views::{Here, VersionRow, VersionsPage};

const ROWS: usize = 50;

pub async fn page(
    owner: Owner,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    let managed = desk.manage(*number).await?;
    let item = managed.item();
    let service = desk.site.service();
    let before = desk.asked("before").and_then(|before| before.parse().ok());
    let found = list_versions(service, &managed, before, ROWS).await?;
    let current = item.file().map(|file| file.number);
    let me = &desk.owner.session.member.user.id;
    let action = format!("/my/{number}/versions");
    let mut versions = Vec::new();
    for (version, stamp) in &found.versions {
        versions.push(VersionRow {
            number: version.number,
            changed: words::moment(stamp.at),
            by: match &stamp.user {
                Some(user) if user.id == *me => desk.name(),
                Some(user) => words::plain(user.name.as_ref().unwrap_or(&user.id)),
                None => "somebody, through a link".to_owned(),
            },
            size: words::size(version.size),
            download: format!("/download/{}", version_ticket(service, &managed, version.number).await?),
            is_current: current == Some(version.number),
        });
    }
    let last = found.versions.last().map(|(version, _)| version.number).filter(|_| found.has_more);
    let mut crumbs = desk.way_to(item).await?;
    crumbs.push(Way { name: name_of(item), href: page_of(item.id) });
    let entry = desk.entry(item, 0);
    let shown = VersionsPage {
        entry,
        back: page_of(item.id),
        frame: desk.frame(&item.name, Some(Here::Drive)).await?,
        crumbs,
        next: last.map(|last| format!("{action}?before={last}")),
        action,
        versions,
    };
    desk.answer(&shown)
}

pub async fn change(
    form: Form,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let version = form.number("version")?;
    if form.field("do") != "restore" {
        return Err(Error::ItemNotFound);
    }
    let desk = Desk::of(form.owner, &request, site).await?;
    let managed = desk.manage(*number).await?;
    let done = match restore_version(desk.site.service(), &managed, version).await {
        Ok(()) => "version",
        Err(Error::ItemNotFound) => "missing",
        Err(Error::QuotaLimitReached) => "full",
        Err(error) => return Err(error),
    };
    Ok(answer::see_other(format!("/my/{number}/versions?done={done}")))
}
