//! Holds the content store against the database: one that is not this installation's takes no upload.

use uuid::Uuid;

use crate::content::Content;
use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::store::Store;

/// Tells the content store which it must be. One that has no marker yet gets it, where it has what the database knows
/// to be in it.
pub(super) async fn adopt(store: &Store, content: &Content) -> Result<()> {
    let mut tx = store.read("installation").await?;
    let known = tx.installation().await?;
    content.expect(known.store_id);
    if known.is_marked {
        return content.check_identity().await;
    }
    match content.marker().await? {
        Some(id) if id == known.store_id.to_string() => {}
        Some(_) => return content.check_identity().await,
        None => {
            if !has_any(content, &tx.some_contents().await?).await? {
                return Err(Error::unavailable("the content store has nothing of what the database knows"));
            }
            content.mark(known.store_id).await?;
        }
    }
    drop(tx);
    store.write("set_marked", async |tx| tx.set_marked().await).await?;
    content.check_identity().await
}

/// The same of a database that was restored from a backup, which may be from before the store had its marker: then it
/// takes over the marker's id, where the store has what the database knows.
pub(super) async fn adopt_restored(store: &Store, content: &Content) -> Result<()> {
    let mut tx = store.read("installation").await?;
    let (known, contents) = (tx.installation().await?, tx.some_contents().await?);
    drop(tx);
    let marker = content.marker().await?.and_then(|id| Uuid::parse_str(&id).ok());
    if let Some(id) = marker.filter(|id| !known.is_marked && *id != known.store_id)
        && has_any(content, &contents).await?
    {
        store.write("set_store_id", async |tx| tx.set_store_id(id).await).await?;
    }
    adopt(store, content).await
}

/// Whether a store has one of these contents: one alone may be lost. Where there are none, any store will do.
async fn has_any(content: &Content, known: &[(DriveId, Uuid)]) -> Result<bool> {
    for (drive, key) in known {
        if content.is_there(*drive, *key).await? {
            return Ok(true);
        }
    }
    Ok(known.is_empty())
}
