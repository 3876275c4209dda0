//! All links of the drive: looked through, removed many at a time, and as a sheet.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::domain::ids::LinkId;
use crate::domain::name::name_key;
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::views::Notice;
use crate::pages::{answer, kinds, words};
use crate::service::links::{
    OwnLink, OwnLinkFilter, applications_of, count_own_links, list_own_links, revoke_link,
};
use crate::website::form::Form;
use crate::website::frame::Desk;
use crate::website::session::Owner;
use crate::website::sharing::card;
use crate::website::views::{Here, LinkQuery, LinkRow, LinksPage};

const ROWS: usize = 50;
/// Rows of a sheet that are looked up at once.
const SHEET: usize = 10_000;
const YEAR: TimeDelta = TimeDelta::days(365);

pub async fn page(owner: Owner, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    show(&desk, Vec::new()).await
}

fn query(desk: &Desk) -> LinkQuery {
    let said = |name: &str| desk.asked(name).unwrap_or_default();
    LinkQuery {
        text: said("text"),
        link_type: said("type"),
        application: said("application"),
        age: said("age"),
        opens: said("opens"),
    }
}

fn filter(query: &LinkQuery, now: Timestamp) -> OwnLinkFilter {
    let ago = |days| Some(now - TimeDelta::days(days));
    let (made_since, made_until) = match query.age.as_str() {
        "week" => (ago(7), None),
        "month" => (ago(30), None),
        "year" => (ago(365), None),
        "older" => (None, ago(365)),
        _ => (None, None),
    };
    OwnLinkFilter {
        text: Some(name_key(query.text.trim())).filter(|text| !text.is_empty()),
        link_type: query.link_type.parse().ok(),
        application: Some(query.application.clone()).filter(|application| !application.is_empty()),
        made_since,
        made_until,
        last_opened_before: (query.opens == "not-this-year").then(|| now - YEAR),
        never_opened: query.opens == "never",
    }
}

/// The same in an address.
fn address(page: &str, query: &LinkQuery, number: usize) -> String {
    let mut said = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("text", &query.text),
        ("type", &query.link_type),
        ("application", &query.application),
        ("age", &query.age),
        ("opens", &query.opens),
    ] {
        if !value.is_empty() {
            said.append_pair(name, value);
        }
    }
    if number > 1 {
        said.append_pair("page", &number.to_string());
    }
    format!("{page}?{}", said.finish())
}

async fn show(desk: &Desk, confirming: Vec<String>) -> Result<HttpResponse> {
    let service = desk.site.service();
    let now = service.clock.now();
    let query = query(desk);
    let number =
        desk.asked("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).clamp(1, 1_000_000);
    let wanted = filter(&query, now);
    let (links, has_more) = list_own_links(service, &desk.drive, &wanted, (number - 1) * ROWS, ROWS).await?;
    let counts = count_own_links(service, &desk.drive, now - YEAR).await?;
    let applications = applications_of(service, &desk.drive).await?;
    let mut frame = desk.frame("All my links", Some(Here::Links)).await?;
    frame.notice = removed(desk).or(frame.notice);
    let shown = LinksPage {
        frame,
        applications: applications
            .into_iter()
            .map(|(id, name)| (id.clone(), words::plain(&name.unwrap_or(id))))
            .collect(),
        rows: links.iter().map(|link| row(desk, link)).collect::<Result<_>>()?,
        all: counts.all,
        never_opened: counts.never_opened,
        not_this_year: counts.not_this_year,
        next: has_more.then(|| address("/my/links", &query, number + 1)),
        csv: address("/my/links.csv", &query, 1),
        query,
        confirming,
    };
    desk.answer(&shown)
}

/// What became of links that were to be removed.
fn removed(desk: &Desk) -> Option<Notice> {
    let count = |name: &str| desk.asked(name).and_then(|count| count.parse::<i64>().ok());
    let removed = match count("removed")? {
        1 => "Link removed. It’s dead from now on.".to_owned(),
        removed => format!("{} links removed.", words::number(removed)),
    };
    let text = match count("gone").unwrap_or(0) {
        0 => removed,
        1 => format!("{removed} One was gone already."),
        gone => format!("{removed} {} were gone already.", words::number(gone)),
    };
    Some(Notice { is_bad: false, text })
}

fn row(desk: &Desk, own: &OwnLink) -> Result<LinkRow> {
    let item = &own.placed.item;
    let card = card(desk, &own.link, &own.opens)?;
    Ok(LinkRow {
        item: words::plain(&item.name),
        number: item.id.number,
        kind: kinds::kind_of(item),
        path: words::plain(&format!("/{}", own.placed.folders.join("/"))),
        sharing: format!("/my/{}/sharing", item.id.number),
        card,
    })
}

pub async fn change(form: Form, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let what = form.field("do").to_owned();
    let ids: Vec<String> = form.fields("id").map(str::to_owned).collect();
    let desk = Desk::of(form.owner, &request, site).await?;
    let back = address("/my/links", &query(&desk), 1);
    match what.as_str() {
        _ if ids.is_empty() => Ok(answer::see_other(format!("{back}&done=none"))),
        "ask" => show(&desk, ids).await,
        "remove" => {
            let (mut removed, mut gone) = (0, 0);
            for id in &ids {
                match remove(&desk, id).await {
                    Ok(()) => removed += 1,
                    Err(Error::ItemNotFound | Error::AccessDenied(_)) => gone += 1,
                    Err(error) => return Err(error),
                }
            }
            Ok(answer::see_other(format!("{back}&removed={removed}&gone={gone}")))
        }
        _ => Err(Error::ItemNotFound),
    }
}

/// `NUMBER.PERMISSION`
async fn remove(desk: &Desk, id: &str) -> Result<()> {
    let (number, link) = id.split_once('.').ok_or(Error::ItemNotFound)?;
    let number = number.parse().map_err(|_| Error::ItemNotFound)?;
    let link = LinkId::of_permission_id(link).ok_or(Error::ItemNotFound)?;
    let managed = desk.manage(number).await?;
    revoke_link(desk.site.service(), &managed, link, &Preconditions::default()).await
}

/// The links as a sheet. Spreadsheets run what begins like a formula.
pub async fn sheet(owner: Owner, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    let service = desk.site.service();
    let wanted = filter(&query(&desk), service.clock.now());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = [
        "name",
        "folder",
        "type",
        "who",
        "application",
        "made",
        "views",
        "downloads",
        "last opened",
        "address",
    ];
    writer.write_record(head).map_err(Error::internal)?;
    let mut before = 0;
    loop {
        let (links, has_more) = list_own_links(service, &desk.drive, &wanted, before, SHEET).await?;
        for own in &links {
            let row = row(&desk, own)?;
            let card = row.card;
            let cells = [
                row.item,
                row.path,
                card.link_type.to_owned(),
                card.audience,
                own.link.application.name.clone().unwrap_or_else(|| own.link.application.id.clone()),
                card.made.iso,
                card.views.to_string(),
                card.downloads.to_string(),
                card.last_opened.map(|moment| moment.iso).unwrap_or_default(),
                card.address,
            ];
            writer.write_record(cells.map(no_formula)).map_err(Error::internal)?;
        }
        before += SHEET;
        if !has_more {
            break;
        }
    }
    let text = writer.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"links.csv\""))
        .body(text))
}

fn no_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}
