//! Reads all contents, and holds them against what the database knows. Servers may run meanwhile.

use std::collections::HashSet;

use futures_util::stream::{StreamExt, TryStreamExt};
use serde::Serialize;
use uuid::Uuid;

use crate::content::{Content, Sha256};
use crate::domain::ids::DriveId;
use crate::error::{Error, Result};
use crate::service::outside::{self, is_outside};
use crate::service::pace::Pace;
use crate::service::pieces;
use crate::service::store::{KnownContent, Store};

/// What is wrong with a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flaw {
    /// Its bytes are others than were stored.
    Damaged,
    /// A version names it, and the store does not have it.
    Missing,
    /// The store has it, and nothing names it.
    Orphaned,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub flaw: Flaw,
    pub drive: String,
    pub key: String,
    /// Versions that have it: `DRIVE!ITEM` and the version's number.
    pub versions: Vec<(String, i64)>,
    pub bytes: u64,
}

/// What was read, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    pub contents: u64,
    pub bytes: u64,
    pub findings: Vec<Finding>,
}

/// `told` is told of bytes as they are read.
pub(super) async fn verify(
    store: &Store,
    content: &Content,
    rate: Option<u64>,
    told: &dyn Fn(u64),
) -> Result<Verified> {
    let mut verified = Verified::default();
    let mut pace = Pace::of(rate);
    let mut drives: Vec<DriveId> = store.read_slowly("drives").await?.drives().await?;
    // The store may have contents of drives that the database has none of.
    let known: HashSet<DriveId> = drives.iter().copied().collect();
    drives.extend(content.drives().await?.into_iter().filter(|drive| !known.contains(drive)));
    for drive in drives {
        // First what there is: whatever comes later has its row before its bytes.
        let listed: Vec<_> = content.list(drive).try_collect().await?;
        let mut tx = store.read_slowly("contents_of").await?;
        let contents = tx.contents_of(drive).await?;
        let mut loose = tx.loose_contents_of(drive).await?;
        loose.extend(tx.pieces_of(drive).await?);
        drop(tx);
        let named: HashSet<Uuid> = contents.iter().map(|known| known.content_key).collect();
        for known in contents {
            let (key, size) = (known.content_key, known.size.cast_unsigned());
            let flaw = read_one(store, content, drive, &known, &mut pace, told).await?;
            verified.contents += 1;
            verified.bytes += size;
            let Some(flaw) = flaw else { continue };
            let versions = store.read_slowly("versions_with").await?.versions_with(drive, key).await?;
            // It may have gone while it was looked for.
            if !versions.is_empty() {
                let versions =
                    versions.into_iter().map(|(item, number)| (item.to_string(), number)).collect();
                verified.findings.push(finding(flaw, drive, key, versions, size));
            }
        }
        for one in listed {
            if named.contains(&one.key) || loose.contains(&one.key) {
                continue;
            }
            let is_known = store.read_slowly("knows_content").await?.knows_content(drive, one.key).await?;
            // The same the other way round.
            if !is_known && content.check(drive, one.key, one.size).await.is_ok() {
                verified.findings.push(finding(Flaw::Orphaned, drive, one.key, Vec::new(), one.size));
            }
        }
    }
    Ok(verified)
}

fn finding(flaw: Flaw, drive: DriveId, key: Uuid, versions: Vec<(String, i64)>, bytes: u64) -> Finding {
    Finding { flaw, drive: drive.to_string(), key: key.simple().to_string(), versions, bytes }
}

/// What is wrong with a content, if anything is.
async fn read_one(
    store: &Store,
    content: &Content,
    drive: DriveId,
    known: &KnownContent,
    pace: &mut Pace,
    told: &dyn Fn(u64),
) -> Result<Option<Flaw>> {
    let (key, size) = (known.content_key, known.size.cast_unsigned());
    if is_outside(key) {
        match outside::check(store, content, drive, key).await {
            // It has another version as soon as somebody looks.
            Err(Error::ContentChanged) => return Ok(None),
            // What was changed before it went is no loss of today's.
            Err(Error::ContentGone) if !outside::is_latest(store, drive, key).await? => return Ok(None),
            Err(Error::ContentGone) => return Ok(Some(Flaw::Missing)),
            checked => checked?,
        }
    }
    if !pieces::is_there(store, content, drive, key, size).await? {
        return Ok(Some(Flaw::Missing));
    }
    match pieces::check(store, content, drive, key, size, 0).await {
        Err(Error::ContentDamaged(_)) => return Ok(Some(Flaw::Damaged)),
        checked => checked?,
    }
    // A disk that can't read it is as bad as one that reads something else. Whether it has gone meanwhile is seen
    // later.
    let Ok(mut bytes) = pieces::read(store, content, drive, key, size, 0..size).await else {
        return Ok(Some(Flaw::Damaged));
    };
    let (mut sha256, mut count) = (Sha256::default(), 0);
    while let Some(chunk) = bytes.next().await {
        let Ok(chunk) = chunk else { return Ok(Some(Flaw::Damaged)) };
        count += chunk.len() as u64;
        sha256.update(&chunk);
        told(chunk.len() as u64);
        pace.read(chunk.len() as u64).await;
    }
    let digest = known.sha256_hash.as_deref();
    let is_same = count == size && digest.is_none_or(|digest| digest == sha256.finish());
    Ok((!is_same).then_some(Flaw::Damaged))
}
