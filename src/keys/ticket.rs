//! Download tickets: short-lived URLs that need no token, Microsoft's «pre-authenticated» download URLs.
//!
//! ```text
//! ticket = base64url( epoch:1 || drive:8 || item:8 || version:8 || expires:8 || link:16 || link item:8 || mac:16 )
//! ```
//! `version` 0 stands for whatever is current; a `link` of zeros for none. A ticket that was given to
//! somebody with a link names the link, and the link is asked for again when the ticket is used: a
//! revoked link's tickets are dead with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId, LinkAt, LinkId};
use crate::keys::ring::{KeyRing, MAC_LENGTH, decode};

const LABEL: &[u8] = b"everlink download 1";
const BODY_LENGTH: usize = 1 + 8 + 8 + 8 + 8 + 16 + 8;
const LENGTH: usize = BODY_LENGTH + MAC_LENGTH;

/// What a ticket lets its bearer read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub item: ItemId,
    /// None: the current version at the time of the download.
    pub version: Option<i64>,
    pub expires_at: Timestamp,
    /// The link it was given out by, and the item that link is on: the ticket's own or a folder above it.
    pub through: Option<LinkAt>,
}

impl KeyRing {
    pub fn sign_ticket(&self, ticket: &Ticket) -> String {
        let (link, link_item) =
            ticket.through.map_or(([0; 16], 0), |at| (at.link.to_bytes(), at.item.number));
        let mut body = Vec::with_capacity(LENGTH);
        body.push(self.newest());
        body.extend_from_slice(&ticket.item.drive.to_bytes());
        body.extend_from_slice(&ticket.item.number.to_be_bytes());
        body.extend_from_slice(&ticket.version.unwrap_or(0).to_be_bytes());
        body.extend_from_slice(&ticket.expires_at.timestamp().to_be_bytes());
        body.extend_from_slice(&link);
        body.extend_from_slice(&link_item.to_be_bytes());
        let mac =
            self.mac_of_incarnation(self.newest(), LABEL, &body).expect("the newest epoch is in the ring");
        body.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(body)
    }

    /// Reads a ticket, be it expired or not. None for whatever this ring did not sign.
    pub fn prove_ticket(&self, text: &str) -> Option<Ticket> {
        let bytes = decode::<LENGTH>(text)?;
        let (body, mac) = bytes.split_at(BODY_LENGTH);
        let expected = self.mac_of_incarnation(body[0], LABEL, body)?;
        if !bool::from(expected[..].ct_eq(mac)) {
            return None;
        }
        let number = |at: usize| -> Option<i64> { Some(i64::from_be_bytes(*body.get(at..)?.first_chunk()?)) };
        let drive = DriveId::from_bytes(*body.get(1..)?.first_chunk()?);
        let link: [u8; 16] = *body.get(33..)?.first_chunk()?;
        let link_item = ItemId { drive, number: number(49)? };
        Some(Ticket {
            item: ItemId { drive, number: number(9)? },
            version: Some(number(17)?).filter(|version| *version != 0),
            expires_at: Timestamp::from_timestamp(number(25)?, 0)?,
            through: (link != [0; 16]).then(|| LinkAt { item: link_item, link: LinkId::from_bytes(link) }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ring::tests::{item, link, ring};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn a_ticket_says_what_it_was_made_for() {
        let folder = ItemId { number: 4, ..item() };
        for ticket in [
            Ticket { item: item(), version: None, expires_at: at(1000), through: None },
            Ticket {
                item: item(),
                version: Some(3),
                expires_at: at(1000),
                through: Some(LinkAt { item: folder, link: link() }),
            },
        ] {
            assert_eq!(ring().prove_ticket(&ring().sign_ticket(&ticket)), Some(ticket));
        }
    }

    #[test]
    fn a_ticket_is_good_within_one_incarnation() {
        let ticket = Ticket { item: item(), version: None, expires_at: at(1000), through: None };
        let text = ring().sign_ticket(&ticket);
        assert_eq!(ring().in_incarnation(1).prove_ticket(&text), None);
        let text = ring().in_incarnation(1).sign_ticket(&ticket);
        assert_eq!(ring().in_incarnation(1).prove_ticket(&text), Some(ticket));
        assert_eq!(ring().in_incarnation(2).prove_ticket(&text), None);
        assert_eq!(ring().prove_ticket(&text), None);
    }

    #[test]
    fn a_changed_ticket_is_worth_nothing() {
        let text =
            ring().sign_ticket(&Ticket { item: item(), version: None, expires_at: at(1000), through: None });
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(ring().prove_ticket(&changed), None, "position {position}");
        }
    }
}
