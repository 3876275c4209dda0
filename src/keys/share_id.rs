//! The share id of a link: what `/shares/{id}` takes. It carries the item's id and the link's key.
//!
//! `u!` ids, which are encoded URLs, are taken apart in `graph::address`, where URLs are known.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::ids::{DriveId, ItemId, LinkAt, LinkId};
use crate::keys::link_key::ProvenLink;
use crate::keys::ring::{KeyRing, MAC_LENGTH, decode};

const FORMAT: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 1 + 16 + MAC_LENGTH;

impl KeyRing {
    /// The share id of a link; none where the ring lacks the link's epoch.
    pub fn share_id(&self, item: ItemId, link: LinkId, epoch: u8) -> Option<String> {
        let mut id = Vec::with_capacity(LENGTH);
        id.push(FORMAT);
        id.extend_from_slice(&item.drive.to_bytes());
        id.extend_from_slice(&item.number.to_be_bytes());
        id.push(epoch);
        id.extend_from_slice(&link.to_bytes());
        id.extend_from_slice(&self.link_mac(item, link, epoch)?);
        Some(format!("s!{}", URL_SAFE_NO_PAD.encode(id)))
    }

    /// Reads a share id. None for whatever is not, to the letter, one that this ring made.
    pub fn prove_share_id(&self, share_id: &str) -> Option<ProvenLink> {
        let bytes = decode::<LENGTH>(share_id.strip_prefix("s!")?)?;
        let (item, epoch, rest) = take_apart(&bytes)?;
        self.prove(item, epoch, rest)
    }
}

/// Item, epoch, and the link's id followed by its MAC.
fn take_apart(bytes: &[u8; LENGTH]) -> Option<(ItemId, u8, &[u8])> {
    let (&format, rest) = bytes.split_first()?;
    let (drive, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (&epoch, rest) = rest.split_first()?;
    let item = ItemId { drive: DriveId::from_bytes(*drive), number: i64::from_be_bytes(*number) };
    (format == FORMAT).then_some((item, epoch, rest))
}

/// The link that a share id names, genuine or not.
pub(super) fn named_link(share_id: &str) -> Option<LinkAt> {
    let bytes = decode::<LENGTH>(share_id.strip_prefix("s!")?)?;
    let (item, _, rest) = take_apart(&bytes)?;
    Some(LinkAt { item, link: LinkId::from_bytes(*rest.first_chunk()?) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::keys::ring::tests::{item, link, ring};

    #[test]
    fn a_share_id_opens_what_the_links_key_opens() {
        let ring = ring();
        let share_id = ring.share_id(item(), link(), 1).expect("in the ring");
        let key = ring.authkey(item(), link(), 1).expect("in the ring");
        assert_eq!(ring.prove_share_id(&share_id), ring.prove_authkey(item(), &key));
        assert!(ring.prove_share_id(&share_id).is_some());
    }

    proptest! {
        #[test]
        fn a_share_id_has_one_spelling(position in 0..69_usize, replacement in any::<char>()) {
            let share_id = ring().share_id(item(), link(), 1).expect("in the ring");
            prop_assert_eq!(share_id.len(), 69);
            let changed: String = share_id.chars().enumerate()
                .map(|(i, c)| if i == position { replacement } else { c }).collect();
            prop_assume!(changed != share_id);
            prop_assert_eq!(ring().prove_share_id(&changed), None);
        }
    }
}
