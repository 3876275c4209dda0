//! Microsoft's API over HTTP. [`routes`] is the table of all operations; a file holds an operation, or a small family
//! of them: what is asked, the handler, what is answered. A handler reads what it is asked, takes a right, calls one
//! operation and shows what that gave. What many share is in `wire`, `query`, `body` and `list`.

pub mod address;
mod analytics;
mod batch;
pub mod body;
mod children;
mod content;
mod copy;
pub mod counting;
mod create_link;
mod delta;
mod drives;
pub mod errors;
mod examples;
mod items;
pub mod list;
pub mod multipart;
mod openapi;
mod params;
mod permissions;
mod properties;
pub mod query;
pub mod routes;
mod search;
mod shares;
pub mod site;
mod uploads;
mod versions;
pub mod wire;
