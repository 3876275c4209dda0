//! Names of items, and paths made of them.

use unicode_normalization::UnicodeNormalization;

/// Longest name, in characters.
const NAME_LIMIT: usize = 255;
/// Longest path below the drive's root, in characters, separators included.
pub const PATH_LIMIT: usize = 400;

/// What an item is called: not empty, none of `" * : < > ? / \ |`, no control characters, no
/// white space at either end, no full stop at the end, no name that Windows or SharePoint keep for
/// themselves. OneDrive's rules:
/// <https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a name or a path is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("The name is empty.")]
    Empty,
    #[error("The name is longer than 255 characters.")]
    TooLong,
    #[error("The path is longer than 400 characters.")]
    PathTooLong,
    #[error("The name has a character that names may not have: \" * : < > ? / \\ | or a control character.")]
    Character,
    #[error("The name starts or ends with white space, or ends with a full stop.")]
    Ends,
    #[error("The name is reserved.")]
    Reserved,
}

impl Name {
    pub fn parse(name: &str) -> Result<Self, BadName> {
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.chars().count() > NAME_LIMIT {
            return Err(BadName::TooLong);
        }
        if name.contains(|c: char| c.is_control() || r#""*:<>?/\|"#.contains(c)) {
            return Err(BadName::Character);
        }
        if name.starts_with(char::is_whitespace) || name.ends_with(|c: char| c.is_whitespace() || c == '.') {
            return Err(BadName::Ends);
        }
        if is_reserved(&name.to_lowercase()) {
            return Err(BadName::Reserved);
        }
        Ok(Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How long it is, as limits and both databases count.
    pub fn characters(&self) -> i64 {
        self.0.chars().count() as i64
    }

    /// The form in which names are compared.
    pub fn key(&self) -> String {
        name_key(&self.0)
    }

    /// `report.pdf` becomes `report 1.pdf`, as OneDrive renames what would collide.
    pub fn numbered(&self, number: u32) -> Result<Self, BadName> {
        let dot = self.0.rfind('.').filter(|&dot| dot > 0).unwrap_or(self.0.len());
        let end = format!(" {number}{}", &self.0[dot..]);
        // A name that is as long as names may be loses its end, so that there is always one with a number.
        let mut stem = &self.0[..dot];
        loop {
            match Self::parse(&format!("{}{end}", stem.trim_end())) {
                Err(bad) => match stem.char_indices().next_back() {
                    Some((at, _)) if at > 0 => stem = &stem[..at],
                    _ => return Err(bad),
                },
                numbered => return numbered,
            }
        }
    }

    /// What follows the last full stop, lower case; empty where that is not plain ASCII letters and
    /// digits, so that it stands in any URL as it is.
    pub fn extension(&self) -> String {
        match self.0.rsplit_once('.') {
            Some((stem, extension))
                if !stem.is_empty() && extension.bytes().all(|b| b.is_ascii_alphanumeric()) =>
            {
                extension.to_ascii_lowercase()
            }
            _ => String::new(),
        }
    }
}

/// The form in which names are compared: two spellings of a letter, and its upper and lower case, are
/// one name.
pub fn name_key(name: &str) -> String {
    // Lowering can undo the composition, so it is composed again at the end.
    let composed: String = name.nfc().collect();
    composed.to_lowercase().nfc().collect()
}

/// Takes the name in lower case.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let device = matches!(stem, "con" | "prn" | "aux" | "nul")
        || stem
            .strip_prefix("com")
            .or_else(|| stem.strip_prefix("lpt"))
            .is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|b| b.is_ascii_digit()));
    device || matches!(name, ".lock" | "desktop.ini") || name.contains("_vti_") || name.starts_with("~$")
}

/// The names on the way from a folder down to an item; empty for the folder itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemPath(Vec<Name>);

impl ItemPath {
    /// From decoded text: names separated by single slashes, one more allowed at either end; `./` at its start is the
    /// folder itself.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let text = text.strip_prefix('/').unwrap_or(text);
        // «Here», as some clients begin.
        let text = text.strip_prefix("./").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let text = if text == "." { "" } else { text };
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.chars().count() > PATH_LIMIT {
            return Err(BadName::PathTooLong);
        }
        text.split('/').map(Name::parse).collect::<Result<_, _>>().map(Self)
    }

    pub fn names(&self) -> &[Name] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same path with one more name at its end.
    pub fn child(mut self, name: Name) -> Self {
        self.0.push(name);
        self
    }

    /// The last name, and the names of the folders before it; none for the empty path.
    pub fn split_last(&self) -> Option<(&Name, &[Name])> {
        self.0.split_last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_onedrive_refuses_are_refused() {
        for bad in [
            "",
            "a/b",
            "a:b",
            "a*",
            "a?",
            "a<b",
            "a>b",
            "a|b",
            "a\\b",
            "a\"b",
            "a\u{0}b",
            "a\nb",
            " a",
            "a ",
            "a.",
            ".",
            "..",
            "CON",
            "con.txt",
            "Com1.log",
            "LPT0",
            "desktop.ini",
            ".lock",
            "x_vti_y",
            "~$doc.docx",
        ] {
            assert!(Name::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(Name::parse(&"x".repeat(256)), Err(BadName::TooLong));
    }

    #[test]
    fn odd_but_lawful_names_are_kept_as_written() {
        for good in [
            "a",
            "#1 100% +sure & 'so'.txt",
            ".hidden",
            "smörgås.pdf",
            "日本語",
            "🎉.png",
            "com10",
            "console",
            "a.b.c",
            "it's",
            "e\u{301}",
        ] {
            assert_eq!(Name::parse(good).expect("lawful").as_str(), good);
        }
        assert!(Name::parse(&"é".repeat(255)).is_ok());
    }

    #[test]
    fn case_and_composition_do_not_tell_names_apart() {
        let key = |name: &str| Name::parse(name).expect("lawful").key();
        assert_eq!(key("Résumé.PDF"), key("re\u{301}sume\u{301}.pdf"));
        assert_eq!(key("ΑΣΊΑ"), key("ασία"));
        assert_ne!(key("a"), key("b"));
    }

    #[test]
    fn a_number_goes_before_the_extension() {
        let numbered = |name: &str| Name::parse(name).expect("lawful").numbered(2).expect("lawful").0;
        assert_eq!(numbered("a.tar.gz"), "a.tar 2.gz");
        assert_eq!(numbered("a"), "a 2");
        assert_eq!(numbered(".profile"), ".profile 2");
    }

    #[test]
    fn only_plain_extensions_go_into_a_link() {
        let extension = |name: &str| Name::parse(name).expect("lawful").extension();
        assert_eq!(extension("a.PDF"), "pdf");
        assert_eq!(extension("a.tar.gz"), "gz");
        assert_eq!(extension("a"), "");
        assert_eq!(extension(".profile"), "");
        assert_eq!(extension("a.é&x"), "");
    }

    #[test]
    fn a_path_has_no_empty_and_no_dot_names() {
        assert!(ItemPath::parse("").expect("empty").is_empty());
        assert!(ItemPath::parse("/").expect("empty").is_empty());
        assert_eq!(ItemPath::parse("/a/b/").expect("lawful").names().len(), 2);
        for bad in ["a//b", "a/../b", "a/./b", "//a"] {
            assert!(ItemPath::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(ItemPath::parse(&"x/".repeat(201)), Err(BadName::PathTooLong));
    }
}
