//! Types and rules: what a drive, an item, a link and a caller are. No async, no I/O, no HTTP.
//!
//! The types that columns hold say here how they are kept; no statement is written here.

pub mod address;
pub mod grant;
pub mod identity;
pub mod ids;
pub mod item;
pub mod link;
pub mod link_scope;
pub mod name;
pub mod order;
pub mod outside;
pub mod preconditions;
mod text_column;
pub mod upload;
