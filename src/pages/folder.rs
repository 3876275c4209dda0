//! The page of a shared folder: a part of what is in it, in an order, and where the link lets, a form to add files.

use actix_web::HttpResponse;

use crate::domain::item::{Item, ItemContent, Kind};
use crate::error::Result;
use crate::graph::list;
use crate::pages::file::crumbs;
use crate::pages::listing::{Listing, ROWS};
use crate::pages::opened::Opened;
use crate::pages::views::{FolderPage, Row};
use crate::pages::{answer, item, kinds, words};
use crate::service::drive::list_part;
use crate::service::rights::ToRead;

pub async fn page(opened: &Opened, right: &ToRead) -> Result<HttpResponse> {
    let service = opened.site.service();
    let folder = right.item();
    let (sort, page) = (opened.asked("sort"), opened.asked("page"));
    let listing =
        Listing::asked(opened.own_url("redir"), sort.as_deref(), page.as_deref(), child_count(folder));
    let turn = service.turns.lists.take(right.who()).await?;
    let (items, has_more) = list_part(service, right, listing.order, listing.before(), ROWS).await?;
    let may_download = opened.shared.to_archive().is_ok();
    let download = |item: &Item| match item.kind() {
        Kind::File => right.lets_download(item).then(|| opened.bytes_url("download", item)),
        Kind::Folder => may_download.then(|| opened.url("zip", item.id.number)),
    };
    let rows: Vec<Row> = items.iter().map(|item| row(opened, item, download(item))).collect();
    let count = child_count(folder);
    let shown = FolderPage {
        page: opened.page(&folder.name)?,
        name: words::plain(&folder.name),
        crumbs: crumbs(opened).await?,
        count: words::items(count),
        size: words::size(folder.size()),
        changed: words::moment(folder.modified.at),
        owner: opened.owner(),
        columns: listing.columns(),
        part: listing.part(rows.len(), count, has_more),
        rows,
        zip: may_download.then(|| opened.own_url("zip")),
        view_only: !may_download,
        first_name: opened.first_name(),
        add: opened.sending()?,
        notice: item::notice(opened),
    };
    Ok(list::holding(turn, answer::page(&opened.site, &shown)?))
}

/// How many items a folder holds; a file none.
pub fn child_count(item: &Item) -> i64 {
    match item.content {
        ItemContent::Folder { child_count, .. } => child_count,
        ItemContent::File(_) => 0,
    }
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
