//! What the templates of the owner's site show.

use std::collections::BTreeSet;

use askama::Template;

use crate::pages::views::{Column, FileKind, Moment, Notice, Page, Part, Preview, PreviewNotes, Way};
use crate::pages::{assets, words};

/// Where in the site a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    Drive,
    Links,
    Bin,
}

/// What every page of the site has.
pub struct Frame {
    /// Of the browser's tab.
    pub title: String,
    /// Who is signed in.
    pub name: String,
    /// None on a page that is in none of the three.
    pub here: Option<Here>,
    /// How many links there are, and how many items in the bin, where that is known.
    /// `1,284`, or that there are more than were counted.
    pub links: Option<String>,
    pub binned: Option<i64>,
    /// What forms show to prove that they come from the site's own pages.
    pub token: String,
    pub used: String,
    /// Of how much there may be.
    pub total: String,
    /// 0 to 100.
    pub percent: u8,
    pub notice: Option<Notice>,
}

impl Frame {
    /// Of who is signed in: `AL`, of `Ada Lovelace`.
    fn initials(&self) -> String {
        let mut words = self.name.split_whitespace();
        let letters = [words.next(), words.next_back()].into_iter().flatten();
        letters.filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect()
    }
}

#[derive(Template)]
#[template(path = "site/signin.html")]
pub struct SignInPage {
    pub page: Page,
    /// `files.example`; none in the embedded default, where one signs in by an address.
    pub provider: Option<String>,
    /// Where the provider is asked.
    pub start: String,
    /// What it said where it did not work.
    pub failed: Option<String>,
    /// One has just signed out.
    pub signed_out: bool,
}

/// An entry of a folder, or of what was found.
pub struct Entry {
    pub number: i64,
    pub name: String,
    /// Its page: a folder's list, a file's preview.
    pub href: String,
    pub kind: FileKind,
    pub is_folder: bool,
    pub size: String,
    pub changed: Moment,
    /// How many links of its own it has.
    pub links: i64,
    /// Of the folder it is in, where that is not the list's own.
    pub folder: Option<Way>,
    pub sharing: String,
    pub download: String,
    /// Rename, move, delete: a page of its own.
    pub actions: String,
    /// None for a folder.
    pub versions: Option<String>,
}

/// A folder of the drive, or what was found in it.
#[derive(Template)]
#[template(path = "site/drive.html")]
pub struct DrivePage {
    pub frame: Frame,
    /// From the drive's root down to this folder, itself last; the root alone where there is no other.
    pub crumbs: Vec<Way>,
    /// What was looked for; none where a folder is shown.
    pub search: Option<String>,
    pub name: String,
    pub is_root: bool,
    /// The number of the drive's root, for what is dragged there.
    pub root: i64,
    pub count: String,
    /// Where forms go: this page.
    pub action: String,
    /// The folder for scripts: `/my/api/drives/{d}/items/{id}`.
    pub api: String,
    pub columns: [Column; 3],
    pub entries: Vec<Entry>,
    pub part: Option<Part>,
}

impl DrivePage {
    /// The folders above this one.
    fn above(&self) -> &[Way] {
        self.crumbs.split_last().map_or(&[], |(_, above)| above)
    }

    /// The pictures that its rows need, each once.
    fn icons(&self) -> BTreeSet<&'static str> {
        self.entries.iter().map(|entry| entry.kind.icon).collect()
    }
}

/// A file of the drive.
#[derive(Template)]
#[template(path = "site/file.html")]
pub struct OwnFilePage {
    pub frame: Frame,
    /// From the drive's root down to the file's folder.
    pub crumbs: Vec<Way>,
    pub entry: Entry,
    pub preview: Preview,
    pub notes: PreviewNotes,
}

impl OwnFilePage {
    /// Whether there is anything to show of it.
    fn has_stage(&self) -> bool {
        !matches!(self.preview, Preview::Empty | Preview::None)
    }
}

/// A page of one item's own: rename, move, delete.
#[derive(Template)]
#[template(path = "site/actions.html")]
pub struct ActionsPage {
    pub frame: Frame,
    /// From the drive's root down to the folder it is in.
    pub crumbs: Vec<Way>,
    pub entry: Entry,
    pub action: String,
    /// The folder it is in.
    pub back: String,
    /// The folder whose folders it may be moved to, and the way to it.
    pub into: Vec<Way>,
    /// The number of that folder.
    pub into_number: i64,
    /// Folders in it, to look further.
    pub folders: Vec<Way>,
}

/// A link as its owner sees it.
pub struct LinkCard {
    /// The permission's id.
    pub id: String,
    /// `view`, `edit`, `createOnly`, `blocksDownload`, `embed`.
    pub link_type: &'static str,
    /// `Can view`, `Can edit`, `Can add files`, `View only`, `Embedded`.
    pub role: &'static str,
    /// `Anyone with the link`, `People at Example`.
    pub audience: String,
    pub address: String,
    /// Which application made it; empty where that was the site.
    pub application: String,
    pub made: Moment,
    pub views: i64,
    pub downloads: i64,
    pub last_opened: Option<Moment>,
    pub qr: String,
    /// The folder that it is of, where that is above the item.
    pub inherited_from: Option<Way>,
    /// It has just been made, or found.
    pub is_new: bool,
    /// It is asked whether to remove it.
    pub is_confirming: bool,
}

