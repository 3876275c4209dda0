//! A shared folder, or what is chosen of it, as one zip archive. It is made while it is sent: nothing of it is on a
//! disk, and of the files no more than a piece is in memory. What is in it is not compressed: most files are already.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use chrono::{Datelike, Timelike};
use futures_util::stream::{self, BoxStream, Stream, TryStreamExt};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::auth::Visitor;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::graph::body::Unread;
use crate::graph::counting;
use crate::graph::site::Site;
use crate::limits::Taken;
use crate::pages::answer;
use crate::pages::download::attachment;
use crate::pages::opened::Opened;
use crate::service::drive::{ArchiveEntry, list_archive, read_entry};
use crate::service::rights::ToArchive;

/// Bytes of a form, at most: as many items as a page shows, and more.
const FORM: usize = 64 * 1024;
/// Bytes from which on a file's entry is written in the larger form of the format, some less than 4 GiB.
const LARGE: u64 = 0xF000_0000;

/// All of it.
pub async fn all(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let answer = send(&opened, request.method(), &BTreeSet::new()).await?;
    counting::archive(&opened.site, &request, &opened.shared, visitor.0.as_deref());
    Ok(answer)
}

/// What is chosen of it.
pub async fn chosen(
    visitor: Visitor,
    request: HttpRequest,
    body: Unread,
    site: Site,
) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let form = body.read(FORM).await?;
    let numbers: BTreeSet<i64> = form_urlencoded::parse(&form)
        .filter(|(name, _)| name == "item")
        .map(|(_, number)| number.parse().map_err(|_| Error::invalid_request("A number of an item is none.")))
        .collect::<Result<_>>()?;
    if numbers.is_empty() {
        opened.shared.to_archive()?;
        return Ok(answer::see_other(format!("{}&done=none", opened.own_url("redir"))));
    }
    let answer = send(&opened, request.method(), &numbers).await?;
    counting::archive(&opened.site, &request, &opened.shared, visitor.0.as_deref());
    Ok(answer)
}

async fn send(opened: &Opened, method: &Method, numbers: &BTreeSet<i64>) -> Result<HttpResponse> {
    let right = opened.shared.to_archive()?;
    let name = opened.shared.to_read()?.item().name.clone();
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "application/zip"))
        .insert_header((CONTENT_DISPOSITION, attachment(&format!("{name}.zip"))))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"));
    if *method == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<Bytes>>()));
    }
    let (entries, turn) = list_archive(opened.site.service(), &right, numbers).await?;
    let site = opened.site.clone();
    Ok(response.streaming(archive(Archive::of(site, right, entries, turn))))
}

/// What was written and is still to be sent.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An archive on its way.
struct Archive {
    site: Site,
    right: ToArchive,
    entries: Vec<ArchiveEntry>,
    /// How many of them have begun.
    begun: usize,
    /// The bytes of the file that is being sent, and how many are still to come.
    current: Option<(BoxStream<'static, Result<Bytes>>, u64)>,
    /// None once the archive was ended.
    writer: Option<ZipWriter<StreamWriter<Written>>>,
    written: Written,
    _turn: Taken,
}

impl Archive {
    fn of(site: Site, right: ToArchive, entries: Vec<ArchiveEntry>, turn: Taken) -> Self {
        let written = Written::default();
        let writer = Some(ZipWriter::new_stream(written.clone()));
        Self { site, right, entries, begun: 0, current: None, writer, written, _turn: turn }
    }

    /// Writes the next piece. False once all is written.
    async fn go_on(&mut self) -> Result<bool> {
        let Some(writer) = &mut self.writer else { return Ok(false) };
        if let Some((bytes, left)) = &mut self.current {
            match bytes.try_next().await? {
                Some(piece) => {
                    *left = left.checked_sub(piece.len() as u64).ok_or_else(other_length)?;
                    writer.write_all(&piece).map_err(Error::internal)?;
                }
                None if *left > 0 => return Err(other_length()),
                None => self.current = None,
            }
            return Ok(true);
        }
        let Some(entry) = self.entries.get(self.begun) else {
            if let Some(writer) = self.writer.take() {
                writer.finish().map_err(Error::internal)?;
            }
            return Ok(true);
        };
        self.begun += 1;
        let name = path_of(&self.entries, entry);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(entry.size >= LARGE)
            .last_modified_time(time(entry.modified_at));
        if entry.is_folder() {
            writer.add_directory(name, options).map_err(Error::internal)?;
        } else {
            writer.start_file(name, options).map_err(Error::internal)?;
            let bytes = read_entry(self.site.service(), &self.right, entry).await?;
            self.current = Some((bytes, entry.size));
        }
        Ok(true)
    }
}

fn other_length() -> Error {
    Error::internal("a content has not as many bytes as it was written with")
}

/// The archive's bytes. Where a file can't be read they end in an error, so that nobody takes what came for all of it.
fn archive(archive: Archive) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold(archive, async |mut archive| {
        loop {
            let goes_on = archive.go_on().await.inspect_err(|error| {
                tracing::error!(error = error.inside(), "an archive broke off");
            })?;
            let piece = archive.written.take();
            if !piece.is_empty() {
                return Ok(Some((piece, archive)));
            }
            if !goes_on {
                return Ok(None);
            }
        }
    })
}

/// The format tells times to two seconds, from 1980 on, of no time zone.
fn time(at: Timestamp) -> zip::DateTime {
    let number = |part: u32| u8::try_from(part).unwrap_or_default();
    zip::DateTime::from_date_and_time(
        u16::try_from(at.year()).unwrap_or_default(),
        number(at.month()),
        number(at.day()),
        number(at.hour()),
        number(at.minute()),
        number(at.second()),
    )
    .unwrap_or_default()
}

/// Names of devices, which Windows takes for no file's, whatever ending they have.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// An entry's path, safe on every system.
fn path_of(entries: &[ArchiveEntry], entry: &ArchiveEntry) -> String {
    let mut names = vec![safe(&entry.name)];
    let mut above = entry.parent;
    while let Some(folder) = above.and_then(|at| entries.get(at)) {
        names.push(safe(&folder.name));
        above = folder.parent;
    }
    names.reverse();
    names.join("/")
}

/// A name in an archive. Drives refuse such names by now; what was there before they did is made safe, too.
fn safe(name: &str) -> String {
    let is_bad =
        |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let mut safe: String = name.chars().map(|c| if is_bad(c) { '_' } else { c }).collect();
    if safe.ends_with(['.', ' ']) {
        safe.pop();
        safe.push('_');
    }
    let stem = safe.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = |start: &str| {
        stem.strip_prefix(start)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|c| c.is_ascii_digit()))
    };
    if safe.is_empty() || DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt") {
        safe.insert(0, '_');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_an_archive_are_safe_on_every_system() {
        for (name, expected) in [
            ("a.txt", "a.txt"),
            ("con.txt", "_con.txt"),
            ("COM1", "_COM1"),
            ("common.txt", "common.txt"),
            ("a.", "a_"),
            ("..", "._"),
            ("a\u{7}b", "a_b"),
        ] {
            assert_eq!(safe(name), expected);
        }
    }
}
