//! What befalls servers from outside: they are stopped, their disks and readers go away, clients are many or slow.

#![allow(clippy::large_futures, reason = "a test's own future is made once")]

#[allow(dead_code, unused_imports, unused_macros, reason = "what tests share is more than is used here")]
#[path = "../api/support/mod.rs"]
mod support;

mod clients;
mod contents;
mod haproxy;
mod log;
mod recovery;
mod stopping;
mod uploads;
