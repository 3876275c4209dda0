//! The content store: bytes under keys. Knows nothing of items and names.

mod hashing;
mod identity;
mod journal;
mod listing;

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::signer::Signer;
use object_store::{
    ClientConfigKey, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayloadMut, RetryConfig,
};
use uuid::Uuid;

use crate::config::ContentUrl;
use crate::domain::ids::DriveId;
use crate::domain::item::Hashes;
use crate::error::{Error, Result, find_cause};
use hashing::Hashing;
use identity::Identity;

pub use hashing::Sha256;
pub use journal::RevokedLink;
pub use listing::Listed;

/// Uploads are passed on in parts of so many bytes; what is smaller is stored in one go. An object store takes
/// none that are smaller.
const PART_OF_OBJECT: usize = 5 * 1024 * 1024;
const PART_OF_FILE: usize = 128 * 1024;
/// How long an object store that fails is tried again.
const RETRY_LIMIT: Duration = Duration::from_secs(5);
/// How long an object store may take for the next bytes, and for one request with all its bytes: the library
/// would give a download up in the middle after half a minute, however well it goes on.
const LIMITS: [(ClientConfigKey, &str); 2] =
    [(ClientConfigKey::ReadTimeout, "30 seconds"), (ClientConfigKey::Timeout, "1 day")];
/// Where credentials may come from. Without any of these the library would ask the cloud's metadata address, which
/// elsewhere than in a cloud is nobody's, or anybody's.
const CREDENTIALS: [AmazonS3ConfigKey; 6] = [
    AmazonS3ConfigKey::AccessKeyId,
    AmazonS3ConfigKey::WebIdentityTokenFile,
    AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
    AmazonS3ConfigKey::ContainerCredentialsFullUri,
    AmazonS3ConfigKey::MetadataEndpoint,
    AmazonS3ConfigKey::SkipSignature,
];
/// How long a URL of the object store's own opens. A download that has begun goes on.
const PRESIGNED_FOR: Duration = Duration::from_secs(60);
/// A part is gathered in blocks of this many bytes: one piece that grows would be copied again and again.
const BLOCK_SIZE: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub struct Content {
    store: Arc<dyn ObjectStore>,
    /// What keys start with.
    prefix: String,
    /// Where contents are files: the folder.
    folder: Option<PathBuf>,
    identity: Arc<Identity>,
    /// Makes URLs that the object store itself answers, where that is wanted.
    signer: Option<Arc<AmazonS3>>,
}

/// What was learned of a content while it was stored.
#[derive(Debug)]
pub struct Stored {
    pub size: i64,
    pub hashes: Hashes,
}

impl Content {
    pub fn open(url: &ContentUrl, presigned: bool) -> Result<Self> {
        match url {
            ContentUrl::Folder(folder) => Self::in_folder(folder),
            ContentUrl::S3 { bucket, prefix } => Self::in_bucket(bucket, prefix, presigned),
        }
    }

