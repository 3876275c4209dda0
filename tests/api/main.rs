//! What the service promises, tried on the real server with a real database, on each of the two.

mod create_link;
mod current_version;
mod errors;
mod open_link;
mod permissions;
mod secrets;
mod support;
mod tokens;
