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
use crate::limits::{SHOWN_COLUMNS, SHOWN_DEPTH, SHOWN_HTML, SHOWN_ROWS, SHOWN_TEXT};
use crate::pages::download::{self, Content};
use crate::pages::kinds::{self, Shown};
use crate::pages::opened::Opened;
use crate::pages::views::{Preview, PreviewNotes, Way};
use crate::pages::words;
use crate::service::Service;
use crate::service::drive::read_start;
use crate::service::rights::Shared;

/// Bytes in which an image tells its size.
const HEAD: u64 = 64 * 1024;

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
    let asks_for_text = opened.asked("show").as_deref() == Some("text");
    let src = opened.bytes_url("preview", item);
    look(opened.site.service(), &opened.shared, src, &opened.own_url("redir"), asks_for_text).await
}

/// How what was opened looks: `src` has its bytes, `page` is the page that shows it. Where the bytes can't be had, the
/// page is shown without them.
pub async fn look(
    service: &Service,
    shared: &Shared,
    src: String,
    page: &str,
    asks_for_text: bool,
) -> Result<Look> {
    match look_into(service, shared, src, page, asks_for_text).await {
        Err(error @ (Error::Unavailable(_) | Error::ContentDamaged(_))) => {
            tracing::error!(error = error.inside(), "a page has no preview");
            Ok(Preview::None.into())
        }
        look => look,
    }
}

