//! What people do with a link in a browser, from start to end: each test has a server and a browser of its own.

#![allow(clippy::large_futures, reason = "a test's own future is made once")]

#[allow(dead_code, unused_imports, unused_macros, reason = "what tests share is more than is used here")]
#[path = "../api/support/mod.rs"]
mod support;

mod access;
mod browser;
mod hostile;
mod keyboard;
mod provider;
mod samples;
mod site;
mod trap;
mod trying;
mod uploads;
mod views;
mod way;
mod weight;
mod without_script;
