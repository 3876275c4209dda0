//! The content store: bytes under keys. Knows nothing of items and names.

mod hashing;
mod identity;
mod journal;
mod kept;
mod listing;
mod outside;
mod reading;
mod writing;

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::signer::Signer;
use object_store::{ClientConfigKey, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use uuid::Uuid;

use crate::config::ContentUrl;
use crate::domain::ids::DriveId;
use crate::error::{Error, Result, find_cause};
use identity::Identity;
use kept::Kept;
use reading::Reader;
use writing::{Writer, Written};

pub use hashing::{Digests, Sha256};
pub use journal::RevokedLink;
pub use listing::Listed;
pub use outside::{Changes, Entry, Outside, Root, Skipped, TEMPORARY, Walk, Watch, seen_as};

/// Uploads are digested and written in pieces of so many bytes, while the next one comes.
const PIECE: usize = 64 * 1024;
/// Object stores take no parts that are smaller; what is smaller is stored in one go.
const PART_OF_OBJECT: usize = 5 * 1024 * 1024;
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

#[derive(Clone, Debug)]
pub struct Content {
    store: Arc<dyn ObjectStore>,
    /// What keys start with.
    prefix: String,
    /// Where contents are files.
    files: Option<Files>,
    kept: Arc<Kept>,
    identity: Arc<Identity>,
    /// What is elsewhere.
    pub outside: Outside,
    /// Makes URLs that the object store itself answers, where that is wanted.
    signer: Option<Arc<AmazonS3>>,
}

/// Contents as files of a folder, read and written without the library's detours.
#[derive(Clone, Debug)]
struct Files {
    folder: PathBuf,
    reader: Reader,
    writer: Writer,
}

/// Where an upload's bytes go.
enum Sink {
    File(Written),
    Object {
        path: ObjectPath,
        /// None until there is more than a part.
        upload: Option<Box<dyn MultipartUpload>>,
        part: Vec<Bytes>,
        length: usize,
    },
}

impl Content {
    /// `kept` is how many bytes of small contents that were read are kept in memory.
    pub fn open(url: &ContentUrl, presigned: bool, kept: u64) -> Result<Self> {
        let content = match url {
            ContentUrl::Folder(folder) => Self::in_folder(folder)?,
            ContentUrl::S3 { bucket, prefix } => Self::in_bucket(bucket, prefix, presigned)?,
        };
        Ok(Self { kept: Arc::new(Kept::new(kept)), ..content })
    }

    /// Contents as objects of a bucket.
    fn in_bucket(bucket: &str, prefix: &str, presigned: bool) -> Result<Self> {
        let store = Arc::new(bucket_of(bucket)?);
        Ok(Self {
            store: store.clone(),
            prefix: prefix.to_owned(),
            files: None,
            kept: Arc::new(Kept::new(0)),
            identity: Arc::default(),
            outside: Outside::default(),
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
            files: Some(Files {
                folder: folder.to_owned(),
                reader: Reader::default(),
                writer: Writer::default(),
            }),
            kept: Arc::new(Kept::new(0)),
            identity: Arc::default(),
            outside: Outside::default(),
            signer: None,
        })
    }

    /// Bytes of memory that an upload of so many bytes takes, at most.
    pub fn memory_of_upload(&self, size: u64) -> usize {
        // One piece is written while the next one comes.
        let most = if self.files.is_some() { 2 * PIECE } else { PART_OF_OBJECT + PIECE };
        usize::try_from(size).unwrap_or(usize::MAX).clamp(1, most)
    }

    /// Stores what `body` yields, in memory never more than [`Self::memory_of_upload`]. It may be a piece of something
    /// larger: `digests` are of what comes before, and of that and this afterwards. Gives its own size. What is left
    /// when it fails, or turns out to be more than `limit` bytes, is to be deleted.
    pub async fn put(
        &self,
        drive: DriveId,
        key: Uuid,
        limit: u64,
        mut body: impl Stream<Item = Result<Bytes>> + Unpin,
        digests: &mut Digests,
    ) -> Result<u64> {
        self.check_folder().await?;
        let mut sink = self.sink(drive, key);
        let mut size = 0;
        let capacity = usize::try_from(limit).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::with_capacity(capacity);
        let received = async {
            while let Some(mut chunk) = body.try_next().await? {
                size += chunk.len() as u64;
                if size > limit {
                    return Err(Error::PayloadTooLarge { limit });
                }
                while !chunk.is_empty() {
                    let room = PIECE - piece.len();
                    piece.extend_from_slice(&chunk.split_to(chunk.len().min(room)));
                    if piece.len() == PIECE {
                        let next = BytesMut::with_capacity(PIECE);
                        let piece = std::mem::replace(&mut piece, next).freeze();
                        digests.update(&piece).await?;
                        self.write(&mut sink, piece).await?;
                    }
                }
            }
            let last = piece.freeze();
            digests.update(&last).await?;
            Ok(last)
        };
        match received.await {
            Ok(last) => self.finish(sink, last).await?,
            Err(error) => {
                sink.abort().await;
                return Err(error);
            }
        }
        // Where the folder is another than before, the bytes are not where they will be looked for.
        self.check_folder().await?;
        Ok(size)
    }

    fn sink(&self, drive: DriveId, key: Uuid) -> Sink {
        match &self.files {
            Some(files) => Sink::File(files.writer.begin(files.path_of(drive, key))),
            None => {
                Sink::Object { path: self.path_of(drive, key), upload: None, part: Vec::new(), length: 0 }
            }
        }
    }

    async fn write(&self, sink: &mut Sink, piece: Bytes) -> Result<()> {
        match sink {
            Sink::File(file) => file.write(piece).await.map_err(disk_failed),
            Sink::Object { path, upload, part, length } => {
                *length += piece.len();
                part.push(piece);
                if *length >= PART_OF_OBJECT {
                    *length = 0;
                    let upload = match upload {
                        Some(upload) => upload,
                        none => none.insert(self.store.put_multipart(path).await.map_err(failed)?),
                    };
                    let part = PutPayload::from_iter(std::mem::take(part));
                    // One part at a time: the client's next bytes wait until the last are stored.
                    upload.put_part(part).await.map_err(failed)?;
                }
                Ok(())
            }
        }
    }

    async fn finish(&self, sink: Sink, last: Bytes) -> Result<()> {
        match sink {
            Sink::File(file) => file.finish(last).await.map_err(disk_failed),
            Sink::Object { path, upload, mut part, .. } => {
                part.push(last);
                let part = PutPayload::from_iter(part);
                let Some(mut upload) = upload else {
                    self.store.put(&path, part).await.map_err(failed)?;
                    return Ok(());
                };
                let finished = async {
                    if part.content_length() > 0 {
                        upload.put_part(part).await?;
                    }
                    upload.complete().await
                };
                if let Err(error) = finished.await {
                    // As in `Sink::abort`.
                    let _ = upload.abort().await;
                    return Err(failed(error));
                }
                Ok(())
            }
        }
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
        if !self.kept.wants(size) {
            return self.read(drive, key, size, range).await;
        }
        let content = match self.kept.get(drive, key) {
            Some(content) => content,
            None => {
                let read: Vec<Bytes> = self.read(drive, key, size, 0..size).await?.try_collect().await?;
                // Copied: what was read may be part of something larger, and would keep all of that.
                let content = Bytes::from(read.concat());
                self.kept.keep(drive, key, content.clone());
                content
            }
        };
        // It has `size` bytes, and the range is within these.
        let range = usize::try_from(range.start).unwrap_or(0)..usize::try_from(range.end).unwrap_or(0);
        Ok(futures_util::stream::once(std::future::ready(Ok(content.slice(range)))).boxed())
    }

    async fn read(
        &self,
        drive: DriveId,
        key: Uuid,
        size: u64,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        if let Some(files) = &self.files {
            return match files.reader.open(files.path_of(drive, key)).await {
                Ok(opened) if opened.size == size => Ok(opened.read(range).map_err(disk_failed).boxed()),
                Ok(_) => Err(self.why_damaged(drive, key, size).await),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Err(self.why_damaged(drive, key, size).await)
                }
                Err(error) => Err(disk_failed(error)),
            };
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

    /// Whether a content is there with as many bytes as it should have, or in memory yet.
    pub async fn check(&self, drive: DriveId, key: Uuid, size: u64) -> Result<()> {
        if self.kept.get(drive, key).is_some() {
            return Ok(());
        }
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
        self.kept.forget(drive, key);
        if let Some(files) = &self.files {
            // Versions before 0.2 wrote a file under this name and renamed it when it was whole. What one left that
            // was killed in between goes, too.
            let part = files.path_of(drive, key).with_file_name(format!("{}#1", key.simple()));
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
        let body = futures_util::stream::iter([Ok(bytes.clone())]);
        self.put(drive, key, 1024, body, &mut Digests::default()).await?;
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

impl Files {
    fn path_of(&self, drive: DriveId, key: Uuid) -> PathBuf {
        self.folder.join(drive.to_string()).join(key.simple().to_string())
    }
}

impl Sink {
    /// Ends what is under way, so that nothing is written any more from then on.
    async fn abort(self) {
        match self {
            // The error that it may meet is no news.
            Self::File(mut file) => _ = file.settle().await,
            // What can't be taken away now is swept later.
            Self::Object { upload: Some(mut upload), .. } => _ = upload.abort().await,
            Self::Object { upload: None, .. } => {}
        }
    }
}

/// A bucket. Where it is and who may read and write it, the library reads from the variables that all programs for S3
/// use: `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID` and so on.
fn bucket_of(bucket: &str) -> Result<AmazonS3> {
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
    store.build().map_err(Error::internal)
}

fn disk_failed(error: std::io::Error) -> Error {
    if is_disk_full(&error) { Error::StorageFull(error.into()) } else { Error::unavailable(error) }
}

fn failed(error: object_store::Error) -> Error {
    match error {
        // The database names it, so it was there: something else took it away.
        object_store::Error::NotFound { .. } => Error::internal(error),
        error if is_disk_full(&error) => Error::StorageFull(error.into()),
        error => Error::unavailable(error),
    }
}

fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
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
