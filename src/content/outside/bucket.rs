//! Contents that are objects of buckets. An object is recognised by its ETag, and is one thing for as long as it is
//! read: what is stored over it is another.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::content::outside::Entry;
use crate::content::{bucket_of, failed};
use crate::domain::outside::{Seen, bytes_of, spell_path};
use crate::error::{Error, Result};

/// Those that were asked for once, by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets(Arc<Mutex<HashMap<String, Arc<AmazonS3>>>>);

impl Buckets {
    fn get(&self, bucket: &str) -> Result<Arc<AmazonS3>> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.get(bucket) {
            return Ok(known.clone());
        }
        let made = Arc::new(bucket_of(bucket)?);
        buckets.insert(bucket.to_owned(), made.clone());
        Ok(made)
    }

    pub async fn look(&self, bucket: &str, prefix: &str, path: &str) -> Result<Option<Seen>> {
        let Some(at) = object_at(prefix, path) else { return Ok(None) };
        match self.get(bucket)?.head(&at).await {
            Ok(meta) => Ok(Some(seen(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    pub async fn read(
        &self,
        bucket: &str,
        prefix: &str,
        path: &str,
        wanted: &Seen,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let at = object_at(prefix, path).ok_or(Error::ContentGone)?;
        let range = (!range.is_empty()).then(|| range.into());
        let is_empty = range.is_none();
        let options =
            GetOptions { if_match: wanted.etag.clone(), range, head: is_empty, ..Default::default() };
        match self.get(bucket)?.get_opts(&at, options).await {
            Ok(got) if !wanted.is_unchanged(&seen(&got.meta)) => Err(Error::ContentChanged),
            Ok(_) if is_empty => Ok(futures_util::stream::empty().boxed()),
            Ok(got) => Ok(got.into_stream().map_err(failed).boxed()),
            Err(object_store::Error::NotFound { .. }) => Err(Error::ContentGone),
            Err(object_store::Error::Precondition { .. }) => Err(Error::ContentChanged),
            // A range that is not within it is told as an error of the request.
            Err(error) => match self.look(bucket, prefix, path).await? {
                Some(now) if wanted.is_unchanged(&now) => Err(failed(error)),
                Some(_) => Err(Error::ContentChanged),
                None => Err(Error::ContentGone),
            },
        }
    }

    /// Each object below the prefix. What other programs store under a key with a slash at its end is a folder: in the
    /// listing it looks like an empty object, which is not there when it is asked for.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<BoxStream<'static, Result<Entry>>> {
        let store = self.get(bucket)?;
        let start =
            (!prefix.is_empty()).then(|| ObjectPath::parse(prefix)).transpose().map_err(Error::internal)?;
        let before = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
        let objects = store.list(start.as_ref()).map_err(failed).try_filter_map(move |meta| {
            let store = store.clone();
            async move {
                let path = meta.location.as_ref().get(before..).filter(|path| !path.is_empty());
                let Some(path) = path.map(|path| spell_path(path.as_bytes())) else { return Ok(None) };
                let is_folder = meta.size == 0
                    && match store.head(&meta.location).await {
                        Err(object_store::Error::NotFound { .. }) => true,
                        Ok(_) => false,
                        Err(error) => return Err(failed(error)),
                    };
                Ok(Some(Entry { path, is_folder, seen: seen(&meta) }))
            }
        });
        Ok(objects.boxed())
    }
}

/// None for what is no key.
fn object_at(prefix: &str, path: &str) -> Option<ObjectPath> {
    let path = String::from_utf8(bytes_of(path)).ok()?;
    let key = if prefix.is_empty() { path } else { format!("{prefix}/{path}") };
    ObjectPath::parse(key).ok()
}

fn seen(meta: &ObjectMeta) -> Seen {
    Seen {
        size: meta.size.cast_signed(),
        modified_ns: meta.last_modified.timestamp_nanos_opt().unwrap_or(0),
        // What a listing tells may be more precise than what a single object does.
        unit_ns: 1_000_000_000,
        etag: meta.e_tag.clone(),
        inode: None,
        born_ns: None,
    }
}
