//! Who changes what is in a drive.

use crate::clock::Timestamp;

/// Who changes something, and when, as the tables keep it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The drive's change number, from `Tx::begin_change`.
    pub number: i64,
    pub at: Timestamp,
    pub by: Option<&'a str>,
    pub app_no: Option<i32>,
}
