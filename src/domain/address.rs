//! How a client names an item. Nothing is looked up yet, and nothing is proven.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

use crate::domain::ids::{DriveId, ItemId};
use crate::domain::name::ItemPath;

#[derive(Clone, Debug)]
pub enum ItemAddress {
    /// `/drive/root:/path`, `/drives/{id}/items/{id}` and their like.
    InDrive { drive: DriveAddress, base: Base, path: ItemPath },
    /// `/shares/{share}/driveItem:/path` and its like.
    Shared(SharedAddress),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriveAddress {
    /// The caller's own.
    Mine,
    Id(DriveId),
    /// That of a user of the caller's tenant.
    Of(String),
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Root,
    Item(ItemId),
}

#[derive(Clone, Debug)]
pub struct SharedAddress {
    pub share: ShareToken,
    /// An item inside what is shared; what is shared itself where none is named.
    pub item: Option<ItemId>,
    pub path: ItemPath,
}

impl SharedAddress {
    /// What is shared itself.
    pub fn whole(share: ShareToken) -> Self {
        Self { share, item: None, path: ItemPath::default() }
    }

    /// `s!…` is a share id; `u!…` is a link's URL in base64url, with or without padding.
    pub fn of_token(token: &str) -> Option<Self> {
        if token.starts_with("s!") {
            return Some(Self::whole(ShareToken::ShareId(SecretString::from(token))));
        }
        let encoded = token.strip_prefix("u!")?.trim_end_matches('=');
        Self::of_url(&String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?)
    }

    /// A link's URL, of whatever host: those who pass it on may know the service by other names.
    pub fn of_url(url: &str) -> Option<Self> {
        let (place, query) = url.split_once('?')?;
        let page = place.trim_end_matches('/').rsplit('/').next()?;
        if matches!(page, "redir" | "download" | "embed") { Self::of_query(query) } else { None }
    }

    /// The query of a link's URL: `resid` and `authkey`, and `id` with the number of an item inside of what is shared.
    /// Names are read in any case; a name that is there twice makes it no link. A link that went through HTML may have
    /// `&amp;` between them.
    pub fn of_query(query: &str) -> Option<Self> {
        let (mut item, mut authkey, mut inside) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let name = name.to_ascii_lowercase();
            let slot = match name.strip_prefix("amp;").unwrap_or(&name) {
                "resid" => &mut item,
                "authkey" => &mut authkey,
                "id" => &mut inside,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        let whole: ItemId = item?.parse().ok()?;
        let item = match inside {
            Some(number) => Some(ItemId { number: number.parse().ok()?, ..whole }),
            None => None,
        };
        let share = match authkey {
            Some(authkey) => {
                ShareToken::Link { item: whole, authkey: SecretString::from(authkey.into_owned()) }
            }
            None => ShareToken::Item(whole),
        };
        Some(Self { share, item, path: ItemPath::default() })
    }

    /// Whether it names what is shared itself, and nothing inside.
    pub fn is_whole(&self) -> bool {
        self.item.is_none() && self.path.is_empty()
    }
}

/// What a client shows to get at something shared.
#[derive(Clone, Debug)]
pub enum ShareToken {
    /// `s!…`
    ShareId(SecretString),
    /// A link's URL.
    Link { item: ItemId, authkey: SecretString },
    /// An item's own URL, which opens it to those who manage it.
    Item(ItemId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_links_parameters_are_read_in_any_case_and_once() {
        let read = |query| {
            let address = SharedAddress::of_query(query)?;
            let inside = address.item.map(|item| item.number);
            Some((matches!(address.share, ShareToken::Link { .. }), inside))
        };
        assert_eq!(read("ResId=AB!7&AUTHKEY=!x&more=1"), Some((true, None)));
        assert_eq!(read("resid=AB!7&amp;authkey=!x"), Some((true, None)));
        assert_eq!(read("resid=AB!7&authkey=!x&id=8"), Some((true, Some(8))));
        assert_eq!(read("resid=AB%217"), Some((false, None)));
        for bad in [
            "",
            "authkey=!x",
            "resid=AB!7&resid=AB!7&authkey=!x",
            "resid=AB!7&authkey=!x&AuthKey=!x",
            "resid=x&authkey=!x",
            "resid=AB!7&authkey=!x&id=8&id=9",
            "resid=AB!7&authkey=!x&id=CD!8",
            "resid=AB!7&authkey=!x&id=",
        ] {
            assert!(SharedAddress::of_query(bad).is_none(), "{bad}");
        }
    }
}
