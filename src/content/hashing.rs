//! The digests of contents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;

use crate::content::Stored;
use crate::domain::item::Hashes;

/// A SHA-256 alone.
#[derive(Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Upper-case hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Computes a content's digests as it passes by.
#[derive(Default)]
pub(super) struct Hashing {
    pub size: u64,
    quick_xor: QuickXor,
    sha1: sha1::Sha1,
    sha256: sha2::Sha256,
}

impl Hashing {
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.quick_xor.update(bytes);
        self.sha1.update(bytes);
        self.sha256.update(bytes);
    }

    pub fn finish(self) -> Stored {
        Stored {
            size: self.size.cast_signed(),
            hashes: Hashes {
                quick_xor: STANDARD.encode(self.quick_xor.finish()),
                sha1: hex(&self.sha1.finalize()),
                sha256: hex(&self.sha256.finalize()),
            },
        }
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
