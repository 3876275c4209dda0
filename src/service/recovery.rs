//! What a database needs that was restored from a backup.
//!
//! Each revocation is written into a journal in the content store, which is kept apart from the database. So a
//! restored database learns which links must not open any more.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::content::{Content, RevokedLink};
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::error::Result;
use crate::service::Service;
use crate::service::store::{Store, Tx};

/// Numbers that are left out: more than an installation uses between two backups.
const GAP: i64 = 1_000_000_000;
/// Revocations that are written in one piece.
const AT_ONCE: i64 = 1_000;
/// How long an answer waits for the journal.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes revocations into the journal that it lacks. What fails is tried again later.
pub async fn write_journal(service: &Service) -> Result<()> {
    loop {
        let unwritten =
            service.store.read("unwritten_revocations").await?.unwritten_revocations(AT_ONCE).await?;
        if unwritten.is_empty() {
            return Ok(());
        }
        let revoked: Vec<RevokedLink> = unwritten
            .iter()
            .map(|one| RevokedLink {
                item: one.item.to_string(),
                link: Uuid::from_bytes(one.link_id.to_bytes()),
                at: one.at,
            })
            .collect();
        service.content.check_identity().await?;
        service.content.journal(&revoked, service.clock.now()).await?;
        let forget = async |tx: &mut Tx| {
            for one in &unwritten {
                tx.forget_unwritten_revocation(one.item.drive, one.link_id).await?;
            }
            Ok(())
        };
        service.store.write("forget_unwritten_revocations", forget).await?;
    }
}

/// The same for a revocation that was just made: its owner's answer waits for it, but not for long.
pub async fn journal_soon(service: &Service) {
    match tokio::time::timeout(PATIENCE, write_journal(service)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = error.inside(), "a revocation is not in the journal yet"),
        Err(_) => tracing::warn!("a revocation is not in the journal yet: the content store is slow"),
    }
}

/// What a recovery did.
#[derive(Clone, Copy, Debug)]
pub struct Recovered {
    pub incarnation: i64,
    /// Links of the backup that had been revoked since.
    pub revoked: usize,
}

/// Makes a restored database another incarnation: what was given out before and names numbers by which others may be
/// meant now ends, and links that were revoked since the backup end again. No server may run meanwhile.
pub(super) async fn recover(
    store: &Store,
    content: &Content,
    actor: &str,
    now: Timestamp,
) -> Result<Recovered> {
    let journal = content.read_journal().await?;
    store
        .write("recover", async |tx| {
            let incarnation = tx.begin_incarnation(GAP).await?;
            let mut revoked = 0;
            for link in &journal {
                let Ok(item) = link.item.parse::<ItemId>() else { continue };
                let at = LinkAt { item, link: LinkId::from_bytes(*link.link.as_bytes()) };
                revoked += usize::from(tx.revoke_link(at, Some(actor), None, now).await?.is_some());
            }
            Ok(Recovered { incarnation, revoked })
        })
        .await
}
