//! What the service promises, tried on the real server with a real database, on each of the two.

#![allow(clippy::large_futures, reason = "a test's own future is made once")]

mod admin;
mod admin_sql;
mod at_random;
mod authorization;
mod batch;
mod cli;
mod clients;
mod create_link;
mod current_version;
mod deployment;
mod dev;
mod disk;
mod drive_items;
mod drive_surface;
mod errors;
mod faults;
mod field;
mod import;
mod keys_command;
mod known;
mod large_folders;
mod layers;
mod limits;
mod links_command;
mod memory;
mod migrations;
mod open_link;
mod openapi;
mod opens;
mod pages;
mod permissions;
mod s3;
mod schema;
mod secrets;
mod settings;
mod sockets;
mod sources;
mod strictness;
mod support;
mod tokens;
mod traces;
mod tree;
mod upload_sessions;
mod website;
