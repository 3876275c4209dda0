//! The journal of revoked links, beside the contents: a database that is restored from a backup learns from it which
//! links were revoked since.

use bytes::Bytes;
use chrono::SecondsFormat;
use futures_util::stream::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Timestamp, random_bytes};
use crate::content::{Content, failed};
use crate::error::{Error, Result};

/// Where the journal is, beside the drives' contents.
const FOLDER: &str = "everlink-revoked";

/// A link that was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedLink {
    /// The item's id.
    pub item: String,
    pub link: Uuid,
    pub at: Timestamp,
}

impl Content {
    /// Adds links to the journal, all in one piece: a line of JSON each.
    pub async fn journal(&self, links: &[RevokedLink], now: Timestamp) -> Result<()> {
        let mut text = String::new();
        for link in links {
            text.push_str(&serde_json::to_string(link).map_err(Error::internal)?);
            text.push('\n');
        }
        // By time, so that a look at the names tells which are older than a backup.
        let time = now.to_rfc3339_opts(SecondsFormat::Micros, true).replace(':', "");
        let random = Uuid::from_bytes(random_bytes()).simple();
        let path = ObjectPath::from(format!("{}/{FOLDER}/{time}-{random}.jsonl", self.prefix));
        self.store.put(&path, PutPayload::from(Bytes::from(text))).await.map_err(failed)?;
        Ok(())
    }

    /// All links that the journal has.
    pub async fn read_journal(&self) -> Result<Vec<RevokedLink>> {
        let folder = ObjectPath::from(format!("{}/{FOLDER}", self.prefix));
        let pieces: Vec<_> = self.store.list(Some(&folder)).map_err(failed).try_collect().await?;
        let mut links = Vec::new();
        for piece in pieces {
            let got = self.store.get(&piece.location).await.map_err(failed)?;
            let text = got.bytes().await.map_err(failed)?;
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                // A line that can't be read is no reason to leave out the others.
                match serde_json::from_slice(line) {
                    Ok(link) => links.push(link),
                    Err(error) => tracing::warn!(%error, piece = %piece.location, "a line can't be read"),
                }
            }
        }
        Ok(links)
    }
}
