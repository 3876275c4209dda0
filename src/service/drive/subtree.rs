//! Changes of a folder with all that is below it: into the recycle bin, out of it, and away for good.
//!
//! What is small is done in one transaction. What is not is done in slices, so that nobody waits for all of it: the
//! first transaction notes what is to be done, and whoever finds the note goes on. Into the bin and out of it, the
//! request itself goes on to the end, for then its answer holds for everything below; nothing else changes the
//! drive's items meanwhile. What goes for good was in the bin before: nothing opens it any more, so it is cleared
//! after the answer.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::domain::ids::ItemId;
use crate::domain::item::{Item, Kind};
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::limits::Who;
use crate::service::Service;
use crate::service::store::{Below, Change, SubtreeChange, SubtreeWork, Tx};

/// Items below a folder that are changed in the folder's own transaction.
const AT_ONCE: usize = 500;
/// Items of a slice, at least and at most.
const SMALLEST_SLICE: usize = 40;
const LARGEST_SLICE: usize = 500;
/// How long a slice should take: others wait for it. What the client waits for gets longer ones.
const SLICE_TIME: Duration = Duration::from_millis(4);
const SLICE_TIME_OF_PURGE: Duration = Duration::from_millis(2);
/// How long others have it to themselves, at most.
const MOST_PAUSE: Duration = Duration::from_millis(50);
/// What nobody has worked at for so long is taken up.
const ABANDONED_AFTER: TimeDelta = TimeDelta::seconds(10);

/// The links that a change ended.
type Revoked = Vec<(LinkType, LinkScope)>;

/// Numbers of what is to be done below an item, where one transaction does; none where there is more.
async fn few_below(tx: &mut Tx, item: &Item, work: SubtreeWork) -> Result<Option<Vec<i64>>> {
    if item.kind() == Kind::File {
        return Ok(Some(Vec::new()));
    }
    let below = tx.numbers_below(item.id, work, AT_ONCE + 1).await?;
    Ok((below.len() <= AT_ONCE).then_some(below))
}

/// Puts a live item into the recycle bin. False where what is below it is still to follow.
pub(super) async fn put_into_bin(tx: &mut Tx, item: &Item, change: Change<'_>) -> Result<bool> {
    let size = item.size();
    tx.tell_above(item.folder()?, Below { children: -1, bytes: -size, longest_path: None }).await?;
    tx.change_bin(item.id.drive, size).await?;
    tx.mark_deleted(item.id, &[item.id.number], change).await?;
    match few_below(tx, item, SubtreeWork::Delete).await? {
        Some(below) => tx.mark_deleted(item.id, &below, change).await.map(|()| true),
        None => tx.begin_subtree_change(item.id, SubtreeWork::Delete, change).await.map(|()| false),
    }
}

/// Takes an item out of the recycle bin, to where it has its place. False where that is still to be done.
pub(super) async fn take_out_of_bin(tx: &mut Tx, item: &Item, change: Change<'_>) -> Result<bool> {
    match few_below(tx, item, SubtreeWork::Restore).await? {
        Some(below) => {
            tx.unmark_deleted(item.id, &below, change.number).await?;
            tx.unmark_restored(item, change.number).await.map(|()| true)
        }
        None => tx.begin_subtree_change(item.id, SubtreeWork::Restore, change).await.map(|()| false),
    }
}

/// Takes an item in the recycle bin away for good. Gives the links that this ended; those of a large folder end
/// with it later.
pub(super) async fn clear_from_bin(tx: &mut Tx, item: &Item, change: Change<'_>) -> Result<Revoked> {
    match few_below(tx, item, SubtreeWork::Purge).await? {
        Some(mut below) => {
            below.push(item.id.number);
            tx.clear(item.id.drive, &below, change).await
        }
        None => {
            tx.begin_subtree_change(item.id, SubtreeWork::Purge, change).await?;
            tx.clear(item.id.drive, &[item.id.number], change).await
        }
    }
}

