//! Uploads that come in ranges, over many requests, and over restarts of the service.
//!
//! Each range is a content of its own, and stays one: the last only lets their list become a version, as any upload
//! does, so it is answered as fast as its own bytes. A range that was answered is not lost: its row names it.

use bytes::Bytes;
use futures_util::stream::{Stream, TryStreamExt};
use uuid::Uuid;

use crate::clock::random_bytes;
use crate::content::Digests;
use crate::domain::ids::UploadId;
use crate::domain::item::{ClientProperties, Item};
use crate::domain::link::Act;
use crate::domain::name::ItemPath;
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::{ByteRange, Conflict, UploadSession};
use crate::error::{Error, Result};
use crate::limits::{RANGE, RANGES, UPLOAD_SESSION, Who};
use crate::service::drive::upload::{NewContent, commit, discard, put_pending, take_pending};
use crate::service::drive::write_through::write_through_or_later;
use crate::service::drive::{Upload, check_room, check_target};
use crate::service::pieces::list_key;
use crate::service::rights::{ToRead, ToWrite, prove_link, walk};
use crate::service::store::{Tx, UploadRange};
use crate::service::{PlacedItem, Service};

/// How a session stands after a range.
#[derive(Debug)]
pub enum Received {
    More(Box<UploadSession>),
    /// The file is there, and who sent it may see nothing of it: only what they sent.
    Sent {
        name: String,
        size: i64,
    },
    /// The file is there.
    All {
        placed: Box<PlacedItem>,
        /// The upload made it.
        is_new: bool,
        /// To see it as its owner does; none for who came with a link.
        right: Option<ToRead>,
    },
}

/// A session that was begun. Not to be printed: it has its secret.
pub struct NewUploadSession {
    pub session: UploadSession,
    /// What names it in its URL, and lets send ranges.
    pub secret: String,
}

/// Begins a session that goes where a plain upload would.
pub async fn create_upload_session(
    service: &Service,
    target: &Upload<'_>,
    properties: ClientProperties,
) -> Result<NewUploadSession> {
    let base = target.to.base();
    check_target(base, target.path)?;
    let existing = find_existing(service, target).await?;
    if !target.preconditions.hold(existing.as_ref()) {
        return Err(Error::ResourceModified);
    }
    if existing.is_some() && !target.path.is_empty() && target.conflict == Conflict::Fail {
        return Err(Error::NameAlreadyExists);
    }
    let names: Vec<&str> = target.path.names().iter().map(|name| name.as_str()).collect();
    let session = UploadSession {
        id: UploadId { drive: base.id.drive, upload: Uuid::from_bytes(random_bytes()) },
        base: base.id,
        path: names.join("/"),
        // A file that must not be there now must not be there later either.
        conflict: match target.preconditions.if_none_match {
            Some(_) if existing.is_none() => Conflict::Fail,
            _ => target.conflict,
        },
        if_match: existing.filter(|_| target.preconditions.if_match.is_some()).map(|item| item.etag()),
        total: None,
        received: 0,
        digests: None,
        ranges: 0,
        completed: None,
        created_by: target.to.author().user.clone(),
        created_app_no: target.to.author().app_no,
        through: target.to.through(),
        properties,
        expires_at: service.clock.now() + UPLOAD_SESSION,
    };
    service.store.write("create_upload_session", async |tx| tx.insert_upload(&session).await).await?;
    Ok(NewUploadSession { secret: service.keys.sign_upload(session.id), session })
}

