//! What callers may use of the service: how much, for how long, and how much at once. All of it is here, but for what
//! the installation sets ([`crate::config`]) and the lengths of names ([`crate::domain::name`]); `docs/security.md` has
//! the same as a table, which a test holds against this.

mod turns;

use std::time::Duration;

use chrono::TimeDelta;

pub use turns::{Taken, Turn, Turns, Who};

/// Bytes of a JSON body where no more is said: what it asks for fits in, and nobody fills memory by it.
pub const JSON_BODY: usize = 16 * 1024;

/// Requests of a batch, as Microsoft has it.
pub const BATCH_REQUESTS: usize = 20;
/// Bytes of a batch's body: texts are in it.
pub const BATCH_BODY: usize = 4 * 1024 * 1024;
/// Bytes of all its answers together, which are in memory until the last is there.
pub const BATCH_ANSWERS: usize = 4 * 1024 * 1024;
/// Headers of one of its requests.
pub const BATCH_HEADERS: usize = 100;
/// Bytes of the URL of one of its requests.
pub const BATCH_URL: usize = 16 * 1024;

/// Entries of a page of a list.
pub const PAGE: usize = 1_000;
/// Bytes of a page of a list, or little more: it ends early where its entries are large.
pub const PAGE_BYTES: usize = 1024 * 1024;

/// Characters of what is searched for: the longest path.
pub const SEARCHED: usize = 400;

/// Bytes of a range of an upload session: Microsoft's limit.
pub const RANGE: i64 = 60 * 1024 * 1024;
/// Ranges of an upload session: each stays a piece of the file, with rows of its own.
pub const RANGES: i32 = 100_000;
/// How long an upload session lasts, however it is used: what it has received takes room until then.
pub const UPLOAD_SESSION: TimeDelta = TimeDelta::days(7);

/// Bytes that all downloads together have read ahead from the disk; who finds no room reads small pieces, one after
/// another.
pub const READ_AHEAD: usize = 64 * 1024 * 1024;

/// Items of a copy, which is one transaction.
pub const COPIED: usize = 10_000;
/// Items of an archive, whose names are in memory while it is sent.
pub const ARCHIVED: usize = 50_000;

/// Bytes of a text that a page shows.
pub const SHOWN_TEXT: u64 = 256 * 1024;
/// How deep Markdown may be nested that a page shows: each level takes the stack of who reads it.
pub const SHOWN_DEPTH: usize = 50;
/// Bytes of HTML that a shown text may become.
pub const SHOWN_HTML: usize = 2 * 1024 * 1024;
/// Rows of a table that a page shows.
pub const SHOWN_ROWS: usize = 1_000;
/// Columns of such a table.
pub const SHOWN_COLUMNS: usize = 50;

/// How many times the wrong keys of an address a whole network may send: of 56 bits, which a provider gives to one
/// customer, where an address is one of 64.
pub const WRONG_KEYS_OF_NETWORK: u32 = 8;

/// Refusals of requests without a token that are logged in a second. How many more there were is told with them.
pub const LOGGED_REFUSALS: u32 = 10;
/// Lines of the log that wait for its reader; what comes then is dropped and counted.
pub const WAITING_LINES: usize = 20_000;

/// Limits that tests set otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file that is uploaded in one request.
    pub upload: u64,
    /// How long a client may take for a small body, or for the next [`Self::pace`] bytes of a large one.
    pub stall: Duration,
    /// Bytes that a client must send in that time.
    pub pace: usize,
    /// How long an answer may wait for its client to take more of it.
    pub unread: Duration,
    /// How long a download ticket opens.
    pub ticket: Duration,
}

impl Limits {
    /// How long an answer with a ticket in it may be given again: the ticket lasts for most of its time yet.
    pub fn ticket_shown(&self) -> Duration {
        self.ticket / 10
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload: 250 * 1024 * 1024,
            stall: Duration::from_secs(20),
            pace: 16 * 1024,
            unread: Duration::from_secs(120),
            ticket: Duration::from_secs(3_600),
        }
    }
}
