//! What is in the store, whoever knows of it.

use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;
use uuid::Uuid;

use crate::content::{Content, failed};
use crate::domain::ids::DriveId;
use crate::error::Result;

/// A content that the store has.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    pub key: Uuid,
    pub size: u64,
}

impl Content {
    /// The drives that the store has contents of.
    pub async fn drives(&self) -> Result<Vec<DriveId>> {
        let root = (!self.prefix.is_empty()).then(|| ObjectPath::from(self.prefix.as_str()));
        let listed = self.store.list_with_delimiter(root.as_ref()).await.map_err(failed)?;
        let named = listed.common_prefixes.iter().filter_map(|path| path.filename()?.parse().ok());
        Ok(named.collect())
    }

    /// The contents of a drive. Where they are files, what a write has begun and not ended is among them.
    pub fn list(&self, drive: DriveId) -> BoxStream<'static, Result<Listed>> {
        let folder = ObjectPath::from(format!("{}/{drive}", self.prefix));
        let listed = self.store.list(Some(&folder)).map_err(failed);
        let contents = listed.try_filter_map(async |meta| {
            let key = meta.location.filename().and_then(|name| Uuid::try_parse(name).ok());
            Ok(key.map(|key| Listed { key, size: meta.size }))
        });
        contents.boxed()
    }
}
