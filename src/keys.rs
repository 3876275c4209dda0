//! The key file: the secrets that sign links, and the local issuer's. Made at the first start, never
//! changed behind an admin's back, and held against the database at every start.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, random_bytes};
use crate::domain::authkey::{KeyRing, Secret};
use crate::error::{Error, Result};
use crate::store::Store;

/// What a key file holds.
#[derive(Debug)]
pub struct Keys {
    pub ring: KeyRing,
    /// Signs and checks the local issuer's tokens.
    pub local_issuer: Secret,
}

/// The file's JSON. Secrets are 32 bytes in base64.
#[derive(Deserialize)]
struct KeyFile {
    epochs: BTreeMap<u8, SecretString>,
    local_issuer: SecretString,
}

#[derive(Serialize)]
struct NewKeyFile<'a> {
    epochs: BTreeMap<u8, &'a str>,
    local_issuer: &'a str,
}

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    #[error("the key file {} can't be used", .0.display())]
    Io(PathBuf, #[source] io::Error),
    #[error("the key file {} is not of its form: {why}", path.display())]
    Malformed { path: PathBuf, why: &'static str },
    #[error(
        "the key file {} is missing, and this database's links are signed with its secrets: \
         put it back, no other file opens them", .0.display()
    )]
    Missing(PathBuf),
    #[error("the key file has another secret for epoch {0} than the one that signs this database's links")]
    Different(i16),
    #[error("the key file lacks epoch {0}, which signs links of this database")]
    Lacks(i16),
}

impl Keys {
    /// None where there is no file.
    pub fn load(path: &Path) -> Result<Option<Self>, BadKeys> {
        let text = match fs::read_to_string(path) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BadKeys::Io(path.to_owned(), error)),
        };
        let malformed = |why| BadKeys::Malformed { path: path.to_owned(), why };
        // The library's own message could quote what it read.
        let file: KeyFile = serde_json::from_str(text.expose_secret())
            .map_err(|_| malformed("not JSON with the members epochs and local_issuer"))?;
        let secret = |text: SecretString| {
            let bytes = STANDARD.decode(text.expose_secret()).ok().and_then(|bytes| bytes.try_into().ok());
            bytes
                .map(|bytes| Secret::new(Box::new(bytes)))
                .ok_or(malformed("a secret is not 32 bytes in base64"))
        };
        let epochs = file
            .epochs
            .into_iter()
            .map(|(epoch, text)| Ok((epoch, secret(text)?)))
            .collect::<Result<_, _>>()?;
        let ring =
            KeyRing::new(epochs).ok_or(malformed("epochs are numbered from 1 to 255, and there is one"))?;
        Ok(Some(Self { ring, local_issuer: secret(file.local_issuer)? }))
    }

    /// Makes a file with fresh secrets. Where another process is faster, its file is used.
    pub fn create(path: &Path) -> Result<Self, BadKeys> {
        let failed = |error| BadKeys::Io(path.to_owned(), error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let secrets = [(); 2].map(|()| STANDARD.encode(random_bytes::<32>()));
        let file =
            NewKeyFile { epochs: BTreeMap::from([(1, secrets[0].as_str())]), local_issuer: &secrets[1] };
        let mut text = serde_json::to_string_pretty(&file).map_err(|error| failed(error.into()))?;
        text.push('\n');
        // Written whole under another name first, so that nobody ever reads half a file.
        let draft = path.with_extension(format!("draft-{}", u64::from_ne_bytes(random_bytes())));
        let published = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            // A link, unlike a rename, does not replace a file that came up meanwhile.
            .and_then(|()| fs::hard_link(&draft, path));
        let removed = fs::remove_file(&draft);
        match published {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => removed.map_err(failed)?,
        }
        Self::load(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// For what needs no database: the file's keys, which are made where there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, BadKeys> {
        match Self::load(path)? {
            Some(keys) => Ok(keys),
            None => Self::create(path),
        }
    }

    /// The keys that fit the database. They are made for a database that has never seen any.
    pub async fn for_store(path: &Path, store: &Store, now: Timestamp) -> Result<Self> {
        let known = store.read().await?.key_epochs().await?;
        let keys = match Self::load(path).map_err(Error::internal)? {
            Some(keys) => keys,
            None if known.is_empty() => Self::create(path).map_err(Error::internal)?,
            None => return Err(Error::internal(BadKeys::Missing(path.to_owned()))),
        };
        keys.check(store).await?;
        store
            .write(async |tx| {
                for epoch in keys.ring.epochs() {
                    let check_value = keys.ring.check_value(epoch).unwrap_or_default();
                    tx.insert_key_epoch(epoch, &check_value, now).await?;
                }
                Ok(())
            })
            .await?;
        // Another server may have been first, with other secrets.
        keys.check(store).await?;
        Ok(keys)
    }

    /// Whether these are the secrets that the database's links are signed with.
    pub async fn check(&self, store: &Store) -> Result<()> {
        let mut tx = store.read().await?;
        for (epoch, known) in tx.key_epochs().await? {
            match u8::try_from(epoch).ok().and_then(|epoch| self.ring.check_value(epoch)) {
                Some(ours) if ours != known => return Err(Error::internal(BadKeys::Different(epoch))),
                None if tx.is_epoch_used(epoch).await? => return Err(Error::internal(BadKeys::Lacks(epoch))),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether others than the file's owner may read it.
pub fn is_exposed(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}
