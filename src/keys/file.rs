//! The key file: the secrets that sign links, and the local issuer's. Made at the first start, and never
//! changed but by `everlink keys`.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::clock::random_bytes;
use crate::keys::ring::{KeyRing, Secret};

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

impl KeyFile {
    /// None where there is no file.
    fn read(path: &Path) -> Result<Option<Self>, BadKeys> {
        let text = match fs::read_to_string(path) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BadKeys::Io(path.to_owned(), error)),
        };
        // The library's own message could quote what it read.
        let why = "not JSON with the members epochs and local_issuer";
        let malformed = |_| BadKeys::Malformed { path: path.to_owned(), why };
        serde_json::from_str(text.expose_secret()).map(Some).map_err(malformed)
    }

    fn fresh_secret() -> SecretString {
        STANDARD.encode(random_bytes::<32>()).into()
    }

    /// Writes the file whole under another name, so that nobody ever reads half of it, and then gives it
    /// its place.
    fn publish(&self, path: &Path, place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        #[derive(Serialize)]
        struct Shown<'a> {
            epochs: BTreeMap<u8, &'a str>,
            local_issuer: &'a str,
        }
        let epochs = self.epochs.iter().map(|(epoch, secret)| (*epoch, secret.expose_secret())).collect();
        let shown = Shown { epochs, local_issuer: self.local_issuer.expose_secret() };
        let mut text = serde_json::to_string_pretty(&shown)?;
        text.push('\n');
        let draft = path.with_extension(format!("draft-{}", u64::from_ne_bytes(random_bytes())));
        let placed = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| place(&draft));
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => placed.and(Err(error)),
            _ => placed,
        }
    }

    /// Takes the place of the file, for the same owner and readers.
    fn replace(&self, path: &Path) -> Result<(), BadKeys> {
        let place = |draft: &Path| {
            let before = fs::metadata(path)?;
            chown(draft, Some(before.uid()), Some(before.gid()))?;
            fs::set_permissions(draft, before.permissions())?;
            fs::rename(draft, path)
        };
        self.publish(path, place).map_err(|error| BadKeys::Io(path.to_owned(), error))
    }
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
    #[error(
        "the key file has another local_issuer than the other servers' on this database: their tokens would not hold. \
         Put their file here; or, where the secret in this one is fresh and is to hold from now on, run \
         `everlink keys renew-issuer --from-file`"
    )]
    OtherIssuer,
    #[error("the key file lacks epoch {0}, which signs links of this database")]
    Lacks(i16),
}

impl Keys {
    /// None where there is no file.
    pub fn load(path: &Path) -> Result<Option<Self>, BadKeys> {
        let Some(file) = KeyFile::read(path)? else { return Ok(None) };
        let malformed = |why| BadKeys::Malformed { path: path.to_owned(), why };
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
        let epochs = BTreeMap::from([(1, KeyFile::fresh_secret())]);
        let file = KeyFile { epochs, local_issuer: KeyFile::fresh_secret() };
        // A link, unlike a rename, does not replace a file that came up meanwhile.
        match file.publish(path, |draft| fs::hard_link(draft, path)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
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
}

/// Puts a fresh secret for an epoch into the key file. New links are signed by the highest.
pub fn add_epoch(path: &Path, epoch: u8) -> Result<(), BadKeys> {
    let mut file = KeyFile::read(path)?.ok_or_else(|| BadKeys::Missing(path.to_owned()))?;
    file.epochs.entry(epoch).or_insert_with(KeyFile::fresh_secret);
    file.replace(path)
}

/// Takes an epoch's secret out of the key file, for good.
pub fn withdraw_epoch(path: &Path, epoch: u8) -> Result<(), BadKeys> {
    let mut file = KeyFile::read(path)?.ok_or_else(|| BadKeys::Missing(path.to_owned()))?;
    file.epochs.remove(&epoch);
    file.replace(path)
}

/// Puts a fresh secret for the tokens of the local issuer into the key file.
pub fn renew_issuer(path: &Path) -> Result<(), BadKeys> {
    let mut file = KeyFile::read(path)?.ok_or_else(|| BadKeys::Missing(path.to_owned()))?;
    file.local_issuer = KeyFile::fresh_secret();
    file.replace(path)
}

/// Whether others than the file's owner may read it.
pub fn is_exposed(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}
