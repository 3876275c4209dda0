//! The digests of contents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::Digest as _;
use sha2::digest::Update;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use tokio::task::JoinHandle;

use crate::domain::item::Hashes;
use crate::error::{Error, Result};

/// A SHA-256 alone.
#[derive(Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    pub fn update(&mut self, bytes: &[u8]) {
        Update::update(&mut self.0, bytes);
    }

    /// Upper-case hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A content's digests, as its bytes pass by: computed by threads, beside each other and beside what is done with the
/// bytes. They can be written down in the middle, and be gone on with by another process.
#[derive(Default)]
pub struct Digests {
    /// Bytes so far.
    pub size: u64,
    quick_xor: QuickXor,
    sha1: Digest<sha1::Sha1>,
    sha256: Digest<sha2::Sha256>,
}

/// What comes in smaller pieces than this is digested on the spot: a thread would take longer to come to it.
const WORTH_A_THREAD: usize = 16 * 1024;

impl Digests {
    /// Begins with the next bytes, once those before are done.
    pub async fn update(&mut self, bytes: &Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.sha1.update(bytes, Update::update).await?;
        self.sha256.update(bytes, Update::update).await?;
        // This one takes as long as a thread to come to it.
        self.quick_xor.update(bytes);
        Ok(())
    }

    /// Written down: a version, the size, then the state of each digest.
    pub async fn save(&mut self) -> Result<Vec<u8>> {
        let mut saved = vec![SAVED_AS];
        saved.extend_from_slice(&self.size.to_le_bytes());
        saved.extend_from_slice(&self.quick_xor.columns.0);
        saved.extend_from_slice(&self.sha1.settle().await?.serialize());
        saved.extend_from_slice(&self.sha256.settle().await?.serialize());
        Ok(saved)
    }

    /// Goes on with what was written down; none where that is something else.
    pub fn load(saved: &[u8]) -> Option<Self> {
        let (version, rest) = saved.split_first()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (columns, rest) = rest.split_first_chunk()?;
        let (sha1, sha256) = rest.split_at_checked(SerializedState::<sha1::Sha1>::default().len())?;
        let size = u64::from_le_bytes(*size);
        (*version == SAVED_AS).then_some(())?;
        Some(Self {
            size,
            quick_xor: QuickXor { columns: Columns(*columns), length: size },
            sha1: Digest::Here(sha1::Sha1::deserialize(sha1.try_into().ok()?).ok()?),
            sha256: Digest::Here(sha2::Sha256::deserialize(sha256.try_into().ok()?).ok()?),
        })
    }

    pub async fn finish(mut self) -> Result<Hashes> {
        Ok(Hashes {
            quick_xor: STANDARD.encode(self.quick_xor.finish()),
            sha1: hex(&std::mem::take(self.sha1.settle().await?).finalize()),
            sha256: hex(&std::mem::take(self.sha256.settle().await?).finalize()),
        })
    }
}

/// The version of what is written down.
const SAVED_AS: u8 = 1;

/// A digest, or the thread that is at it.
enum Digest<D> {
    Here(D),
    There(JoinHandle<D>),
}

impl<D: Default> Default for Digest<D> {
    fn default() -> Self {
        Self::Here(D::default())
    }
}

impl<D: Default + Send + 'static> Digest<D> {
    /// The digest, once what it was given is done.
    async fn settle(&mut self) -> Result<&mut D> {
        if let Self::There(thread) = self {
            *self = Self::Here(thread.await.map_err(Error::internal)?);
        }
        match self {
            Self::Here(digest) => Ok(digest),
            Self::There(_) => Err(Error::internal("a digest is under way")),
        }
    }

    async fn update(&mut self, bytes: &Bytes, update: fn(&mut D, &[u8])) -> Result<()> {
        let digest = self.settle().await?;
        if bytes.len() < WORTH_A_THREAD {
            update(digest, bytes);
        } else {
            let (mut digest, bytes) = (std::mem::take(digest), bytes.clone());
            *self = Self::There(tokio::task::spawn_blocking(move || {
                update(&mut digest, &bytes);
                digest
            }));
        }
        Ok(())
    }
}

/// Microsoft's QuickXorHash: each byte is xored into a ring of 160 bits, 11 bits further on than the
/// byte before; at last the length is xored into the end.
/// <https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash>
#[derive(Default)]
struct QuickXor {
    /// Byte number `i` of the content belongs at bit `11 * i % 160`; the positions repeat after 160
    /// bytes, so that bytes 160 apart are xored first and shifted once, at the end.
    columns: Columns,
    length: u64,
}

struct Columns([u8; 160]);

