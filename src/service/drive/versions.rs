//! A file's earlier contents.

use crate::domain::grant::FilesReadWrite;
use crate::domain::item::{FileVersion, Stamp};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::drive::usage::check_growth;
use crate::service::outside::{self, is_outside};
use crate::service::rights::Managed;

/// Some of a file's versions, the newest first.
#[derive(Debug)]
pub struct VersionsPage {
    pub versions: Vec<(FileVersion, Stamp)>,
    pub has_more: bool,
}

fn check_is_file<S>(managed: &Managed<S>) -> Result<()> {
    if managed.item().file().is_none() {
        return Err(Error::invalid_request("The item is a folder: it has no versions."));
    }
    Ok(())
}

/// Versions from those before a number on.
pub async fn list_versions<S>(
    service: &Service,
    file: &Managed<S>,
    before: Option<i64>,
    limit: usize,
) -> Result<VersionsPage> {
    check_is_file(file)?;
    let before = before.unwrap_or(i64::MAX);
    let mut tx = service.store.read("list_versions").await?;
    let mut versions = tx.versions(file.item(), before, limit.saturating_add(1) as i64).await?;
    let has_more = versions.len() > limit;
    versions.truncate(limit);
    Ok(VersionsPage { versions, has_more })
}

/// One version. Deleted ones have no number any more.
pub async fn get_version<S>(
    service: &Service,
    file: &Managed<S>,
    number: i64,
) -> Result<(FileVersion, Stamp)> {
    check_is_file(file)?;
    let before = number.checked_add(1).ok_or(Error::ItemNotFound)?;
    let found = service.store.read("get_version").await?.versions(file.item(), before, 1).await?;
    found.into_iter().find(|(version, _)| version.number == number).ok_or(Error::ItemNotFound)
}

/// A ticket that opens one of a file's versions for a while.
pub async fn version_ticket<S>(service: &Service, file: &Managed<S>, number: i64) -> Result<String> {
    check_is_file(file)?;
    let version = service.store.read("version").await?.version(file.id(), number).await?;
    let version = version.ok_or(Error::ItemNotFound)?;
    file.to_read().ticket_of_version(service, &version).ok_or(Error::ItemNotFound)
}

/// Makes an earlier content current again, as a new version. The content itself is shared by both.
pub async fn restore_version(service: &Service, file: &Managed<FilesReadWrite>, number: i64) -> Result<()> {
    check_is_file(file)?;
    let (version, _) = get_version(service, file, number).await?;
    if is_outside(version.content_key) {
        outside::check(&service.store, &service.content, file.id().drive, version.content_key).await?;
    }
    let author = file.author(service).await?;
    let now = service.clock.now();
    service
        .store
        .write("restore_version", async |tx| {
            let change = author.change(tx.begin_change(file.id().drive).await?, now);
            let item = file.prove(tx).await?;
            let mut version = tx.version(item.id, number).await?.ok_or(Error::ItemNotFound)?;
            check_growth(service, tx, item.id.drive, version.size - item.size()).await?;
            version.number = tx.newest_version(item.id).await? + 1;
            tx.replace_content(&item, &version, change).await
        })
        .await
}

/// Takes an earlier version away. The current one stays.
pub async fn delete_version(service: &Service, file: &Managed<FilesReadWrite>, number: i64) -> Result<()> {
    check_is_file(file)?;
    let now = service.clock.now();
    service
        .store
        .write("delete_version", async |tx| {
            tx.begin_change(file.id().drive).await?;
            let item = file.prove(tx).await?;
            if item.file().is_some_and(|file| file.number == number) {
                return Err(Error::invalid_request("The current version can't be deleted."));
            }
            tx.version(item.id, number).await?.ok_or(Error::ItemNotFound)?;
            tx.delete_version(item.id, number, now).await
        })
        .await
}
