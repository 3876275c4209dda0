//! A file's earlier contents.

use crate::access::locate;
use crate::app::App;
use crate::domain::address::ItemAddress;
use crate::domain::identity::Caller;
use crate::domain::item::{FileVersion, Item, ItemId, Stamp};
use crate::drive::Author;
use crate::error::{Error, Result};

async fn locate_file(app: &App, caller: &Caller, address: &ItemAddress) -> Result<Item> {
    let item = locate(app, caller, address).await?;
    if item.file().is_none() {
        return Err(Error::invalid_request("The item is a folder: it has no versions."));
    }
    Ok(item)
}

/// Versions of a file, the newest first, from those before a number on; true where there are more.
pub async fn list_versions(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    before: Option<i64>,
    limit: usize,
) -> Result<(ItemId, Vec<(FileVersion, Stamp)>, bool)> {
    let item = locate_file(app, caller, address).await?;
    let before = before.unwrap_or(i64::MAX);
    let mut versions =
        app.store.read().await?.versions(&item, before, limit.saturating_add(1) as i64).await?;
    let has_more = versions.len() > limit;
    versions.truncate(limit);
    Ok((item.id, versions, has_more))
}

/// The file, if it has a version of that number.
pub async fn locate_version(
    app: &App,
    caller: &Caller,
    address: &ItemAddress,
    number: i64,
) -> Result<ItemId> {
    let item = locate_file(app, caller, address).await?;
    app.store.read().await?.version(item.id, number).await?.ok_or(Error::ItemNotFound)?;
    Ok(item.id)
}

/// Makes an earlier content current again, as a new version. The content itself is shared by both.
pub async fn restore_version(app: &App, caller: &Caller, address: &ItemAddress, number: i64) -> Result<()> {
    let item = locate_file(app, caller, address).await?;
    let author = Author::of(app, caller).await?;
    let now = app.clock.now();
    app.store
        .write(async |tx| {
            let change = author.change(tx.begin_change(item.id.drive).await?, now);
            let item = tx.item(item.id).await?.ok_or(Error::ItemNotFound)?;
            let mut file = tx.version(item.id, number).await?.ok_or(Error::ItemNotFound)?;
            file.number = tx.newest_version(item.id).await? + 1;
            tx.replace_content(&item, &file, change).await
        })
        .await
}

/// Takes an earlier version away. The current one stays.
pub async fn delete_version(app: &App, caller: &Caller, address: &ItemAddress, number: i64) -> Result<()> {
    let item = locate_file(app, caller, address).await?;
    let now = app.clock.now();
    app.store
        .write(async |tx| {
            tx.begin_change(item.id.drive).await?;
            let item = tx.item(item.id).await?.ok_or(Error::ItemNotFound)?;
            if item.file().is_some_and(|file| file.number == number) {
                return Err(Error::invalid_request("The current version can't be deleted."));
            }
            tx.version(item.id, number).await?.ok_or(Error::ItemNotFound)?;
            tx.delete_version(item.id, number, now).await
        })
        .await
}
