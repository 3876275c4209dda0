//! Files that are elsewhere than in the content store: where they are, how they are recognised, and what those are
//! called whose names a drive can't have.
//!
//! Two spellings, and one way back from both: `%` and two hexadecimal digits are a byte. In a path all bytes are so
//! spelled that are no UTF-8, and `%` itself. In a name of a drive also what names may not have (`a:b` is `a%3Ab`),
//! and `%` only where two such digits follow it.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::domain::name::{BadName, Name};

/// Where a content is: below a folder or a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `file:///folder` or `s3://bucket/prefix`.
    pub root: String,
    /// Below the root, without a slash at either end, spelled as the module says.
    pub path: String,
}

/// What a file or an object looks like from the outside: what looks otherwise has other bytes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Seen {
    pub size: i64,
    /// When it was last modified: nanoseconds since 1970.
    pub modified_ns: i64,
    /// How precisely that is known, in nanoseconds.
    pub unit_ns: i64,
    /// Of an object.
    pub etag: Option<String>,
    /// Of a file: its number in its file system.
    pub inode: Option<i64>,
    /// When a file was made, where its file system tells: nanoseconds since 1970.
    pub born_ns: Option<i64>,
}

impl Seen {
    /// Whether it has the bytes that it had when it looked so.
    pub fn is_unchanged(&self, now: &Self) -> bool {
        let is_modified = || {
            let unit = self.unit_ns.max(now.unit_ns).max(1);
            self.modified_ns.div_euclid(unit) != now.modified_ns.div_euclid(unit)
        };
        self.size == now.size
            && match (&self.etag, &now.etag) {
                (Some(then), Some(now)) => then == now,
                _ => !is_modified(),
            }
    }

    /// Whether it is one file, be it at another path now. Numbers of files are given anew once a file is gone, so the
    /// number alone is not enough.
    pub fn is_same_file(&self, now: &Self) -> bool {
        self.inode.is_some()
            && self.inode == now.inode
            && match (self.born_ns, now.born_ns) {
                (Some(then), Some(now)) => then == now,
                _ => self.is_unchanged(now),
            }
    }
}

/// A place as a root and a path: `file:///a/b` or `/a/b`, `s3://bucket/a/b`. None for what is neither.
pub fn place_of(location: &str) -> Option<Place> {
    if let Some(rest) = location.strip_prefix("s3://") {
        let (bucket, path) = rest.split_once('/')?;
        let is_one = !bucket.is_empty() && !path.is_empty();
        return is_one.then(|| Place { root: format!("s3://{bucket}"), path: path.to_owned() });
    }
    let path = location.strip_prefix("file://").unwrap_or(location).strip_prefix('/')?;
    let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    is_plain.then(|| Place { root: "file:///".to_owned(), path: path.to_owned() })
}

/// A path's spelling.
pub fn spell_path(bytes: &[u8]) -> String {
    spell(bytes, |_, c, _| c == '%')
}

/// The bytes of a path or a name that is spelled as the module says.
pub fn bytes_of(spelled: &str) -> Vec<u8> {
    let bytes = spelled.as_bytes();
    let mut read = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match byte_at(&bytes[at..]) {
            Some(byte) => {
                read.push(byte);
                at += 3;
            }
            None => {
                read.push(bytes[at]);
                at += 1;
            }
        }
    }
    read
}

/// The path that is spelled so.
pub fn path_of(spelled: &str) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes_of(spelled)))
}

/// The name that a drive has for a file's. Where it is another's already, `beginning` is how many of its first
/// characters are spelled as bytes: so there is another name for the same file.
pub fn name_of(bytes: &[u8], beginning: usize) -> Result<Name, BadName> {
    let is_forbidden = |c: char| c.is_control() || r#""*:<>?/\|"#.contains(c);
    let last = bytes.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).count().saturating_sub(1);
    let mut refused = BadName::Empty;
    // What is reserved differs once its first character does, or its underscores.
    for (beginning, underscores) in [(beginning, false), (beginning.max(1), false), (beginning.max(1), true)]
    {
        let spelled = spell(bytes, |at, c, rest| {
            at < beginning
                || is_forbidden(c)
                || (c == '%' && byte_at(rest).is_some())
                || (at == 0 && c.is_whitespace())
                || (at == last && (c.is_whitespace() || c == '.'))
                || (underscores && c == '_')
        });
        match Name::parse(&spelled) {
            Err(BadName::Reserved) => refused = BadName::Reserved,
            parsed => return parsed,
        }
    }
    Err(refused)
}

