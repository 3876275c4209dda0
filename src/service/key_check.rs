//! Holds the key file against the database: a server with other secrets than those that sign its links does not start.

use std::path::Path;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::keys::{BadKeys, KeyRing, Keys};
use crate::service::store::Store;

/// The keys that fit the database. They are made for a database that has never seen any.
pub(super) async fn keys_of(store: &Store, path: &Path, now: Timestamp) -> Result<Keys> {
    let known = store.read("key_epochs").await?.key_epochs().await?;
    let keys = match Keys::load(path).map_err(Error::internal)? {
        Some(keys) => keys,
        None if known.is_empty() => Keys::create(path).map_err(Error::internal)?,
        None => return Err(Error::internal(BadKeys::Missing(path.to_owned()))),
    };
    check(store, &keys).await?;
    store
        .write("insert_key_epochs", async |tx| {
            for epoch in keys.ring.epochs() {
                let check_value = keys.ring.check_value(epoch).unwrap_or_default();
                tx.insert_key_epoch(epoch, &check_value, now).await?;
            }
            tx.set_issuer_check(&KeyRing::issuer_check(&keys.local_issuer)).await?;
            Ok(())
        })
        .await?;
    // Another server may have been first, with other secrets.
    check(store, &keys).await?;
    Ok(keys)
}

/// Whether these are the secrets that the database's links and its tokens are signed with.
pub(super) async fn check(store: &Store, keys: &Keys) -> Result<()> {
    check_epochs(store, keys).await?;
    let known = store.read("check_issuer").await?.installation().await?.issuer_check;
    if known.is_some_and(|known| known != KeyRing::issuer_check(&keys.local_issuer)) {
        return Err(Error::internal(BadKeys::OtherIssuer));
    }
    Ok(())
}

/// Whether these are the secrets that the database's links are signed with.
pub(super) async fn check_epochs(store: &Store, keys: &Keys) -> Result<()> {
    let mut tx = store.read("check_keys").await?;
    for (epoch, known) in tx.key_epochs().await? {
        match u8::try_from(epoch).ok().and_then(|epoch| keys.ring.check_value(epoch)) {
            Some(ours) if ours != known => return Err(Error::internal(BadKeys::Different(epoch))),
            None if tx.is_epoch_used(epoch).await? => return Err(Error::internal(BadKeys::Lacks(epoch))),
            _ => {}
        }
    }
    Ok(())
}