async fn look_into(
    service: &Service,
    shared: &Shared,
    src: String,
    page: &str,
    asks_for_text: bool,
) -> Result<Look> {
    let right = shared.to_preview()?;
    let (name, file) = (right.name(), right.file());
    if file.size == 0 {
        return Ok(Preview::Empty.into());
    }
    let Some(shown) = kinds::shown(name, file) else { return Ok(Preview::None.into()) };
    let mime_type = file.mime_type.clone();
    Ok(match shown {
        Shown::Image => {
            let start = read_start(service, &right, HEAD).await?;
            let size = imagesize::blob_size(&start).ok().filter(|size| size.width > 0 && size.height > 0);
            Preview::Image { src, size: size.map(|size| (size.width, size.height)) }.into()
        }
        Shown::Video => Preview::Video { src, mime_type }.into(),
        Shown::Audio => Preview::Audio { src, mime_type }.into(),
        Shown::Pdf => Preview::Pdf { src }.into(),
        Shown::Text | Shown::Markdown | Shown::Table => {
            let start = read_start(service, &right, SHOWN_TEXT).await?;
            match read_text(&start) {
                Some(text) => {
                    // It is work for the processor alone, which others' requests are not to wait for.
                    let _turn = service.turns.renders.take(right.who()).await?;
                    let (page, size) = (page.to_owned(), file.size);
                    let look = move || text_look(&page, size, shown, text, asks_for_text);
                    tokio::task::spawn_blocking(look).await.map_err(Error::internal)?
                }
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

fn text_look(page: &str, size: i64, shown: Shown, text: String, asks_for_text: bool) -> Look {
    let mut notes = PreviewNotes::default();
    if size.cast_unsigned() > SHOWN_TEXT {
        notes.cut = Some(words::size(SHOWN_TEXT.cast_signed()));
    }
    let separator = if page.contains('?') { '&' } else { '?' };
    let to_text = || Way { name: "Show as text".to_owned(), href: format!("{page}{separator}show=text") };
    let back = |name: &str| Way { name: name.to_owned(), href: page.to_owned() };
    let preview = match shown {
        Shown::Markdown if !asks_for_text => match render(&text) {
            Some(html) => {
                notes.other = Some(to_text());
                Preview::Rendered { html }
            }
            None => Preview::Text { text },
        },
        Shown::Table if !asks_for_text => {
            notes.other = Some(to_text());
            let (head, rows, is_whole) = read_table(&text);
            if !is_whole {
                notes.cut =
                    Some(format!("{} rows and {SHOWN_COLUMNS} columns", words::number(SHOWN_ROWS as i64)));
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

/// Markdown as harmless HTML: what could run, load or look like the page itself is taken out. None where it is nested
/// so deep, or becomes so large, that to make a page of it takes longer than anybody waits.
fn render(text: &str) -> Option<String> {
    if text.lines().any(|line| markers(line) > SHOWN_DEPTH) {
        return None;
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut depth = 0_usize;
    let mut deepest = 0;
    let events = Parser::new_ext(text, options).map(|event| match event {
        // Markup in a text stays text. What is badly nested would be closed and opened again in each paragraph.
        Event::Html(markup) | Event::InlineHtml(markup) => Event::Text(markup),
        Event::TaskListMarker(is_done) => Event::Text(if is_done { "☑ " } else { "☐ " }.into()),
        Event::Start(tag) => {
            depth += 1;
            deepest = deepest.max(depth);
            Event::Start(match tag {
                Tag::Heading { level, .. } => {
                    Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() }
                }
                tag => tag,
            })
        }
        Event::End(tag) => {
            depth = depth.saturating_sub(1);
            Event::End(match tag {
                TagEnd::Heading(level) => TagEnd::Heading(below(level)),
                tag => tag,
            })
        }
        event => event,
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    if deepest > SHOWN_DEPTH || html.len() > SHOWN_HTML {
        return None;
    }
    // Images would be asked for from elsewhere; addresses without a host lead nowhere here.
    let clean = ammonia::Builder::default()
        .rm_tags(["img", "map", "area"])
        .url_relative(ammonia::UrlRelative::Deny)
        .url_schemes(["http", "https", "mailto"].into())
        .link_rel(Some("noopener noreferrer nofollow"))
        .clean(&html);
    Some(clean.to_string())
}

/// Characters at a line's start that each may begin something within something.
fn markers(line: &str) -> usize {
    let start =
        line.chars().take_while(|c| matches!(c, '>' | '-' | '*' | '+' | ' ' | '\t' | '.' | ')' | '0'..='9'));
    let is_rule = line.trim().chars().all(|c| matches!(c, '-' | '*' | ' '));
    if is_rule { 0 } else { start.filter(|c| matches!(c, '>' | '-' | '*' | '+' | '.' | ')')).count() }
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
        .take(SHOWN_ROWS + 2)
        .map_while(std::result::Result::ok)
        .map(|row| row.iter().take(SHOWN_COLUMNS + 1).map(str::to_owned).collect())
        .collect();
    let is_whole = rows.len() <= SHOWN_ROWS + 1 && rows.iter().all(|row| row.len() <= SHOWN_COLUMNS);
    rows.truncate(SHOWN_ROWS + 1);
    rows.iter_mut().for_each(|row| row.truncate(SHOWN_COLUMNS));
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
    download::at_rest(async || send_shown(&visitor, &request, &preconditions, site.clone()).await).await
}

async fn send_shown(
    visitor: &Visitor,
    request: &HttpRequest,
    preconditions: &Preconditions,
    site: Site,
) -> Result<HttpResponse> {
    let opened = Opened::by(visitor, request, site).await?;
    let right = opened.shared.to_preview()?;
    let shown = kinds::shown(right.name(), right.file());
    let is_pdf = match shown {
        Some(Shown::Image | Shown::Video | Shown::Audio) => false,
        Some(Shown::Pdf) => true,
        _ => return Err(Error::ItemNotFound),
    };
    let mut answer = download::send(&opened.site, request, preconditions, &Content::Shown(&right)).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let name = download::disposition("inline", right.name());
    let may_embed = opened.shared.link().is_some_and(|link| link.link_type.permits(Act::Embed));
    let ancestors = if may_embed { "*".to_owned() } else { format!("'self' {}", opened.site.public_url()) };
    // A browser's viewer of PDFs does not work in a sandbox, and is one itself.
    let policy = match is_pdf {
        true => format!(
            "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors {ancestors}"
        ),
        false => format!("sandbox; default-src 'none'; frame-ancestors {ancestors}"),
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(Error::internal)?);
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
             [c](https://example.com) ![d](https://example.com/d.png)\n\n<svg onload=alert(1)></svg>**e**",
        )
        .expect("a page");
        for bad in ["<script", "<img", "javascript:", "/redir", "<svg", "d.png"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert!(html.contains("<h2>A</h2>") && html.contains("<strong>e</strong>"), "{html}");
        assert!(html.contains("href=\"https://example.com\" rel=\"noopener noreferrer nofollow\""), "{html}");
    }

    #[test]
    fn what_would_take_too_long_stays_text() {
        assert!(render(&">".repeat(100_000)).is_none());
        assert!(render(&"> ".repeat(60)).is_none());
        assert!(render(&format!("{}a", "- ".repeat(1_000))).is_none());
        assert!(render(&"-".repeat(1_000)).is_some());
        let reopened = format!("<p>{}{}", "<b lang=i>".repeat(2_000), "<p>x".repeat(2_000));
        assert!(render(&reopened).expect("a page").len() < 200_000);
        assert!(render("- [x] a\n- [ ] b\n").expect("a page").contains("☑ a"));
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
