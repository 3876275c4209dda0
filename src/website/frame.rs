//! What every page of the site begins with: who asks, of which drive, and what is around the page.

use std::sync::Arc;

use actix_web::http::header::{HeaderValue, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::grant::FilesReadWrite;
use crate::domain::ids::ItemId;
use crate::domain::item::{Item, Kind};
use crate::domain::name::ItemPath;
use crate::error::Result;
use crate::graph::site::Site;
use crate::pages::views::{Notice, Way};
use crate::pages::{answer, kinds, words};
use crate::service::drive::{MOST_COUNTED, count_links_and_binned, usage_of};
use crate::service::rights::{self, Managed, ManagedDrive};
use crate::website::session::Owner;
use crate::website::views::{Entry, Frame, Here};

/// What the drive's root is called.
pub const ROOT: &str = "My files";

/// The owner at their drive.
pub struct Desk {
    pub site: Site,
    pub owner: Owner,
    pub drive: ManagedDrive,
    query: String,
}

impl Desk {
    pub async fn of(owner: Owner, request: &HttpRequest, site: Site) -> Result<Self> {
        let drive = rights::manage_drive(site.service(), &owner.granted, &DriveAddress::Mine).await?;
        Ok(Self { site, owner, drive, query: request.query_string().to_owned() })
    }

    /// What the address says.
    pub fn asked(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub fn root(&self) -> ItemId {
        ItemId::root_of(self.drive.drive().id)
    }

    pub fn id(&self, number: i64) -> ItemId {
        ItemId { number, ..self.root() }
    }

    pub fn address(&self, number: i64) -> ItemAddress {
        let base = Base::Item(self.id(number));
        ItemAddress::InDrive {
            drive: DriveAddress::Id(self.drive.drive().id),
            base,
            path: ItemPath::default(),
        }
    }

    /// An item of the drive by its number.
    pub async fn manage(&self, number: i64) -> Result<Managed<FilesReadWrite>> {
        rights::manage(self.site.service(), &self.owner.granted, &self.address(number)).await
    }

    /// The same, of one in the recycle bin.
    pub async fn manage_deleted(&self, number: i64) -> Result<rights::EvenDeleted> {
        rights::manage_deleted(self.site.service(), &self.owner.granted, &self.address(number)).await
    }

    pub async fn claim(&self, number: i64) -> Result<rights::Claim> {
        rights::claim(self.site.service(), &self.owner.granted, &self.address(number)).await
    }

    pub fn name(&self) -> String {
        let user = &self.owner.session.member.user;
        let name = user.name.as_ref().or(self.drive.drive().owner_name.as_ref());
        words::plain(name.unwrap_or(&user.id))
    }

    /// What is around a page.
    pub async fn frame(&self, title: &str, here: Option<Here>) -> Result<Frame> {
        let service = self.site.service();
        let usage = usage_of(service, &self.drive);
        let (links, binned) = count_links_and_binned(service, &self.drive).await?;
        let percent = usage.used.saturating_mul(100).checked_div(usage.total).unwrap_or(100).clamp(0, 100);
        Ok(Frame {
            title: words::plain(title),
            name: self.name(),
            here,
            links: Some(match links {
                MOST_COUNTED.. => format!("{}+", words::number(MOST_COUNTED)),
                counted => words::number(counted),
            }),
            binned: Some(binned),
            token: self.owner.session.form_token(),
            used: words::size(usage.used),
            total: words::size(usage.total),
            percent: u8::try_from(percent).unwrap_or(100),
            notice: self.asked("done").and_then(|done| notice(&done)),
        })
    }

    /// An item as lists and panels show it.
    pub fn entry(&self, item: &Item, links: i64) -> Entry {
        let number = item.id.number;
        let (page, kind) = (page_of(item.id), item.kind());
        Entry {
            number,
            name: name_of(item),
            kind: kinds::kind_of(item),
            is_folder: kind == Kind::Folder,
            size: words::extent(item),
            changed: words::moment(item.modified.at),
            links,
            folder: None,
            sharing: format!("/my/{number}/sharing"),
            download: match kind {
                Kind::File => self.bytes_url("download", item),
                Kind::Folder => self.bytes_url("zip", item),
            },
            actions: format!("/my/{number}/actions"),
            versions: (kind == Kind::File).then(|| format!("/my/{number}/versions")),
            href: page,
        }
    }

    /// An item's own URL, which opens it to who is signed in.
    pub fn bytes_url(&self, page: &str, item: &Item) -> String {
        format!("/{page}?resid={}", item.id)
    }

    /// The folders from the drive's root down to the one that an item is in; `names` are theirs, and `ids` too.
    pub async fn way_to(&self, item: &Item) -> Result<Vec<Way>> {
        let folders = crate::service::drive::folders_above(self.site.service(), &self.drive, item).await?;
        Ok(folders
            .into_iter()
            .map(|(id, name)| Way { name: folder_name(id, &name), href: page_of(id) })
            .collect())
    }

    pub fn answer(&self, page: &impl Template) -> Result<HttpResponse> {
        Ok(own(answer::page(&self.site, page)?))
    }
}

/// Forms of the site must tell where they come from.
pub fn own(mut answer: HttpResponse) -> HttpResponse {
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

pub fn name_of(item: &Item) -> String {
    folder_name(item.id, &item.name)
}

fn folder_name(id: ItemId, name: &str) -> String {
    if id.is_root() { ROOT.to_owned() } else { words::plain(name) }
}

pub fn page_of(id: ItemId) -> String {
    if id.is_root() { "/my".to_owned() } else { format!("/my/{}", id.number) }
}

/// The page of the folder that an item is in.
pub fn back_of(item: &Arc<Item>) -> String {
    item.folder().map_or("/my".to_owned(), page_of)
}

/// What a page says of what was just done: the form leads to it, and its address tells what it did.
fn notice(done: &str) -> Option<Notice> {
    let (is_bad, text) = match done {
        "folder" => (false, "The folder is there."),
        "uploaded" => (false, "It is uploaded."),
        "renamed" => (false, "It has its new name. Links to it go on."),
        "moved" => (false, "It is in its new folder. Links to it go on."),
        "deleted" => (false, "It is in the recycle bin. Links to it are off until you restore it."),
        "restored" => (false, "It is back where it was, and links to it open again."),
        "restored-as" => (false, "It is back, under another name, because the name was taken."),
        "version" => (false, "The version is current again. Links open it from now on."),
        "purged" => (false, "It is deleted for good."),
        "emptied" => (false, "The recycle bin is empty."),
        "removed" => (false, "Link removed. It’s dead from now on."),
        "gone" => (true, "This link was removed already."),
        "taken" => (true, "Something of this name is already there."),
        "name" => (true, "A name can’t have \\ / : * ? \" < > | in it."),
        "missing" => {
            (true, "Somebody else changed this meanwhile. It isn’t here any more, so nothing was done.")
        }
        "into-itself" => (true, "A folder can’t be moved into itself."),
        "none" => (true, "Nothing was chosen. Choose something first."),
        "full" => (true, "There is no room for it. Empty the recycle bin or delete something."),
        "large" => (true, "It is too large to be sent without JavaScript."),
        _ => return None,
    };
    Some(Notice { is_bad, text: text.to_owned() })
}
