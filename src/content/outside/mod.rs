//! Contents that are where they were before Everlink: files of a folder, objects of a bucket. They are read, and never
//! deleted. What is read is what was seen: a file that changes meanwhile ends the download rather than mix with itself.

mod bucket;
mod folder;
mod watch;

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::content::reading::Reader;
use crate::domain::outside::{Place, Seen, path_of};
use crate::error::{Error, Result};
use bucket::Buckets;

pub use folder::{Entry, Skipped, TEMPORARY, Walk, seen_as};
pub use watch::{Changes, Watch};

/// What reads them. Its copies share what they keep open.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    reader: Reader,
    buckets: Buckets,
}

/// Where contents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    Folder(PathBuf),
    Bucket {
        bucket: String,
        /// Without a slash at either end; may be empty.
        prefix: String,
    },
}

impl Root {
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_matches('/').to_owned();
            return Ok(Self::Bucket { bucket: bucket.to_owned(), prefix });
        }
        match text.strip_prefix("file://") {
            Some(path) => Ok(Self::Folder(path_of(path))),
            None => Err(Error::internal(format!("{text} is no root of contents"))),
        }
    }
}

impl Outside {
    /// How it looks now; none where nothing is there.
    pub async fn look(&self, place: &Place) -> Result<Option<Seen>> {
        match Root::parse(&place.root)? {
            Root::Folder(root) => folder::look(root, path_of(&place.path)).await,
            Root::Bucket { bucket, prefix } => self.buckets.look(&bucket, &prefix, &place.path).await,
        }
    }

    /// Its bytes, if it looks as it did; [`Error::ContentChanged`] where it does not.
    pub async fn read(
        &self,
        place: &Place,
        seen: &Seen,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        match Root::parse(&place.root)? {
            Root::Folder(root) => folder::read(&self.reader, root, path_of(&place.path), seen, range).await,
            Root::Bucket { bucket, prefix } => {
                self.buckets.read(&bucket, &prefix, &place.path, seen, range).await
            }
        }
    }

    /// All objects of a bucket below a prefix, and folders that were made on their own.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<BoxStream<'static, Result<Entry>>> {
        self.buckets.list(bucket, prefix)
    }
}
