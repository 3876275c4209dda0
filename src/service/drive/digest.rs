//! Digests of files that were imported, which nobody computed as they came: in the background, at a rate that leaves
//! the disk to others.

use futures_util::stream::StreamExt;
use uuid::Uuid;

use crate::content::Digests;
use crate::domain::ids::DriveId;
use crate::domain::item::Hashes;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::outside;
use crate::service::pace::Pace;
use crate::service::store::Undigested;

/// Contents that are looked up at once.
const PAGE: i64 = 200;
/// Contents and bytes after which what is known is written down: one change of the drive for all of them.
const WRITTEN_AT_ONCE: usize = 100;
const BYTES_AT_ONCE: u64 = 64 * 1024 * 1024;

/// Computes what is not known so far. What can't be read now is left for the next time: gives whether something was.
pub async fn digest_outside(service: &Service) -> Result<bool> {
    let mut is_left = false;
    if service.digest_rate == 0 {
        return Ok(is_left);
    }
    let mut pace = Pace::of(Some(service.digest_rate));
    let mut after: Option<Undigested> = None;
    loop {
        let page = service.store.read("undigested").await?.undigested(after, PAGE).await?;
        let Some(last) = page.last().copied() else { return Ok(is_left) };
        after = Some(last);
        let (mut known, mut bytes) = (Vec::new(), 0);
        for one in page {
            match digest(service, one, &mut pace).await {
                Ok((hashes, size)) => {
                    known.push((one, hashes));
                    bytes += size;
                }
                Err(Error::ContentGone) => {
                    let (since, drive, key) = (Some(service.clock.now()), one.drive, one.key);
                    service
                        .store
                        .write("set_missing", async |tx| tx.set_missing(drive, key, since).await)
                        .await?;
                }
                // What has changed is found out by whoever reads it.
                Err(_) => is_left = true,
            }
            if known.len() >= WRITTEN_AT_ONCE || bytes >= BYTES_AT_ONCE {
                keep(service, &std::mem::take(&mut known)).await?;
                bytes = 0;
            }
        }
        keep(service, &known).await?;
    }
}

async fn digest(service: &Service, one: Undigested, pace: &mut Pace) -> Result<(Hashes, u64)> {
    let mut bytes = outside::read_all(&service.store, &service.content, one.drive, one.key).await?;
    let (mut digests, mut size) = (Digests::default(), 0);
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        digests.update(&piece).await?;
        pace.read(piece.len() as u64).await;
    }
    Ok((digests.finish().await?, size))
}

async fn keep(service: &Service, known: &[(Undigested, Hashes)]) -> Result<()> {
    for of_one_drive in known.chunk_by(|one, next| one.0.drive == next.0.drive) {
        let Some((first, _)) = of_one_drive.first() else { continue };
        let digests: Vec<(Uuid, &Hashes)> =
            of_one_drive.iter().map(|(one, hashes)| (one.key, hashes)).collect();
        match keep_of(service, first.drive, &digests).await {
            // A large folder of it is being deleted: they are computed again.
            Err(Error::TooBusy(_)) => {}
            kept => kept?,
        }
    }
    Ok(())
}

async fn keep_of(service: &Service, drive: DriveId, digests: &[(Uuid, &Hashes)]) -> Result<()> {
    service
        .store
        .write("set_digests", async |tx| {
            let change = tx.begin_change(drive).await?;
            for (key, hashes) in digests {
                tx.set_digests(drive, *key, hashes, change).await?;
            }
            Ok(())
        })
        .await
}
