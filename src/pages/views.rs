//! What the templates show: each page's own words and addresses, ready to be written down.

use std::collections::BTreeSet;

use askama::Template;

use crate::pages::{assets, words};

/// What every page has.
#[derive(Default)]
pub struct Page {
    /// Of the browser's tab.
    pub title: String,
    /// Who shares it, where that is told.
    pub owner: Option<String>,
    /// The link's whole address, to copy.
    pub address: Option<String>,
    /// Of the page with the address as a QR code.
    pub qr: Option<String>,
    /// What other sites show of the page when somebody posts its address.
    pub card: Option<Card>,
}

impl Page {
    /// Of who shares it: `AL`, of `Ada Lovelace`.
    pub fn initials(&self) -> String {
        let mut words = self.owner.iter().flat_map(|owner| owner.split_whitespace());
        let letters = [words.next(), words.next_back()].into_iter().flatten();
        letters.filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect()
    }
}

pub struct Card {
    pub title: String,
    pub description: String,
    /// Its whole address.
    pub image: Option<String>,
}

/// A moment, as UTC and for a program that knows the reader's time.
pub struct Moment {
    /// `2026-11-18T09:30:00Z`
    pub iso: String,
    /// `18 November 2026, 09:30 UTC`
    pub utc: String,
}

impl Moment {
    /// `18 November 2026`
    pub fn day(&self) -> &str {
        self.utc.split(',').next().unwrap_or_default()
    }
}

/// A kind of file: its picture and its name.
#[derive(Clone, Copy)]
pub struct FileKind {
    /// One of `folder`, `image`, `video`, `audio`, `pdf`, `text`, `code`, `table`, `archive`, `file`.
    pub icon: &'static str,
    /// `PDF document`
    pub name: &'static str,
}

/// A link to somewhere, with its text.
pub struct Way {
    pub name: String,
    pub href: String,
}

/// A file that stands in a shared folder.
pub struct InFolder {
    /// From what is shared down to the file's folder.
    pub crumbs: Vec<Way>,
    pub previous: Option<Way>,
    pub next: Option<Way>,
    /// `3 of 24`; none where it is not known.
    pub place: Option<String>,
}

/// How a file looks.
pub enum Preview {
    Image {
        src: String,
        size: Option<(usize, usize)>,
    },
    Video {
        src: String,
        mime_type: String,
    },
    Audio {
        src: String,
        mime_type: String,
    },
    Pdf {
        src: String,
    },
    /// Text and code, at most the first 256 KiB.
    Text {
        text: String,
    },
    /// Made of Markdown; harmless HTML.
    Rendered {
        html: String,
    },
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// A file of no bytes.
    Empty,
    None,
}

impl Preview {
    /// How large an image is: `4,032 × 2,688`.
    pub fn pixels(&self) -> Option<String> {
        match self {
            Self::Image { size: Some((width, height)), .. } => {
                let pixels = |number: &usize| words::number(i64::try_from(*number).unwrap_or(i64::MAX));
                Some(format!("{} × {}", pixels(width), pixels(height)))
            }
            _ => None,
        }
    }
}

/// What else there is to a preview of text.
#[derive(Default)]
pub struct PreviewNotes {
    /// `256 KB`, where only the first of so much is shown.
    pub cut: Option<String>,
    /// «Show as text», «Show as a table», «Show as a page».
    pub other: Option<Way>,
}

/// What the page says of what was just done.
pub struct Notice {
    /// It went wrong.
    pub is_bad: bool,
    pub text: String,
}

/// A form that sends files, with script and without.
pub struct Sending {
    /// Where the form goes.
    pub action: String,
    /// The item in the API, for a script: `/v1.0/shares/s!…/items/…`
    pub api: String,
}

#[derive(Template)]
#[template(path = "file.html")]
pub struct FilePage {
    pub page: Page,
    pub name: String,
    pub kind: FileKind,
    pub size: String,
    pub changed: Moment,
    pub owner: String,
    /// `Ada`, of `Ada Lovelace`.
    pub first_name: String,
    /// None where it may only be looked at.
    pub download: Option<String>,
    pub preview: Preview,
    pub notes: PreviewNotes,
    pub within: Option<InFolder>,
    /// Where the link lets its bearer replace it.
    pub replace: Option<Sending>,
    /// Of the content that is shown: what is replaced meanwhile has another one.
    pub etag: String,
    pub notice: Option<Notice>,
}