/// What the upload would take the place of; none for who only adds.
async fn find_existing(service: &Service, target: &Upload<'_>) -> Result<Option<Item>> {
    if target.to.only_adds() {
        return Ok(None);
    }
    let mut tx = service.store.read("find_existing").await?;
    match walk(&mut tx, target.to.base().clone(), target.path.names()).await {
        Ok(item) => Ok(Some(item)),
        Err(Error::ItemNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The session of a URL's secret part, while it is under way.
pub async fn get_upload_session(service: &Service, secret: &str) -> Result<UploadSession> {
    let session = find_session(service, secret).await?;
    if session.completed.is_some() {
        return Err(Error::UploadSessionNotFound);
    }
    // Its link may be gone by now, or what it writes to: then nothing more is to be sent.
    ToWrite::of_session(service, &session).await?;
    Ok(session)
}

async fn find_session(service: &Service, secret: &str) -> Result<UploadSession> {
    let id = service.keys.prove_upload(secret).ok_or(Error::UploadSessionNotFound)?;
    service
        .store
        .read("find_session")
        .await?
        .upload(id, service.clock.now())
        .await?
        .ok_or(Error::UploadSessionNotFound)
}

/// What the last range was answered with, for a client that missed the answer and sends it again.
async fn answer_again(service: &Service, session: &UploadSession, range: ByteRange) -> Result<Received> {
    let (item, is_new) = session
        .completed
        .filter(|_| range.is_last() && session.total == Some(range.total))
        .ok_or(Error::UploadSessionNotFound)?;
    let mut tx = service.store.read("answer_again").await?;
    if let Some(at) = session.through {
        let link_type = prove_link(&mut tx, at, session.base, Act::Add).await?;
        if !link_type.permits(Act::Write) {
            return Ok(sent(session, range.total));
        }
        prove_link(&mut tx, at, item, Act::Add).await?;
    }
    let item = tx.item(item).await?.ok_or(Error::ItemNotFound)?;
    let right = ToRead::of_session(session, &item);
    let placed = Box::new(PlacedItem::of(&mut tx, item).await?);
    Ok(Received::All { placed, is_new, right })
}

/// As it was sent, whatever became of it.
fn sent(session: &UploadSession, size: i64) -> Received {
    let name = session.path.rsplit('/').next().unwrap_or_default().to_owned();
    Received::Sent { name, size }
}

/// Takes the next range. Whatever is wrong with it, the session goes on as it was.
pub async fn receive_range(
    service: &Service,
    secret: &str,
    range: ByteRange,
    mut body: impl Stream<Item = Result<Bytes>> + Unpin,
) -> Result<Received> {
    let id = service.keys.prove_upload(secret).ok_or(Error::UploadSessionNotFound)?;
    // One after the other: what a client sends again while it is at work is answered by what came of that.
    let turn = service.turns.ranges.take(Who::Upload(id.upload)).await?;
    let session = find_session(service, secret).await?;
    if session.completed.is_some() {
        let answer = answer_again(service, &session, range).await?;
        drop(turn);
        // The client reads no answer before it has sent all.
        let mut sent = 0;
        while let Some(chunk) = body.try_next().await? {
            sent += chunk.len() as i64;
            if sent > range.length() {
                return Err(LONGER);
            }
        }
        return Ok(answer);
    }
    let drive = session.id.drive;
    check_range(&session, range)?;
    let to = ToWrite::of_session(service, &session).await?;
    if session.total.is_none() {
        let path = ItemPath::parse(&session.path)?;
        check_room(service, &to, &path, range.total.cast_unsigned()).await?;
    }
    let mut digests = digests_so_far(service, &session).await?;
    let length = range.length().cast_unsigned();
    let pending =
        put_pending(service, drive, who(&session), length, body, &mut digests).await.map_err(|error| {
            match error {
                Error::PayloadTooLarge { .. } => LONGER,
                error => error,
            }
        })?;
    let kept = UploadRange { size: range.length(), content_key: pending.key };
    let outcome = if pending.size < range.length() {
        Err(SHORTER)
    } else if range.is_last() {
        Box::pin(finish(service, &session, range, kept, digests)).await
    } else {
        keep_range(service, &session, range, kept, digests).await
    };
    if outcome.is_err() {
        // Best done now; the sweep does it later where this fails.
        let _ = discard(service, drive, pending.key).await;
    }
    outcome
}

/// The digests of what has come. An older version kept none: what it received is read once more.
async fn digests_so_far(service: &Service, session: &UploadSession) -> Result<Digests> {
    let saved = session.digests.as_deref().and_then(Digests::load);
    // An older version that runs beside this one receives ranges, and leaves the state as it was.
    if let Some(digests) = saved.filter(|digests| digests.size == session.received.cast_unsigned()) {
        return Ok(digests);
    }
    let mut digests = Digests::default();
    if session.received > 0 {
        for range in service.store.read("upload_ranges").await?.upload_ranges(session.id).await? {
            let size = range.size.cast_unsigned();
            let mut bytes = service.content.get(session.id.drive, range.content_key, size, 0..size).await?;
            while let Some(chunk) = bytes.try_next().await? {
                digests.update(&chunk).await?;
            }
        }
        // At once: where the client does not wait for so long, it is not read another time.
        let saved = digests.save().await?;
        let keep = async |tx: &mut Tx| tx.keep_digests(session.id, session.received, &saved).await;
        service.store.write("keep_digests", keep).await?;
    }
    Ok(digests)
}

/// Whose turn a session takes.
fn who(session: &UploadSession) -> Who {
    session.through.map_or(Who::Drive(session.id.drive), |at| Who::Link(at.link))
}

const LONGER: Error = Error::FragmentLengthMismatch("The body is longer than Content-Range says.");
const SHORTER: Error = Error::FragmentLengthMismatch("The body is shorter than Content-Range says.");

fn check_range(session: &UploadSession, range: ByteRange) -> Result<()> {
    if session.total.is_some_and(|total| total != range.total) {
        return Err(Error::FragmentLengthMismatch("The total is not the one of the ranges before."));
    }
    if session.ranges >= RANGES {
        return Err(Error::invalid_request(
            "The session has too many ranges: begin another, with larger ones.",
        ));
    }
    if range.length() > RANGE {
        return Err(Error::PayloadTooLarge { limit: RANGE.cast_unsigned() });
    }
    match range.first.cmp(&session.received) {
        std::cmp::Ordering::Less => Err(Error::FragmentOverlap),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Error::FragmentOutOfOrder),
    }
}

async fn keep_range(
    service: &Service,
    session: &UploadSession,
    range: ByteRange,
    kept: UploadRange,
    mut digests: Digests,
) -> Result<Received> {
    let digests = digests.save().await?;
    service
        .store
        .write("keep_range", async |tx| {
            add_range(tx, session, range, kept, &digests).await?;
            if !tx.keep_pending_content(session.id.drive, kept.content_key, session.expires_at).await? {
                // It took so long that it was swept.
                return Err(Error::RequestTimeout);
            }
            let now = service.clock.now();
            let session = tx.upload(session.id, now).await?.ok_or(Error::UploadSessionNotFound)?;
            Ok(Received::More(Box::new(session)))
        })
        .await
}

async fn add_range(
    tx: &mut Tx,
    session: &UploadSession,
    range: ByteRange,
    kept: UploadRange,
    digests: &[u8],
) -> Result<()> {
    if tx.add_upload_range(session.id, range.first, range.total, kept, digests).await? {
        Ok(())
    } else {
        // Another server took the same range, or the session was cancelled.
        Err(Error::FragmentOverlap)
    }
}

/// Makes all ranges the file's content: the only one as it is, several as their list. The session ends in the same
/// transaction; until then the client may send its last range again.
async fn finish(
    service: &Service,
    session: &UploadSession,
    range: ByteRange,
    last: UploadRange,
    digests: Digests,
) -> Result<Received> {
    let drive = session.id.drive;
    let to = ToWrite::of_session(service, session).await?;
    let is_only = session.received == 0;
    let whole = NewContent {
        key: if is_only { last.content_key } else { list_key() },
        size: range.total,
        hashes: digests.finish().await?,
    };
    let now = service.clock.now();
    let preconditions =
        Preconditions { if_match: session.if_match.clone().map(|tag| vec![tag]), if_none_match: None };
    let path = ItemPath::parse(&session.path)?;
    let target = Upload { to: &to, path: &path, conflict: session.conflict, preconditions: &preconditions };
    let (placed, is_new) = service
        .store
        .write("finish_upload", async |tx| {
            let (placed, is_new) = commit(service, tx, &target, &whole, now).await?;
            add_range(tx, session, range, last, &[]).await?;
            if is_only {
                take_pending(tx, drive, whole.key).await?;
            } else if !tx.list_pieces(session.id, whole.key).await? {
                // As there: what had come was swept.
                return Err(Error::RequestTimeout);
            }
            let item = placed.item.id;
            if !tx.complete_upload(session.id, item, is_new).await? {
                return Err(Error::FragmentOverlap);
            }
            if session.properties.is_empty() {
                return Ok((placed, is_new));
            }
            tx.set_properties(item, &session.properties, placed.item.change).await?;
            let item = tx.item(item).await?.ok_or(Error::ItemNotFound)?;
            Ok((PlacedItem { item, ..placed }, is_new))
        })
        .await?;
    write_through_or_later(service, placed.item.id).await;
    if to.only_adds() {
        return Ok(sent(session, range.total));
    }
    let right = ToRead::of_session(session, &placed.item);
    Ok(Received::All { placed: Box::new(placed), is_new, right })
}

/// Ends a session, and takes away what it has received.
pub async fn cancel_upload_session(service: &Service, secret: &str) -> Result<()> {
    let session = find_session(service, secret).await?;
    if session.completed.is_some() {
        return Err(Error::UploadSessionNotFound);
    }
    let ranges = service.store.read("upload_ranges").await?.upload_ranges(session.id).await?;
    let end = async |tx: &mut Tx| tx.delete_upload(session.id, session.received).await;
    if !service.store.write("cancel_upload_session", end).await? {
        return Err(Error::UploadSessionNotFound);
    }
    for range in ranges {
        // As above.
        let _ = discard(service, session.id.drive, range.content_key).await;
    }
    Ok(())
}
