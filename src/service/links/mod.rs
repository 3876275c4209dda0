//! What Everlink is for: links that are made once, open the current version, and end when the owner
//! says so.

mod create_link;
mod own_links;
mod permissions;
mod revoke_link;
mod secrets;

pub use create_link::{LinkRequest, create_link};
pub use own_links::{
    LinkCounts, OwnLink, OwnLinkFilter, applications_of, count_links_on, count_own_links, list_own_links,
};
pub use permissions::{Ancestor, Permission, get_permission, list_permissions, shared_permission};
pub use revoke_link::revoke_link;
pub use secrets::{authkey, share_id};
