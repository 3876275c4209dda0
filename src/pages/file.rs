//! The page of a shared file: what it is, how it looks, and where the link lets, a form to replace it.

use actix_web::HttpResponse;

use crate::domain::item::Item;
use crate::error::Result;
use crate::pages::opened::Opened;
use crate::pages::preview::{self, Look};
use crate::pages::views::{Card, FilePage, InFolder, Preview, Way};
use crate::pages::{answer, item, kinds, words};
use crate::service::drive::{find_neighbours, folders_within};
use crate::service::rights::ToRead;

pub async fn page(opened: &Opened, right: &ToRead) -> Result<HttpResponse> {
    let file = right.item();
    let Look { preview, notes } = preview::of(opened, file).await?;
    let kind = kinds::kind_of(file);
    let name = words::plain(&file.name);
    let size = words::size(file.size());
    let owner = opened.owner();
    let mut page = opened.page(&file.name)?;
    page.card = Some(Card {
        title: name.clone(),
        description: match owner.as_str() {
            "" => format!("{}, {size}", kind.name),
            owner => format!("{}, {size}, shared by {owner}", kind.name),
        },
        image: match &preview {
            Preview::Image { src, .. } if src.starts_with('/') => Some(format!("{}{src}", opened.site.url)),
            Preview::Image { src, .. } => Some(src.clone()),
            _ => None,
        },
    });
    let shown = FilePage {
        page,
        kind,
        size,
        changed: words::moment(file.modified.at),
        first_name: opened.first_name(),
        owner,
        download: right.lets_download(file).then(|| opened.bytes_url("download", file)),
        preview,
        notes,
        within: within(opened, file).await?,
        replace: if opened.shared.lets_write() { opened.sending()? } else { None },
        etag: file.etag(),
        notice: item::notice(opened),
        name,
    };
    answer::page(&opened.site, &shown)
}

/// Where the file is in what is shared; none where it is itself what is shared.
async fn within(opened: &Opened, file: &Item) -> Result<Option<InFolder>> {
    if file.id == opened.shared.whole().id {
        return Ok(None);
    }
    let service = opened.site.service();
    let way = |item: &Item| Way { name: words::plain(&item.name), href: opened.url("redir", item.id.number) };
    let neighbours = find_neighbours(service, &opened.shared).await?;
    Ok(Some(InFolder {
        crumbs: crumbs(opened).await?,
        previous: neighbours.previous.as_ref().map(way),
        next: neighbours.next.as_ref().map(way),
        place: None,
    }))
}

/// The folders from what is shared down to the one that the item is in.
pub async fn crumbs(opened: &Opened) -> Result<Vec<Way>> {
    let folders = folders_within(opened.site.service(), &opened.shared).await?;
    let way = |(id, name): (crate::domain::ids::ItemId, String)| Way {
        name: words::plain(&name),
        href: opened.url("redir", id.number),
    };
    Ok(folders.into_iter().map(way).collect())
}
