//! Everything that is signed, and by what: the key file, the ring of its secrets, and what they sign. The database
//! has none of them.

mod file;
mod link_key;
mod monitor_url;
mod ring;
mod share_id;
mod ticket;
mod upload_url;

pub use file::{BadKeys, Keys, add_epoch, is_exposed, renew_issuer, withdraw_epoch};
pub use link_key::{ProvenLink, named_link};
pub use ring::{KeyRing, Secret};
pub use ticket::Ticket;
