//! What opens a link: shown to those who could have made it, and to those who have it already.

use crate::domain::link::Link;
use crate::error::{Error, Result};
use crate::service::Service;

pub struct LinkSecrets {
    /// The `authkey` of the link's URL.
    pub authkey: String,
    /// What `/shares/{id}` takes.
    pub share_id: String,
}

pub fn secrets_of(service: &Service, link: &Link) -> Result<LinkSecrets> {
    let authkey = service.keys.authkey(link.item, link.id, link.key_epoch);
    let share_id = service.keys.share_id(link.item, link.id, link.key_epoch);
    match (authkey, share_id) {
        (Some(authkey), Some(share_id)) => Ok(LinkSecrets { authkey, share_id }),
        _ => Err(Error::internal(format!("the key ring lacks epoch {}", link.key_epoch))),
    }
}
