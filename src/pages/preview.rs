//! How a file looks in its page, and the bytes for that. What people uploaded is never run: text becomes text of the
//! page, and only kinds that a browser runs nothing of are sent to be shown.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::auth::Visitor;
use crate::domain::item::Item;
use crate::domain::link::Act;
use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::download;
use crate::pages::kinds::{self, Shown};
use crate::pages::opened::Opened;
use crate::pages::views::{Preview, PreviewNotes, Way};
use crate::pages::words;
use crate::service::drive::read_start;

/// Bytes of a text that a page shows, at most.
const SHOWN: u64 = 256 * 1024;
/// Bytes in which an image tells its size.
const HEAD: u64 = 64 * 1024;
/// Rows and columns of a table that a page shows, at most.
const ROWS: usize = 1_000;
const COLUMNS: usize = 50;

/// How a file looks.
pub struct Look {
    pub preview: Preview,
    pub notes: PreviewNotes,
}

impl From<Preview> for Look {
    fn from(preview: Preview) -> Self {
        Self { preview, notes: PreviewNotes::default() }
    }
}

pub async fn of(opened: &Opened, item: &Item) -> Result<Look> {
    let Some(file) = item.file() else { return Ok(Preview::None.into()) };
    if file.size == 0 {
        return Ok(Preview::Empty.into());
    }
    let Some(shown) = kinds::shown(&item.name, file) else { return Ok(Preview::None.into()) };
    let src = opened.bytes_url("preview", item);
    let mime_type = file.mime_type.clone();
    Ok(match shown {
        Shown::Image => {
            let start = read_start(opened.site.service(), &opened.shared.to_preview()?, HEAD).await?;
            let size = imagesize::blob_size(&start).ok().filter(|size| size.width > 0 && size.height > 0);
            Preview::Image { src, size: size.map(|size| (size.width, size.height)) }.into()
        }
        Shown::Video => Preview::Video { src, mime_type }.into(),
        Shown::Audio => Preview::Audio { src, mime_type }.into(),
        Shown::Pdf => Preview::Pdf { src }.into(),
        Shown::Text | Shown::Markdown | Shown::Table => {
            let start = read_start(opened.site.service(), &opened.shared.to_preview()?, SHOWN).await?;
            match read_text(&start) {
                Some(text) => text_look(opened, item, shown, text),
                None => Preview::None.into(),
            }
        }
    })
}

/// The text of a file's first bytes; none where it is no text.
fn read_text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.contains(&0) {
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // The last character was cut through.
        Err(error) if bytes.len() - error.valid_up_to() < 4 => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    Some(words::plain(&text.replace("\r\n", "\n").replace('\r', "\n")))
}

fn text_look(opened: &Opened, item: &Item, shown: Shown, text: String) -> Look {
    let mut notes = PreviewNotes::default();
    if item.size().cast_unsigned() > SHOWN {
        notes.cut = Some(words::size(SHOWN.cast_signed()));
    }
    let own = opened.own_url("redir");
    let as_text = opened.asked("show").as_deref() == Some("text");
    let to_text = || Way { name: "Show as text".to_owned(), href: format!("{own}&show=text") };
    let back = |name: &str| Way { name: name.to_owned(), href: own.clone() };
    let preview = match shown {
        Shown::Markdown if !as_text => {
            notes.other = Some(to_text());
            Preview::Rendered { html: render(&text) }
        }
        Shown::Table if !as_text => {
            notes.other = Some(to_text());
            let (head, rows, is_whole) = read_table(&text);
            if !is_whole {
                notes.cut = Some(format!("{} rows", words::number(ROWS as i64)));
            }
            Preview::Table { head, rows }
        }
        _ => {
            notes.other = match shown {
                Shown::Markdown => Some(back("Show as a page")),
                Shown::Table => Some(back("Show as a table")),
                _ => None,
            };
            Preview::Text { text }
        }
    };
    Look { preview, notes }
}

