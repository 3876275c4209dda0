//! Holds the content store against the database: one that is not this installation's takes no upload.

use crate::content::Content;
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
            if let Some((drive, key, size)) = tx.some_content().await? {
                content.check(drive, key, size.cast_unsigned()).await.map_err(|error| match error {
                    Error::ContentDamaged(cause) => Error::Unavailable(cause),
                    error => error,
                })?;
            }
            content.mark(known.store_id).await?;
        }
    }
    drop(tx);
    store.write("set_marked", async |tx| tx.set_marked().await).await?;
    content.check_identity().await
}