/// Spells those characters as bytes that it is asked for: of each, its place among them and the bytes from it on.
fn spell(bytes: &[u8], is_spelled: impl Fn(usize, char, &[u8]) -> bool) -> String {
    let mut spelled = String::with_capacity(bytes.len());
    let mut at = 0;
    let mut rest = bytes;
    let escape = |spelled: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // It is a text that is written to: that does not fail.
            let _ = write!(spelled, "%{byte:02X}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let (this, next) = rest.split_at(c.len_utf8());
            if is_spelled(at, c, rest) {
                escape(&mut spelled, this);
            } else {
                spelled.push(c);
            }
            at += 1;
            rest = next;
        }
        escape(&mut spelled, chunk.invalid());
        rest = &rest[chunk.invalid().len()..];
    }
    spelled
}

fn byte_at(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(bytes: &[u8]) -> String {
        name_of(bytes, 0).map_or_else(|bad| bad.to_string(), |name| name.as_str().to_owned())
    }

    #[test]
    fn a_name_that_a_drive_can_have_is_its_own() {
        for name in ["a.txt", "50% off.pdf", "100%", "é %zz", ".hidden", "a b", "%4"] {
            assert_eq!(named(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_a_name_may_not_have_is_spelled_as_bytes() {
        for (name, expected) in [
            (&b"a:b?.txt"[..], "a%3Ab%3F.txt"),
            (b"%41", "%2541"),
            (b" a ", "%20a%20"),
            (b"a..", "a.%2E"),
            (b".", "%2E"),
            (b"caf\xe9.txt", "caf%E9.txt"),
            (b"a\nb", "a%0Ab"),
            (b"con", "%63on"),
            (b"~$a.docx", "%7E$a.docx"),
            (b"a_vti_b", "%61%5Fvti%5Fb"),
            (b"%%3A", "%%253A"),
        ] {
            assert_eq!(named(name), expected);
        }
        assert_eq!(name_of(&[b'a'; 300], 0), Err(BadName::TooLong));
    }

    #[test]
    fn of_two_names_that_are_one_to_a_drive_the_second_is_spelled_otherwise() {
        let name = |beginning| name_of("ärger".as_bytes(), beginning).expect("a name").as_str().to_owned();
        assert_eq!([name(0), name(1), name(2)], ["ärger", "%C3%A4rger", "%C3%A4%72ger"]);
    }

    #[test]
    fn a_location_is_a_root_and_a_path() {
        let of = |text| place_of(text).map(|place| (place.root, place.path));
        let both = |root: &str, path: &str| Some((root.to_owned(), path.to_owned()));
        assert_eq!(of("/srv/a b.txt"), both("file:///", "srv/a b.txt"));
        assert_eq!(of("file:///srv/a"), both("file:///", "srv/a"));
        assert_eq!(of("s3://bucket/a/b"), both("s3://bucket", "a/b"));
        for bad in ["srv/a", "s3://bucket", "s3://bucket/", "s3:///a", "/a/../b", "/", "", "http://x/y"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_spelled_is_read_back(bytes in "[%0-9a-f:.~$ _]{1,12}", more: Vec<u8>, beginning in 0usize..3) {
            let bytes = [bytes.as_bytes(), &more].concat();
            prop_assert_eq!(bytes_of(&spell_path(&bytes)), &bytes[..]);
            if let Ok(name) = name_of(&bytes, beginning) {
                prop_assert_eq!(bytes_of(name.as_str()), bytes);
            }
        }
    }
}