/// Markdown as harmless HTML: what could run, load or look like the page itself is taken out.
fn render(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: below(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        event => event,
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    // Images would be asked for from elsewhere; addresses without a host lead nowhere here.
    ammonia::Builder::default()
        .rm_tags(["img", "map", "area"])
        .url_relative(ammonia::UrlRelative::Deny)
        .url_schemes(["http", "https", "mailto"].into())
        .link_rel(Some("noopener noreferrer nofollow"))
        .clean(&html)
        .to_string()
}

/// The page's own heading is the first; those of a text come below it.
fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// The first row, the others, and whether these are all.
fn read_table(text: &str) -> (Vec<String>, Vec<Vec<String>>, bool) {
    let first_line = text.lines().next().unwrap_or_default();
    let count = |separator: char| first_line.matches(separator).count();
    let separator =
        [',', ';', '\t'].into_iter().max_by_key(|separator| (count(*separator), *separator == ','));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator.unwrap_or(',') as u8)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut rows: Vec<Vec<String>> = reader
        .records()
        .take(ROWS + 2)
        .map_while(std::result::Result::ok)
        .map(|row| row.iter().take(COLUMNS).map(str::to_owned).collect())
        .collect();
    let is_whole = rows.len() <= ROWS + 1;
    rows.truncate(ROWS + 1);
    if rows.is_empty() {
        return (Vec::new(), Vec::new(), true);
    }
    let mut head = rows.remove(0);
    let width = rows.iter().map(Vec::len).max().unwrap_or(0).max(head.len());
    head.resize(width, String::new());
    for row in &mut rows {
        row.resize(width, String::new());
    }
    (head, rows, is_whole)
}

/// The bytes that a page shows: of kinds that may be shown alone.
pub async fn bytes(
    visitor: Visitor,
    request: HttpRequest,
    preconditions: Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let right = opened.shared.to_preview()?;
    let file = right.bytes();
    let shown = kinds::shown(file.name(), file.file());
    let is_pdf = match shown {
        Some(Shown::Image | Shown::Video | Shown::Audio) => false,
        Some(Shown::Pdf) => true,
        _ => return Err(Error::ItemNotFound),
    };
    let mut answer = download::send(&opened.site, &request, &preconditions, file).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let may_embed = opened.shared.link().is_some_and(|link| link.link_type.permits(Act::Embed));
    let ancestors = if may_embed { "*".to_owned() } else { format!("'self' {}", opened.site.url) };
    // A browser's viewer of PDFs does not work in a sandbox, and is one itself.
    let policy = match is_pdf {
        true => format!(
            "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors {ancestors}"
        ),
        false => format!("sandbox; default-src 'none'; frame-ancestors {ancestors}"),
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).map_err(Error::internal)?);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_runs_and_loads_nothing() {
        let html = render(
            "# A\n<script>alert(1)</script><img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) [b](/redir?x) \
             [c](https://example.com) ![d](https://example.com/d.png)\n\n<svg onload=alert(1)></svg><b onclick=x>e</b>",
        );
        for bad in ["<script", "<img", "onerror", "javascript:", "/redir", "<svg", "onclick", "d.png"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert!(html.contains("<h2>A</h2>") && html.contains("<b>e</b>"), "{html}");
        assert!(html.contains("href=\"https://example.com\" rel=\"noopener noreferrer nofollow\""), "{html}");
    }

    #[test]
    fn a_table_has_rows_of_one_length_whatever_stands_between() {
        let (head, rows, is_whole) = read_table("a;b\n1;\"x;y\";3\n");
        assert_eq!(head, ["a", "b", ""]);
        assert_eq!(rows, [["1", "x;y", "3"]]);
        assert!(is_whole);
    }

    #[test]
    fn bytes_that_are_no_text_are_not_shown_as_one() {
        assert_eq!(read_text(b"a\0b"), None);
        assert_eq!(read_text("\u{FEFF}aé".as_bytes()).as_deref(), Some("aé"));
        assert_eq!(read_text(&"aé".as_bytes()[..2]).as_deref(), Some("a"));
    }
}