    /// Contents as objects of a bucket. Where it is and who may write it, the library reads from the
    /// variables that all programs for S3 use: `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID` and so on.
    fn in_bucket(bucket: &str, prefix: &str, presigned: bool) -> Result<Self> {
        let retries = RetryConfig { max_retries: 3, retry_timeout: RETRY_LIMIT, ..RetryConfig::default() };
        let mut store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries);
        for (limit, value) in LIMITS {
            store = store.with_config(AmazonS3ConfigKey::Client(limit), value);
        }
        if !CREDENTIALS.iter().any(|key| store.get_config_value(key).is_some_and(|value| value != "false")) {
            return Err(Error::internal(
                "there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                 AWS_METADATA_ENDPOINT=http://169.254.169.254 where the machine's own role has them",
            ));
        }
        let store = Arc::new(store.build().map_err(Error::internal)?);
        Ok(Self {
            store: store.clone(),
            prefix: prefix.to_owned(),
            folder: None,
            identity: Arc::default(),
            signer: presigned.then_some(store),
        })
    }

    /// Contents as files under a folder, which is made.
    fn in_folder(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| cannot_use(folder, error))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| cannot_use(folder, error))?
            // What was answered survives a power cut.
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            prefix: String::new(),
            folder: Some(folder.to_owned()),
            identity: Arc::default(),
            signer: None,
        })
    }

    /// Bytes of memory that an upload of so many bytes takes, at most.
    pub fn memory_of_upload(&self, size: u64) -> usize {
        usize::try_from(size).unwrap_or(usize::MAX).clamp(1, self.part_size())
    }

    fn part_size(&self) -> usize {
        if self.folder.is_some() { PART_OF_FILE } else { PART_OF_OBJECT }
    }

    /// Stores what `body` yields, in memory never more than a part of it. Nothing is left
    /// under the key when it fails, or when it turns out to be more than `limit` bytes.
    pub async fn put(
        &self,
        drive: DriveId,
        key: Uuid,
        limit: u64,
        mut body: impl Stream<Item = Result<Bytes>> + Unpin,
    ) -> Result<Stored> {
        self.check_folder().await?;
        let path = self.path_of(drive, key);
        let mut hashing = Hashing::default();
        let begin_part = || PutPayloadMut::new().with_block_size(BLOCK_SIZE);
        let mut part = begin_part();
        let mut upload: Option<Box<dyn MultipartUpload>> = None;
        let stored = async {
            while let Some(chunk) = body.try_next().await? {
                hashing.update(&chunk);
                if hashing.size > limit {
                    return Err(Error::PayloadTooLarge { limit });
                }
                part.extend_from_slice(&chunk);
                if part.content_length() >= self.part_size() {
                    let upload = match &mut upload {
                        Some(upload) => upload,
                        none => none.insert(self.store.put_multipart(&path).await.map_err(failed)?),
                    };
                    // One part at a time: the client's next bytes wait until the last are stored.
                    let part = std::mem::replace(&mut part, begin_part());
                    upload.put_part(part.into()).await.map_err(failed)?;
                }
            }
            match &mut upload {
                None => {
                    self.store.put(&path, part.into()).await.map_err(failed)?;
                }
                Some(upload) => {
                    if !part.is_empty() {
                        upload.put_part(part.into()).await.map_err(failed)?;
                    }
                    upload.complete().await.map_err(failed)?;
                }
            }
            // Where the folder is another than before, the bytes are not where they will be looked for.
            self.check_folder().await
        }
        .await;
        if let Err(error) = stored {
            if let Some(mut upload) = upload {
                // What can't be taken away now is swept later.
                let _ = upload.abort().await;
            }
            return Err(error);
        }
        Ok(hashing.finish())
    }

    fn path_of(&self, drive: DriveId, key: Uuid) -> ObjectPath {
        ObjectPath::from(format!("{}/{drive}/{}", self.prefix, key.simple()))
    }

    /// A URL by which the object store itself gives the bytes for a minute; none where that is not set up.
    pub async fn presigned_url(&self, drive: DriveId, key: Uuid) -> Result<Option<String>> {
        let Some(signer) = &self.signer else { return Ok(None) };
        let path = self.path_of(drive, key);
        let url = signer.signed_url(reqwest::Method::GET, &path, PRESIGNED_FOR).await.map_err(failed)?;
        Ok(Some(url.into()))
    }

    /// Bytes of a content that has so many. One that is not there, or has another size, is damaged.
    pub async fn get(
        &self,
        drive: DriveId,
        key: Uuid,
        size: u64,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = object_store::GetOptions { range: Some(range.into()), ..Default::default() };
        match self.store.get_opts(&self.path_of(drive, key), options).await {
            Ok(got) if got.meta.size == size => Ok(got.into_stream().map_err(failed).boxed()),
            // A range that is not within it is told as an error of the request, which it is not.
            Ok(_) | Err(object_store::Error::NotFound { .. } | object_store::Error::Generic { .. }) => {
                Err(self.why_damaged(drive, key, size).await)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether a content is there with as many bytes as it should have.
    pub async fn check(&self, drive: DriveId, key: Uuid, size: u64) -> Result<()> {
        match self.store.head(&self.path_of(drive, key)).await {
            Ok(meta) if meta.size == size => Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {
                Err(self.why_damaged(drive, key, size).await)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether there is anything under a key.
    pub async fn is_there(&self, drive: DriveId, key: Uuid) -> Result<bool> {
        match self.store.head(&self.path_of(drive, key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Where the store is not the one that it should be, that is why.
    async fn why_damaged(&self, drive: DriveId, key: Uuid, size: u64) -> Error {
        let path = self.path_of(drive, key);
        match self.store.head(&path).await {
            Ok(meta) if meta.size == size => Error::unavailable("a content could not be read"),
            Ok(meta) => Error::ContentDamaged(format!("{path} has {} bytes, not {size}", meta.size).into()),
            Err(object_store::Error::NotFound { .. }) => match self.check_identity().await {
                Ok(()) => Error::ContentDamaged(format!("{path} is not there").into()),
                Err(error) => error,
            },
            Err(error) => failed(error),
        }
    }

    /// Takes a content away, or what a broken upload left of it; one that is not there is fine.
    pub async fn delete(&self, drive: DriveId, key: Uuid) -> Result<()> {
        if let Some(folder) = &self.folder {
            // The library writes a file under this name and renames it when it is whole. Where the process
            // is killed in between, it stays.
            let part = folder.join(drive.to_string()).join(format!("{}#1", key.simple()));
            match tokio::fs::remove_file(part).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::unavailable(error)),
                _ => {}
            }
        }
        match self.store.delete(&self.path_of(drive, key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes, reads and deletes a few bytes.
    pub async fn try_out(&self) -> Result<()> {
        let drive = DriveId::from_bytes([0; 8]);
        let key = Uuid::from_bytes(crate::clock::random_bytes());
        let bytes = Bytes::from_static(b"everlink doctor");
        self.put(drive, key, 1024, futures_util::stream::iter([Ok(bytes.clone())])).await?;
        let size = bytes.len() as u64;
        let read: Vec<Bytes> = self.get(drive, key, size, 0..size).await?.try_collect().await?;
        self.delete(drive, key).await?;
        if read.concat() == bytes {
            Ok(())
        } else {
            Err(Error::internal("what was read is not what was written"))
        }
    }
}

fn failed(error: object_store::Error) -> Error {
    match error {
        // The database names it, so it was there: something else took it away.
        object_store::Error::NotFound { .. } => Error::internal(error),
        error if is_disk_full(&error) => Error::StorageFull(error.into()),
        error => Error::unavailable(error),
    }
}

fn is_disk_full(error: &object_store::Error) -> bool {
    find_cause::<std::io::Error>(error)
        .is_some_and(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

#[derive(Debug, thiserror::Error)]
#[error("the content folder {} can't be used", folder.display())]
struct CannotUse {
    folder: PathBuf,
    source: crate::error::Cause,
}

fn cannot_use(folder: &Path, error: impl Into<crate::error::Cause>) -> Error {
    Error::internal(CannotUse { folder: folder.to_owned(), source: error.into() })
}
