//! The drive: a folder's list, a file's preview, what a search finds, and what is put into folders.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};

use crate::domain::item::{ClientProperties, Item, Kind};
use crate::domain::name::Name;
use crate::domain::order::{Order, OrderBy};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::graph::multipart::Related;
use crate::graph::site::Site;
use crate::pages::folder::child_count;
use crate::pages::listing::{Listing, ROWS};
use crate::pages::preview::{self, Look};
use crate::pages::views::Way;
use crate::pages::{answer, forms, words};
use crate::service::drive::{self, create_folder, delete_item, list_part};
use crate::service::links::count_links_on;
use crate::website::form::Form;
use crate::website::frame::{Desk, name_of, page_of};
use crate::website::session::{Owner, check_token};
use crate::website::views::{DrivePage, Entry, Here, OwnFilePage};

/// What a search finds, at most.
const FOUND: usize = 100;

pub async fn root(owner: Owner, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    let root = desk.manage(desk.root().number).await?;
    list(&desk, root.item(), &root.to_read()).await
}

pub async fn item(
    owner: Owner,
    number: web::Path<i64>,
    request: HttpRequest,
    site: Site,
) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    let managed = desk.manage(*number).await?;
    match managed.item().kind() {
        Kind::Folder => list(&desk, managed.item(), &managed.to_read()).await,
        Kind::File => file(&desk, managed.item()).await,
    }
}

async fn list(desk: &Desk, folder: &Item, right: &crate::service::rights::ToRead) -> Result<HttpResponse> {
    let service = desk.site.service();
    let action = page_of(folder.id);
    let (sort, page) = (desk.asked("sort"), desk.asked("page"));
    let listing = Listing::asked(action.clone(), sort.as_deref(), page.as_deref(), child_count(folder));
    let (items, has_more) = list_part(service, right, listing.order, listing.before(), ROWS).await?;
    let count = child_count(folder);
    let mut crumbs = desk.way_to(folder).await?;
    let name = name_of(folder);
    crumbs.push(Way { name: name.clone(), href: action.clone() });
    let shown = DrivePage {
        frame: desk.frame(&name, Some(Here::Drive)).await?,
        crumbs,
        search: None,
        is_root: folder.id.is_root(),
        root: desk.root().number,
        count: words::items(count),
        api: format!("/my/api/drives/{}/items/{}", folder.id.drive, folder.id),
        action,
        columns: listing.columns(),
        part: listing.part(items.len(), count, has_more),
        entries: entries(desk, &items).await?,
        name,
    };
    desk.answer(&shown)
}

async fn entries(desk: &Desk, items: &[Item]) -> Result<Vec<Entry>> {
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    let links = count_links_on(desk.site.service(), &desk.drive, &ids).await?;
    Ok(items.iter().zip(links).map(|(item, links)| desk.entry(item, links)).collect())
}

async fn file(desk: &Desk, item: &Item) -> Result<HttpResponse> {
    let shared = crate::service::rights::open_own(desk.site.service(), &desk.owner.granted, item.id).await?;
    let own = page_of(item.id);
    let src = desk.bytes_url("preview", item);
    let asks_for_text = desk.asked("show").as_deref() == Some("text");
    let Look { preview, notes } =
        preview::look(desk.site.service(), &shared, src, &own, asks_for_text).await?;
    let entry = entries(desk, std::slice::from_ref(item)).await?.remove(0);
    let shown = OwnFilePage {
        frame: desk.frame(&item.name, Some(Here::Drive)).await?,
        crumbs: desk.way_to(item).await?,
        entry,
        preview,
        notes,
    };
    desk.answer(&shown)
}

