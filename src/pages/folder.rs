//! The page of a shared folder: a part of what is in it, in an order, and where the link lets, a form to add files.

use actix_web::HttpResponse;

use crate::domain::item::{Item, ItemContent, Kind};
use crate::domain::order::{Order, OrderBy};
use crate::error::Result;
use crate::graph::list;
use crate::pages::file::crumbs;
use crate::pages::opened::Opened;
use crate::pages::views::{Column, FolderPage, Part, Row};
use crate::pages::{answer, item, kinds, words};
use crate::service::drive::list_part;
use crate::service::rights::ToRead;

/// Entries of a page.
const ROWS: usize = 200;

/// Columns: their names for people and in the address.
const COLUMNS: [(&str, &str, OrderBy); 3] = [
    ("Name", "name", OrderBy::Name),
    ("Changed", "changed", OrderBy::Modified),
    ("Size", "size", OrderBy::Size),
];

pub async fn page(opened: &Opened, right: &ToRead) -> Result<HttpResponse> {
    let service = opened.site.service();
    let folder = right.item();
    let order = order(opened);
    let number =
        opened.asked("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).clamp(1, 1_000_000);
    let before = (number - 1) * ROWS;
    let turn = service.turns.lists.take(right.who()).await?;
    let (items, has_more) = list_part(service, right, order, before, ROWS).await?;
    let count = match folder.content {
        ItemContent::Folder { child_count, .. } => child_count,
        ItemContent::File(_) => 0,
    };
    let may_download = opened.shared.to_archive().is_ok();
    let download = |item: &Item| match item.kind() {
        Kind::File => right.lets_download(item).then(|| opened.bytes_url("download", item)),
        Kind::Folder => may_download.then(|| opened.url("zip", item.id.number)),
    };
    let rows: Vec<Row> = items.iter().map(|item| row(opened, item, download(item))).collect();
    let shown = FolderPage {
        page: opened.page(&folder.name)?,
        name: words::plain(&folder.name),
        crumbs: crumbs(opened).await?,
        count: words::items(count),
        size: words::size(folder.size()),
        changed: words::moment(folder.modified.at),
        owner: opened.owner(),
        columns: COLUMNS.map(|(name, _, by)| column(opened, name, order, by)),
        part: (before > 0 || has_more).then(|| Part {
            from: before + 1,
            to: before + rows.len(),
            of: count,
            previous: (number > 1).then(|| part_url(opened, order, number - 1)),
            next: has_more.then(|| part_url(opened, order, number + 1)),
        }),
        rows,
        zip: may_download.then(|| opened.own_url("zip")),
        view_only: !may_download,
        first_name: opened.first_name(),
        add: opened.sending()?,
        notice: item::notice(opened),
    };
    Ok(list::holding(turn, answer::page(&opened.site, &shown)?))
}

fn row(opened: &Opened, item: &Item, download: Option<String>) -> Row {
    Row {
        number: item.id.number,
        name: words::plain(&item.name),
        href: opened.url("redir", item.id.number),
        kind: kinds::kind_of(item),
        is_folder: item.kind() == Kind::Folder,
        size: words::extent(item),
        changed: words::moment(item.modified.at),
        download,
    }
}

fn order(opened: &Opened) -> Order {
    let asked = opened.asked("sort").unwrap_or_default();
    let (key, descending) = asked.strip_prefix('-').map_or((asked.as_str(), false), |key| (key, true));
    let by = COLUMNS.iter().find(|(_, known, _)| *known == key).map(|(_, _, by)| *by);
    Order { by: by.unwrap_or(OrderBy::Name), descending: descending && by.is_some() }
}

/// The order in the address: nothing by name, which is how a folder is shown first.
fn order_text(order: Order) -> String {
    let key = COLUMNS.iter().find(|(_, _, by)| *by == order.by).map_or("name", |(_, key, _)| key);
    match (order.descending, order.by) {
        (false, OrderBy::Name) => String::new(),
        (false, _) => format!("&sort={key}"),
        (true, _) => format!("&sort=-{key}"),
    }
}

fn column(opened: &Opened, name: &'static str, order: Order, by: OrderBy) -> Column {
    let is_sorted = order.by == by;
    // By time and size one looks for the newest and the largest first.
    let descending = if is_sorted { !order.descending } else { by != OrderBy::Name };
    Column {
        name,
        href: format!("{}{}", opened.own_url("redir"), order_text(Order { by, descending })),
        sorted: is_sorted.then_some(if order.descending { "descending" } else { "ascending" }),
    }
}

fn part_url(opened: &Opened, order: Order, number: usize) -> String {
    let page = if number > 1 { format!("&page={number}") } else { String::new() };
    format!("{}{}{page}", opened.own_url("redir"), order_text(order))
}
