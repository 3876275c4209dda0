//! Small contents that were read lately. A content never changes under its key, so what was read once stays right.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::domain::ids::DriveId;

/// Larger ones are not kept: what they cost is their bytes, not the way to them.
pub(super) const LARGEST: u64 = 64 * 1024;
/// What keeping one takes beside its bytes, roughly.
const OVERHEAD: u64 = 128;
/// What contents have on average, for the size of the cache's table.
const AVERAGE: u64 = 4 * 1024;

type Key = (DriveId, Uuid);

/// As many bytes of them as there is room for; those that are asked for most stay.
pub(super) struct Kept(Option<Cache<Key, Bytes, Weight>>);

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Bytes> for Weight {
    fn weight(&self, _: &Key, content: &Bytes) -> u64 {
        content.len() as u64 + OVERHEAD
    }
}

impl Kept {
    /// `room` is in bytes; where it is 0, nothing is kept.
    pub fn new(room: u64) -> Self {
        let items = usize::try_from(room / AVERAGE).unwrap_or(usize::MAX);
        Self((room > 0).then(|| Cache::with_weighter(items, room, Weight)))
    }

    /// Whether a content of so many bytes is worth keeping.
    pub fn wants(&self, size: u64) -> bool {
        self.0.is_some() && size <= LARGEST
    }

    pub fn get(&self, drive: DriveId, key: Uuid) -> Option<Bytes> {
        self.0.as_ref()?.get(&(drive, key))
    }

    pub fn keep(&self, drive: DriveId, key: Uuid, content: Bytes) {
        if let Some(cache) = &self.0 {
            cache.insert((drive, key), content);
        }
    }

    pub fn forget(&self, drive: DriveId, key: Uuid) {
        if let Some(cache) = &self.0 {
            cache.remove(&(drive, key));
        }
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kept").field(&self.0.as_ref().map(Cache::len)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let kept = Kept::new(1024 * 1024);
        let drive = DriveId::from_bytes([1; 8]);
        for number in 0..1_000 {
            kept.keep(drive, Uuid::from_u128(number), Bytes::from(vec![0; 4096]));
        }
        let held = (0..1_000).filter(|number| kept.get(drive, Uuid::from_u128(*number)).is_some()).count();
        assert!((1..=248).contains(&held), "{held}");
        assert!(!kept.wants(LARGEST + 1) && kept.wants(LARGEST));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let (kept, drive) = (Kept::new(0), DriveId::from_bytes([1; 8]));
        kept.keep(drive, Uuid::nil(), Bytes::from_static(b"a"));
        assert!(!kept.wants(1) && kept.get(drive, Uuid::nil()).is_none());
    }
}
