//! What is done with one item: it gets another name, another folder, or goes into the recycle bin. Links follow it.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::address::Base;
use crate::domain::item::{ClientProperties, Kind};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::answer;
use crate::pages::listing::ROWS;
use crate::pages::views::Way;
use crate::service::drive::{Destination, ItemUpdate, delete_item, list_part, update_item};
use crate::website::drive::by_name;
use crate::website::form::Form;
use crate::website::frame::{Desk, back_of, name_of};
use crate::website::session::Owner;
use crate::website::views::{ActionsPage, Here};

pub async fn page(
    owner: Owner,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    let managed = desk.manage(*number).await?;
    let item = managed.item();
    let action = format!("/my/{number}/actions");
    let asked = desk.asked("into").and_then(|into| into.parse().ok());
    let into = asked.or(item.parent).unwrap_or(desk.root().number);
    let into = desk.manage(into).await?;
    let at = |number: i64| format!("{action}?into={number}#move");
    let (children, _) = list_part(desk.site.service(), &into.to_read(), by_name(), 0, ROWS).await?;
    let folders = children.iter().filter(|child| child.kind() == Kind::Folder && child.id != item.id);
    let folders = folders.map(|child| Way { name: name_of(child), href: at(child.id.number) }).collect();
    let above = crate::service::drive::folders_above(desk.site.service(), &desk.drive, into.item()).await?;
    let mut way: Vec<Way> = above
        .into_iter()
        .map(|(id, name)| Way {
            name: if id.is_root() { crate::website::frame::ROOT.to_owned() } else { name },
            href: at(id.number),
        })
        .collect();
    way.push(Way { name: name_of(into.item()), href: at(into.id().number) });
    let shown = ActionsPage {
        frame: desk.frame(&item.name, Some(Here::Drive)).await?,
        crumbs: desk.way_to(item).await?,
        entry: desk.entry(item, 0),
        back: back_of(item),
        into_number: into.id().number,
        into: way,
        folders,
        action,
    };
    desk.answer(&shown)
}

pub async fn change(
    form: Form,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let what = form.field("do").to_owned();
    let name = form.field("name").trim().to_owned();
    let into = form.number("into");
    let desk = Desk::of(form.owner, &request, site).await?;
    let managed = match desk.manage(*number).await {
        Err(Error::ItemNotFound) => return Ok(answer::see_other("/my?done=missing".to_owned())),
        managed => managed?,
    };
    let service = desk.site.service();
    let none = Preconditions::default();
    let update = |name: Option<Name>, destination: Option<Destination>| ItemUpdate {
        name,
        destination,
        properties: ClientProperties::default(),
        conflict: Conflict::Fail,
    };
    let changed = match what.as_str() {
        "rename" => match Name::parse(&name) {
            Ok(name) => {
                update_item(service, &managed, &update(Some(name), None), &none).await.map(|_| "renamed")
            }
            Err(bad) => Err(bad.into()),
        },
        "move" => {
            let base = Base::Item(desk.id(into?));
            let destination = Destination { drive: None, base, path: ItemPath::default() };
            update_item(service, &managed, &update(None, Some(destination)), &none).await.map(|_| "moved")
        }
        "delete" => delete_item(service, &managed, &none).await.map(|()| "deleted"),
        _ => Err(Error::ItemNotFound),
    };
    let back = back_of(managed.item());
    let done = match changed {
        Ok(done) => done,
        Err(Error::NameAlreadyExists) => "taken",
        Err(Error::InvalidPath(_) | Error::PathTooLong) => "name",
        Err(Error::InvalidRequest(_)) if what == "move" => "into-itself",
        Err(Error::ItemNotFound) => "missing",
        Err(error) => return Err(error),
    };
    Ok(answer::see_other(format!("{back}?done={done}")))
}