impl Default for Columns {
    fn default() -> Self {
        Self([0; 160])
    }
}

impl QuickXor {
    fn update(&mut self, bytes: &[u8]) {
        let mut column = (self.length % 160) as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(160 - column));
            for (sum, byte) in self.columns.0[column..].iter_mut().zip(now) {
                *sum ^= byte;
            }
            column = 0;
            rest = later;
        }
        self.length += bytes.len() as u64;
    }

    fn finish(self) -> [u8; 20] {
        let mut ring = [0_u8; 20];
        for (column, byte) in self.columns.0.into_iter().enumerate() {
            let bit = column * 11 % 160;
            let spread = u16::from(byte) << (bit % 8);
            ring[bit / 8] ^= spread.to_le_bytes()[0];
            ring[(bit / 8 + 1) % 20] ^= spread.to_le_bytes()[1];
        }
        for (end, byte) in ring[12..].iter_mut().zip(self.length.to_le_bytes()) {
            *end ^= byte;
        }
        ring
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick_xor(bytes: &[u8]) -> String {
        let mut hash = QuickXor::default();
        hash.update(bytes);
        STANDARD.encode(hash.finish())
    }

    /// Microsoft's definition, bit by bit.
    fn quick_xor_by_definition(bytes: &[u8]) -> String {
        let mut ring = [0_u8; 20];
        for (i, byte) in bytes.iter().enumerate() {
            for bit in 0..8 {
                let place = (i * 11 + bit) % 160;
                ring[place / 8] ^= (byte >> bit & 1) << (place % 8);
            }
        }
        for (end, byte) in ring[12..].iter_mut().zip((bytes.len() as u64).to_le_bytes()) {
            *end ^= byte;
        }
        STANDARD.encode(ring)
    }

    async fn digests_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, is_saved: bool) -> Hashes {
        let mut digests = Digests::default();
        for piece in pieces {
            if is_saved {
                let saved = digests.save().await.expect("no panic");
                digests = Digests::load(&saved).expect("what was saved");
            }
            digests.update(&Bytes::copy_from_slice(piece)).await.expect("no panic");
        }
        digests.finish().await.expect("no panic")
    }

    proptest::proptest! {
        /// However a content is cut into ranges, and whoever goes on with it, its digests are those of the whole.
        #[test]
        fn digests_do_not_depend_on_the_cuts(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80_000),
            cuts in proptest::collection::vec(0_usize..80_000, 0..6),
            is_saved in proptest::bool::ANY,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            let hashes = runtime.block_on(digests_of(pieces, is_saved));
            proptest::prop_assert_eq!(hashes.sha1, hex(&sha1::Sha1::digest(&bytes)));
            proptest::prop_assert_eq!(hashes.sha256, hex(&sha2::Sha256::digest(&bytes)));
            proptest::prop_assert_eq!(hashes.quick_xor, quick_xor(&bytes));
        }
    }

    #[tokio::test]
    async fn what_is_no_saved_state_is_not_gone_on_with() {
        let saved = Digests::default().save().await.expect("no panic");
        assert!(Digests::load(&saved).is_some());
        assert!(Digests::load(&saved[..saved.len() - 1]).is_none());
        assert!(Digests::load(&[]).is_none());
        let of_another_version: Vec<u8> = std::iter::once(0).chain(saved[1..].iter().copied()).collect();
        assert!(Digests::load(&of_another_version).is_none());
    }

    #[test]
    fn quick_xor_is_what_onedrive_computes() {
        // From rclone's tests of its own implementation, which were made with OneDrive.
        assert_eq!(quick_xor(b""), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(quick_xor(&STANDARD.decode("Sg==").expect("base64")), "SgAAAAAAAAAAAAAAAQAAAAAAAAA=");
        assert_eq!(quick_xor(&STANDARD.decode("tbQ=").expect("base64")), "taAFAAAAAAAAAAAAAgAAAAAAAAA=");
        assert_eq!(quick_xor(&STANDARD.decode("0pZP").expect("base64")), "0rDEEwAAAAAAAAAAAwAAAAAAAAA=");
    }

    #[test]
    fn quick_xor_does_not_depend_on_how_the_bytes_come() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut pieces = QuickXor::default();
        for piece in bytes.chunks(37) {
            pieces.update(piece);
        }
        assert_eq!(STANDARD.encode(pieces.finish()), quick_xor(&bytes));
        for length in [1, 19, 20, 159, 160, 161, 10_000] {
            assert_eq!(quick_xor(&bytes[..length]), quick_xor_by_definition(&bytes[..length]));
        }
    }
}