/// Goes on with what was begun with a folder, to its end.
pub(super) async fn finish(service: &Service, folder: ItemId) -> Result<()> {
    let Some(begun) = service.store.read("subtree_change").await?.subtree_change(folder).await? else {
        return Ok(());
    };
    let numbers = service
        .store
        .read_slowly("numbers_below")
        .await?
        .numbers_below(folder, begun.work, usize::MAX)
        .await?;
    let mut rest = &numbers[..];
    // Half of the time is others', and most of it where nobody waits.
    let (slice_time, pauses) = match begun.work {
        SubtreeWork::Purge => (SLICE_TIME_OF_PURGE, 3),
        SubtreeWork::Delete | SubtreeWork::Restore => (SLICE_TIME, 1),
    };
    let mut slice = SMALLEST_SLICE;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(slice.min(rest.len()));
        let started = Instant::now();
        if !do_slice(service, folder, &begun, now).await? {
            return Ok(());
        }
        let took = started.elapsed();
        slice = if took < slice_time { slice * 5 / 4 } else { slice * 3 / 4 };
        slice = slice.clamp(SMALLEST_SLICE, LARGEST_SLICE);
        rest = later;
        tokio::time::sleep((pauses * took).min(MOST_PAUSE)).await;
    }
    service
        .store
        .write("end_subtree_change", async |tx| {
            let Some(number) = tx.begin_slice(folder, begun.work, service.clock.now()).await? else {
                return Ok(());
            };
            tx.end_subtree_change(folder).await?;
            if begun.work == SubtreeWork::Restore
                && let Some(item) = tx.item_or_deleted(folder).await?
            {
                tx.unmark_restored(&item, number).await?;
            }
            Ok(())
        })
        .await?;
    if begun.work == SubtreeWork::Purge {
        end_late_links(service, folder, &begun, &numbers).await?;
    }
    Ok(())
}

/// False where another server has done all there was.
async fn do_slice(service: &Service, folder: ItemId, begun: &SubtreeChange, numbers: &[i64]) -> Result<bool> {
    let revoked = service
        .store
        .write("subtree_slice", async |tx| {
            let number = tx.begin_slice(folder, begun.work, service.clock.now()).await?;
            let Some(number) = number else { return Ok(None) };
            let change = begun.numbered(number);
            match begun.work {
                SubtreeWork::Delete => tx.mark_deleted(folder, numbers, change).await?,
                SubtreeWork::Restore => tx.unmark_deleted(folder, numbers, number).await?,
                SubtreeWork::Purge => {
                    // Some of it may have been restored since.
                    let numbers = tx.still_in_bin(folder.drive, numbers, begun.at).await?;
                    return tx.clear(folder.drive, &numbers, change).await.map(Some);
                }
            }
            Ok(Some(Vec::new()))
        })
        .await?;
    let is_under_way = revoked.is_some();
    service.metrics.links_revoked(revoked.unwrap_or_default());
    Ok(is_under_way)
}

/// A link may have been made by who still saw its item live, and be there only now.
async fn end_late_links(
    service: &Service,
    folder: ItemId,
    begun: &SubtreeChange,
    numbers: &[i64],
) -> Result<()> {
    for some in numbers.chunks(LARGEST_SLICE) {
        let change = begun.numbered(0);
        let revoked = service
            .store
            .write("end_late_links", async |tx| {
                let some = tx.still_in_bin(folder.drive, some, begun.at).await?;
                tx.revoke_links_of(folder.drive, &some, change).await
            })
            .await?;
        service.metrics.links_revoked(revoked);
    }
    Ok(())
}

/// Looks how long paths below a folder really are, where the path to one of them would be too long: what the folder
/// carries may be of something that is gone by now. True where it was.
pub(super) async fn measure_again(service: &Service, who: Who, folder: ItemId) -> Result<bool> {
    let _turn = service.turns.slow.take(who).await?;
    let mut tx = service.store.read_slowly("measure_longest_path").await?;
    let last_change = tx.last_change(folder.drive).await?;
    let (known, longest) = (tx.longest_path(folder).await?, tx.measure_longest_path(folder).await?);
    drop(tx);
    if longest >= known {
        return Ok(false);
    }
    service
        .store
        .write("set_longest_path", async |tx| {
            let is_still_so = tx.begin_change(folder.drive).await? == last_change + 1;
            if is_still_so {
                tx.set_longest_path(folder, longest).await?;
            }
            Ok(is_still_so)
        })
        .await
}

/// Goes on with whatever nobody works at: purges, and what a server that is gone has begun.
pub async fn finish_abandoned(service: &Service) -> Result<()> {
    let since = service.clock.now() - ABANDONED_AFTER;
    for folder in
        service.store.read("abandoned_subtree_changes").await?.abandoned_subtree_changes(since).await?
    {
        finish(service, folder).await?;
    }
    Ok(())
}
