//! What opens a link: shown to those who could have made it, and to those who have it already.

use crate::domain::link::Link;
use crate::error::{Error, Result};
use crate::service::Service;

/// The `authkey` of the link's URL.
pub fn authkey(service: &Service, link: &Link) -> Result<String> {
    service.keys.authkey(link.item, link.id, link.key_epoch).ok_or_else(|| lacks_epoch(link))
}

/// What `/shares/{id}` takes.
pub fn share_id(service: &Service, link: &Link) -> Result<String> {
    service.keys.share_id(link.item, link.id, link.key_epoch).ok_or_else(|| lacks_epoch(link))
}

fn lacks_epoch(link: &Link) -> Error {
    Error::internal(format!("the key ring lacks epoch {}", link.key_epoch))
}
