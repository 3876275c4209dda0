//! Sizes, moments and names as people read them.

use crate::clock::Timestamp;
use crate::domain::item::{Drive, Item, ItemContent};
use crate::pages::views::Moment;

const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];

/// `840 bytes`, `2 KB`, `4.2 MB`: by 1,024, with one decimal under 10.
pub fn size(bytes: i64) -> String {
    match bytes {
        1 => return "1 byte".to_owned(),
        0..1024 => return format!("{bytes} bytes"),
        _ => {}
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What is shown rounded must not be 1,024.
    while amount >= 1023.5 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let text = if amount < 9.95 { format!("{amount:.1}") } else { format!("{amount:.0}") };
    format!("{} {}", text.strip_suffix(".0").unwrap_or(&text), UNITS[unit])
}

/// `1 item`, `12,345 items`
pub fn items(count: i64) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{} items", number(count)) }
}

/// `12,345`
pub fn number(count: i64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn moment(at: Timestamp) -> Moment {
    Moment {
        iso: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        utc: at.format("%-d %B %Y, %H:%M UTC").to_string(),
    }
}

/// A file's size, and how much a folder holds.
pub fn extent(item: &Item) -> String {
    match item.content {
        ItemContent::File(_) => size(item.size()),
        ItemContent::Folder { child_count, .. } => items(child_count),
    }
}

/// A text that shows what it is: characters that turn the direction of what follows, and those that are not seen, are
/// made visible. A name could look like another by them, `gpj.exe` like `exe.jpg`.
pub fn plain(text: &str) -> String {
    let is_hidden = |c: char| {
        matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
            || (c.is_control() && c != '\n' && c != '\t')
    };
    text.chars().map(|c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The owner's name, as far as people can read it; an id that a program gave is none.
pub fn owner(drive: &Drive) -> Option<String> {
    let name = drive.owner_name.as_deref().unwrap_or(&drive.owner);
    let is_name = !name.trim().is_empty() && uuid::Uuid::try_parse(name).is_err();
    is_name.then(|| plain(name))
}

/// What an organization is called; an id that a program gave is no name.
pub fn organization(tenant: &str) -> String {
    match uuid::Uuid::try_parse(tenant) {
        Ok(_) => "the owner’s organization".to_owned(),
        // Issuers that tell no tenant are one, by their address.
        Err(_) => match url::Url::parse(tenant) {
            Ok(issuer) if issuer.has_host() => plain(issuer.host_str().unwrap_or_default()),
            _ => plain(tenant),
        },
    }
}

/// `Ada`, of `Ada Lovelace`.
pub fn first_name(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (840, "840 bytes"),
            (2048, "2 KB"),
            (1536, "1.5 KB"),
            (10_189, "10 KB"),
            (4_404_019, "4.2 MB"),
            (1_048_100, "1 MB"),
            (1_023 * 1024, "1023 KB"),
            (1_073_741_824, "1 GB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert_eq!(
            (number(999), number(1_000), number(1_234_567)),
            ("999".into(), "1,000".into(), "1,234,567".into())
        );
    }

    #[test]
    fn a_name_shows_what_it_is() {
        assert_eq!(plain("a\u{202E}gpj.exe"), "a\u{FFFD}gpj.exe");
        assert_eq!(plain("שלום.txt"), "שלום.txt");
    }
}