impl LinkCard {
    fn icon(&self) -> &'static str {
        match self.link_type {
            "edit" => "pen",
            "createOnly" => "inbox",
            "blocksDownload" => "no-download",
            "embed" => "code",
            _ => "eye",
        }
    }

    fn audience_icon(&self) -> &'static str {
        if self.audience.starts_with("Anyone") { "globe" } else { "organization" }
    }

    /// `128 times, 12 downloads`
    fn opened(&self) -> String {
        let opened = match self.views {
            0 => "Never".to_owned(),
            1 => "Once".to_owned(),
            views => format!("{} times", thousands(views)),
        };
        match self.downloads {
            0 => opened,
            1 => format!("{opened}, 1 download"),
            downloads => format!("{opened}, {} downloads", thousands(downloads)),
        }
    }
}

/// `1,284`
fn thousands(number: i64) -> String {
    words::number(number)
}

/// An item's sharing.
#[derive(Template)]
#[template(path = "site/sharing.html")]
pub struct SharingPage {
    pub frame: Frame,
    /// From the drive's root down to the folder it is in.
    pub crumbs: Vec<Way>,
    pub entry: Entry,
    /// Where forms go: this page.
    pub action: String,
    /// The list it came from.
    pub back: String,
    pub links: Vec<LinkCard>,
    /// Of folders above.
    pub inherited: Vec<LinkCard>,
    pub opens: i64,
    pub this_week: i64,
    /// `Example`, as in «People at Example».
    pub organization: String,
    /// Said of the link that was asked for: none, `Link created`, or that it was there already.
    pub answer: Option<String>,
    /// Instead of the links, the form that makes one: `?create`.
    pub is_creating: bool,
}

/// A row of all links.
pub struct LinkRow {
    pub item: String,
    pub number: i64,
    pub kind: FileKind,
    pub path: String,
    pub sharing: String,
    pub card: LinkCard,
}

/// What the links are filtered by, as the form shows it.
#[derive(Default)]
pub struct LinkQuery {
    pub text: String,
    /// A type's name; empty for any.
    pub link_type: String,
    pub application: String,
    /// `week`, `month`, `year`, `older`; empty for any.
    pub age: String,
    /// `never`, `not-this-year`; empty for any.
    pub opens: String,
}

#[derive(Template)]
#[template(path = "site/links.html")]
pub struct LinksPage {
    pub frame: Frame,
    pub query: LinkQuery,
    /// Those of the drive: id and name.
    pub applications: Vec<(String, String)>,
    pub rows: Vec<LinkRow>,
    pub all: i64,
    pub never_opened: i64,
    pub not_this_year: i64,
    /// `…?…&after=…`
    pub next: Option<String>,
    pub csv: String,
    /// It is asked whether to remove those that are chosen: their ids.
    pub confirming: Vec<String>,
}

impl LinksPage {
    /// The pictures that its rows need, each once.
    fn icons(&self) -> BTreeSet<&'static str> {
        self.rows.iter().flat_map(|row| [row.kind.icon, row.card.icon()]).collect()
    }

    fn is_filtered(&self) -> bool {
        let LinkQuery { text, link_type, application, age, opens } = &self.query;
        [text, link_type, application, age, opens].iter().any(|filter| !filter.is_empty())
    }
}

pub struct BinEntry {
    pub number: i64,
    pub name: String,
    pub kind: FileKind,
    pub size: String,
    /// Where it was.
    pub path: String,
    pub deleted: Moment,
}

#[derive(Template)]
#[template(path = "site/bin.html")]
pub struct BinPage {
    pub frame: Frame,
    pub entries: Vec<BinEntry>,
    pub next: Option<String>,
    /// It is asked whether to delete this one for good.
    pub confirming: Option<(i64, String)>,
    /// It is asked whether to empty the bin.
    pub is_emptying: bool,
}

impl BinPage {
    /// The pictures that its rows need, each once.
    fn icons(&self) -> BTreeSet<&'static str> {
        self.entries.iter().map(|entry| entry.kind.icon).collect()
    }
}

pub struct VersionRow {
    pub number: i64,
    pub changed: Moment,
    /// `Ada Lovelace`, `a link`.
    pub by: String,
    pub size: String,
    pub download: String,
    pub is_current: bool,
}

#[derive(Template)]
#[template(path = "site/versions.html")]
pub struct VersionsPage {
    pub frame: Frame,
    /// From the drive's root down to the file itself.
    pub crumbs: Vec<Way>,
    pub entry: Entry,
    pub action: String,
    pub back: String,
    pub versions: Vec<VersionRow>,
    pub next: Option<String>,
}
