//! Types and rules: what a drive, an item, a link and a caller are. No async, no I/O, no HTTP.
//!
//! The types that columns hold derive sqlx's encodings here; no statement is written here.

pub mod address;
pub mod authkey;
pub mod identity;
pub mod item;
pub mod link;
pub mod name;
pub mod order;
pub mod preconditions;
pub mod scope;
pub mod share_id;
pub mod ticket;
pub mod upload;
