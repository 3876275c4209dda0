//! What Everlink is for: links that are made once, open the current version, and end when the owner
//! says so. An operation is a function in a file of its own.

mod create_link;
mod list_permissions;
mod revoke_link;

pub use create_link::{LinkRequest, create_link};
pub use list_permissions::{Ancestor, Permission, get_permission, list_permissions};
pub use revoke_link::revoke_link;
