//! Everlink: sharing links that never break.
//!
//! A request's way: the route table ([`graph::routes`], [`pages`] or [`website`]) → a handler of a few lines → a
//! right ([`service::rights`]) → an operation ([`service::links`], [`service::drive`]) → a statement. Arrows point
//! down:
//!
//! ```text
//! main → cli → server               commands; listeners, middlewares, the health listener
//!         │      ↓
//!         │     dev                 what programs are tested with; not there but by `--dev`
//!         │      ↓
//!         │   website               the owner's site
//!         │      ↓
//!         │    pages                what a link opens
//!         │      ↓
//!         │    graph                JSON: the route table, addresses, bodies, answers
//!         │      ↓
//!         │     app                 the service as it is served over HTTP
//!         │    ↙   ↘
//!         │   ↓    auth             makes a caller of a token
//!         ↘   ↓     │
//!         service   │               rights · links · drive; their store is their own
//!        ↙   ↓   ↘  ↓
//!  content limits keys              bytes · what one may use at once · what signs
//!        ↘   ↓   ↙
//!         domain                    types and rules
//! ```
//!
//! [`error`], [`clock`], [`config`] and [`telemetry`] are used by all. [`forwarded`] tells who sends a request,
//! [`sources`] how often they may.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod content;
pub mod dev;
pub mod domain;
pub mod error;
pub mod forwarded;
pub mod graph;
pub mod keys;
pub mod limits;
pub mod pages;
pub mod server;
pub mod service;
pub mod sources;
pub mod telemetry;
pub mod website;
