//! A list of files as JSON, an object a line: for files that a database of one's own knows.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use chrono::DateTime;
use serde::Deserialize;

use crate::cli::Failure;
use crate::cli::import::left_out;
use crate::content::Skipped;
use crate::domain::outside::{Seen, place_of, spell_path};
use crate::service::drive::ImportEntry;

/// Longer lines are no files' descriptions.
const LONGEST_LINE: u64 = 64 * 1024;
const SECOND: i64 = 1_000_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    /// In the drive.
    path: String,
    location: String,
    size: i64,
    /// RFC 3339.
    modified: String,
    mime_type: Option<String>,
    /// Hexadecimal.
    sha256: Option<String>,
}

type Found = Result<ImportEntry, Skipped>;

/// The lines of a file, or of standard input.
pub(super) fn open(
    path: Option<&Path>,
) -> Result<impl FnOnce() -> Box<dyn Iterator<Item = Found>> + Send + 'static, Failure> {
    let file = match path {
        Some(path) => {
            Some(File::open(path).map_err(|error| Failure(format!("{}: {error}", path.display())))?)
        }
        None => None,
    };
    Ok(move || -> Box<dyn Iterator<Item = Found>> {
        match file {
            Some(file) => Box::new(read(BufReader::new(file))),
            None => Box::new(read(std::io::stdin().lock())),
        }
    })
}

fn read(mut lines: impl BufRead) -> impl Iterator<Item = Found> {
    let (mut number, mut line) = (0_u64, Vec::new());
    std::iter::from_fn(move || {
        loop {
            line.clear();
            number += 1;
            let bad = |why: String| Some(Err(left_out(format!("line {number}"), why)));
            match lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(read) if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") => {
                    // What follows of it is not read as lines.
                    let _ = lines.skip_until(b'\n');
                    return bad("it is longer than 64 KiB".to_owned());
                }
                Ok(_) => match parse(&line) {
                    Ok(entry) => return Some(Ok(entry)),
                    Err(why) => return bad(why),
                },
                Err(error) => return bad(error.to_string()),
            }
        }
    })
}

fn parse(line: &[u8]) -> Result<ImportEntry, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let path = line.path.trim_matches('/');
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(format!("{} is no path", line.path));
    }
    let location = spelled_location(&line.location)
        .ok_or_else(|| format!("{} is neither an absolute path nor s3://bucket/key", line.location))?;
    let modified = DateTime::parse_from_rfc3339(&line.modified)
        .map_err(|error| format!("{} is no time: {error}", line.modified))?;
    if line.size < 0 {
        return Err("its size is less than nothing".to_owned());
    }
    let sha256 = line.sha256.map(|digest| digest.to_ascii_uppercase());
    let is_digest =
        |digest: &String| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if sha256.as_ref().is_some_and(|digest| !is_digest(digest)) {
        return Err("its sha256 is not 64 hexadecimal digits".to_owned());
    }
    let is_type = |text: &String| text.parse::<mime_guess::Mime>().is_ok();
    if let Some(bad) = line.mime_type.as_ref().filter(|text| !is_type(text)) {
        return Err(format!("{bad} is no media type"));
    }
    let seen = Seen {
        size: line.size,
        modified_ns: modified.timestamp_nanos_opt().ok_or("its time is out of range")?,
        unit_ns: unit_of(&line.modified),
        etag: None,
        inode: None,
        born_ns: None,
    };
    Ok(ImportEntry {
        path: spell_path(path.as_bytes()),
        is_folder: false,
        seen,
        location: Some(location),
        mime_type: line.mime_type,
        sha256,
    })
}

/// What a path or a key has is what it is; in a file: URL, % and two digits are a byte already.
fn spelled_location(location: &str) -> Option<String> {
    let spelled = match location.strip_prefix("s3://") {
        Some(key) => format!("s3://{}", spell_path(key.as_bytes())),
        None if location.starts_with("file://") => location.to_owned(),
        None => spell_path(location.as_bytes()),
    };
    place_of(&spelled).map(|_| spelled)
}

/// How precise a time is that is written so, in nanoseconds.
fn unit_of(time: &str) -> i64 {
    let fraction = time.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count().min(9);
    SECOND / 10_i64.pow(u32::try_from(digits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, location: &str, modified: &str) -> Found {
        let text = serde_json::json!({ "path": path, "location": location, "size": 3, "modified": modified });
        read(text.to_string().as_bytes()).next().expect("a line")
    }

    #[test]
    fn a_line_is_a_file() {
        let entry = line("/a/100%.txt", "/srv/100%41", "2026-01-02T03:04:05Z").expect("a file");
        assert_eq!((entry.path.as_str(), entry.location.as_deref()), ("a/100%25.txt", Some("/srv/100%2541")));
        assert_eq!(entry.seen.unit_ns, SECOND);
        let entry = line("a", "file:///srv/a%20b", "2026-01-02T03:04:05.125+01:00").expect("a file");
        assert_eq!((entry.location.as_deref(), entry.seen.unit_ns), (Some("file:///srv/a%20b"), 1_000_000));
    }

    #[test]
    fn what_is_no_file_is_told_with_its_line() {
        for (path, location, modified) in [
            ("", "/a", "2026-01-02T03:04:05Z"),
            ("a/../b", "/a", "2026-01-02T03:04:05Z"),
            ("a", "b", "2026-01-02T03:04:05Z"),
            ("a", "/a", "yesterday"),
        ] {
            assert_eq!(line(path, location, modified).expect_err("no file").path, "line 1");
        }
        let long = [vec![b'x'; 100_000], b"\n{}".to_vec()].concat();
        let told: Vec<String> = read(&long[..]).map(|found| found.expect_err("no file").path).collect();
        assert_eq!(told, ["line 1", "line 2"]);
    }
}