impl FilePage {
    /// Whether there is anything to show of it.
    fn has_stage(&self) -> bool {
        !matches!(self.preview, Preview::Empty | Preview::None)
    }

    /// What is said where a browser can't show it after all.
    fn fails(&self) -> &'static str {
        if self.download.is_some() {
            "The preview doesn’t work here. The download does."
        } else {
            "The preview doesn’t work here."
        }
    }
}

/// An entry of a folder.
pub struct Row {
    /// By which it is chosen.
    pub number: i64,
    pub name: String,
    pub href: String,
    pub kind: FileKind,
    pub is_folder: bool,
    /// `4.2 MB`; of a folder `12 items`.
    pub size: String,
    pub changed: Moment,
    /// A file's bytes.
    pub download: Option<String>,
}

/// A column that one sorts by.
pub struct Column {
    pub name: &'static str,
    pub href: String,
    /// `ascending` or `descending`, where the list is sorted by it.
    pub sorted: Option<&'static str>,
}

/// Which part of a long list is shown.
pub struct Part {
    pub from: usize,
    pub to: usize,
    pub of: i64,
    pub previous: Option<String>,
    pub next: Option<String>,
}

#[derive(Template)]
#[template(path = "folder.html")]
pub struct FolderPage {
    pub page: Page,
    pub name: String,
    /// From what is shared down to the folder above this one; none where it is itself what is shared.
    pub crumbs: Vec<Way>,
    /// `24 items`
    pub count: String,
    pub size: String,
    pub changed: Moment,
    pub owner: String,
    /// Name, Changed, Size.
    pub columns: [Column; 3],
    pub rows: Vec<Row>,
    /// Where not all of it is shown.
    pub part: Option<Part>,
    /// Everything as one archive; a form with `item=NUMBER`s sent to it (POST) gives those alone. None where nothing
    /// may be downloaded.
    pub zip: Option<String>,
    /// It may only be looked at.
    pub view_only: bool,
    pub first_name: String,
    /// Where the link lets its bearer add files and replace them.
    pub add: Option<Sending>,
    pub notice: Option<Notice>,
}

impl FolderPage {
    /// The pictures that its rows need, each once.
    fn icons(&self) -> BTreeSet<&'static str> {
        self.rows.iter().map(|row| row.kind.icon).collect()
    }
}

/// A page that only takes files.
#[derive(Template)]
#[template(path = "drop.html")]
pub struct DropPage {
    pub page: Page,
    /// Name of the folder.
    pub folder: String,
    pub owner: String,
    pub first_name: String,
    pub send: Sending,
    /// How many have just arrived.
    pub arrived: Option<usize>,
    pub notice: Option<Notice>,
}

/// The way into an organization: for whom it is.
#[derive(Template)]
#[template(path = "organization.html")]
pub struct OrganizationPage {
    pub page: Page,
    pub organization: String,
    /// Where one signs in.
    pub sign_in: Option<String>,
    /// Who is signed in already, and doesn't belong there.
    pub account: Option<String>,
}

#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    pub page: Page,
    /// `gone` for a link that opens nothing, else `alert`.
    pub icon: &'static str,
    pub title: String,
    pub text: String,
}

#[derive(Template)]
#[template(path = "qr.html")]
pub struct QrPage {
    pub page: Page,
    pub name: String,
    /// The code as SVG.
    pub svg: String,
    /// The SVG as a file.
    pub save: String,
    /// The page that it is of.
    pub back: String,
}

/// A file in another site's frame.
#[derive(Template)]
#[template(path = "embed.html")]
pub struct EmbedPage {
    pub name: String,
    pub kind: FileKind,
    /// The link's page.
    pub open: String,
    pub preview: Preview,
}

/// The API's operations, for people.
#[derive(Template)]
#[template(path = "docs.html")]
pub struct DocsPage {
    pub page: Page,
    pub groups: Vec<Group>,
}

/// The API's operations, to be tried.
#[derive(Template)]
#[template(path = "try.html")]
pub struct TryPage {
    /// Where anybody gets a token, if anywhere.
    pub token: Option<&'static str>,
}

/// The operations of one matter.
pub struct Group {
    pub title: String,
    pub operations: Vec<Operation>,
}

pub struct Operation {
    pub method: String,
    pub path: String,
    pub summary: String,
    pub statuses: String,
    /// Its place in the page on which it can be tried.
    pub try_it: String,
}
