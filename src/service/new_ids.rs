//! How ids are made that addresses carry.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::clock::random_bytes;
use crate::config::{DatabaseUrl, Settings};
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::domain::link::LinkType;
use crate::error::{Error, Result};

/// Where new ids come from.
pub enum NewIds {
    Random,
    /// The same, in their order, for the same owners, items and applications: for programs under test, which then see
    /// the same addresses in every run.
    Repeatable(Mutex<HashMap<(DriveId, [u8; 16]), u32>>),
}

impl NewIds {
    /// To be asked before the database is there.
    pub fn of(settings: &Settings) -> Result<Self> {
        // In a database from before, the first ones are taken, and some of them were links that have ended.
        let is_new = match settings.storage.database().map_err(Error::internal)? {
            DatabaseUrl::Sqlite(path) => !path.exists(),
            DatabaseUrl::Postgres(_) => false,
        };
        Ok(if settings.development.dev && is_new { Self::Repeatable(Mutex::default()) } else { Self::Random })
    }

    pub fn drive(&self, tenant: &str, owner: &str) -> DriveId {
        DriveId::from_bytes(match self {
            Self::Random => random_bytes(),
            Self::Repeatable(_) => digest(&["drive", tenant, owner]),
        })
    }

    /// A link's, another one each time.
    pub fn link(&self, item: ItemId, application: &str, link_type: LinkType) -> LinkId {
        LinkId::from_bytes(match self {
            Self::Random => random_bytes(),
            Self::Repeatable(made) => {
                let first = digest(&["link", &item.to_string(), application, link_type.as_str()]);
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                let count = made.entry((item.drive, first)).or_default();
                *count += 1;
                digest(&["link", &item.to_string(), application, link_type.as_str(), &count.to_string()])
            }
        })
    }

    /// Begins anew with some drives.
    pub fn forget(&self, drives: &[DriveId]) {
        if let Self::Repeatable(made) = self {
            made.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|(drive, _), _| !drives.contains(drive));
        }
    }
}

fn digest<const N: usize>(words: &[&str]) -> [u8; N] {
    let mut digest = Sha256::new();
    for word in words {
        digest.update((word.len() as u64).to_be_bytes());
        digest.update(word);
    }
    let digest = digest.finalize();
    std::array::from_fn(|at| digest[at])
}