pub async fn search(owner: Owner, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    let text = desk.asked("q").unwrap_or_default().trim().to_owned();
    if text.is_empty() {
        return Ok(answer::see_other("/my".to_owned()));
    }
    let root = desk.manage(desk.root().number).await?;
    let found = drive::search(desk.site.service(), &root, &text, 0, FOUND).await?;
    let items: Vec<Item> = found.items.iter().map(|placed| placed.item.clone()).collect();
    let mut rows = entries(&desk, &items).await?;
    for (row, placed) in rows.iter_mut().zip(&found.items) {
        let folder = placed.item.folder().unwrap_or(desk.root());
        let name =
            placed.folders.last().map_or(crate::website::frame::ROOT.to_owned(), |name| words::plain(name));
        row.folder = Some(Way { name, href: page_of(folder) });
    }
    let listing = Listing::asked("/my".to_owned(), None, None, 0);
    let shown = DrivePage {
        frame: desk.frame(&text, Some(Here::Drive)).await?,
        crumbs: Vec::new(),
        name: words::plain(&text),
        search: Some(words::plain(&text)),
        is_root: false,
        root: desk.root().number,
        count: match found.next_after(items.len()) {
            Some(_) => format!("The first {FOUND} items"),
            None => words::items(items.len() as i64),
        },
        action: "/my".to_owned(),
        api: String::new(),
        columns: listing.columns(),
        entries: rows,
        part: None,
    };
    desk.answer(&shown)
}

/// A folder's forms: a new folder, and files, which come in a body of several parts.
pub async fn add(
    number: web::Path<i64>,
    request: HttpRequest,
    payload: web::Payload,
    site: Site,
) -> Result<HttpResponse> {
    put(*number, request, payload, site).await
}

/// The same, of the drive's root.
pub async fn add_to_root(request: HttpRequest, payload: web::Payload, site: Site) -> Result<HttpResponse> {
    put(crate::domain::ids::ItemId::ROOT_NUMBER, request, payload, site).await
}

async fn put(number: i64, request: HttpRequest, payload: web::Payload, site: Site) -> Result<HttpResponse> {
    let mut payload = payload.into_inner();
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let done = if kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        let owner = Owner::from_request(&request, &mut payload).await?;
        let body = Related::from_request(&request, &mut payload).await?;
        let desk = Desk::of(owner, &request, site).await?;
        let to = desk.manage(number).await?.to_write(desk.site.service()).await?;
        let session = &desk.owner.session;
        let check = |token: Option<&str>| check_token(session, &request, token);
        Box::pin(forms::take(desk.site.service(), &to, body.0, Some(&check)))
            .await
            .map(|done| (desk.root(), done))
    } else {
        let form = Form::from_request(&request, &mut payload).await?;
        let name = form.field("name").trim().to_owned();
        let desk = Desk::of(form.owner, &request, site).await?;
        let to = desk.manage(number).await?.to_write(desk.site.service()).await?;
        let properties = ClientProperties::default();
        let made = async {
            create_folder(desk.site.service(), &to, &Name::parse(&name)?, &properties, Conflict::Fail).await
        };
        made.await.map(|_| (desk.root(), "folder".to_owned()))
    };
    let at = if number == crate::domain::ids::ItemId::ROOT_NUMBER {
        "/my".to_owned()
    } else {
        format!("/my/{number}")
    };
    let done = match done {
        Ok((_, done)) => done,
        Err(error) => forms::failed(error)?.to_owned(),
    };
    Ok(answer::see_other(format!("{at}?done={done}")))
}

/// What is chosen of a folder's list goes into the recycle bin.
pub async fn select(form: Form, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let numbers: Vec<i64> = form.fields("item").filter_map(|number| number.parse().ok()).collect();
    let desk = Desk::of(form.owner, &request, site).await?;
    let mut back = "/my".to_owned();
    let mut done = "none";
    for number in numbers {
        let item = match desk.manage(number).await {
            Ok(item) => item,
            Err(Error::ItemNotFound) => continue,
            Err(error) => return Err(error),
        };
        back = crate::website::frame::back_of(item.item());
        delete_item(desk.site.service(), &item, &Preconditions::default()).await?;
        done = "deleted";
    }
    Ok(answer::see_other(format!("{back}?done={done}")))
}

/// The order that folders are first shown in.
pub fn by_name() -> Order {
    Order { by: OrderBy::Name, descending: false }
}
