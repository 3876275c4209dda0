//! Everlink: sharing links that never break.
//!
//! A request's way is three hops: the URL table in [`graph`] (or [`pages`]) → a handler of a few lines →
//! an operation in [`sharing`] or [`drive`] → a statement in [`store`]. An arrow points down only:
//!
//! ```text
//!              main → cli → server → admin
//!                        ↓
//!          pages (HTML) → graph (JSON)        auth
//!                     ↓                         │
//!            sharing · drive                    │
//!                     ↓                         │
//!                  access                       │
//!                     ↓                         │
//!                    app  ←─────────────────────┘
//!               ↙           ↘
//!            store         content
//!               ↘           ↙
//!                  domain
//! ```
//!
//! [`error`], [`clock`], [`config`], [`limits`] and [`telemetry`] are used by all.

pub mod access;
pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod content;
pub mod domain;
pub mod drive;
pub mod error;
pub mod graph;
pub mod keys;
pub mod limits;
pub mod pages;
pub mod server;
pub mod sharing;
pub mod store;
pub mod telemetry;
