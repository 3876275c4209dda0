//! Links as those see them who answer for the installation: of all drives, by what they have in common.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::Store;
use crate::service::store::statement::{Tx, on_many};

/// What links are to have in common; nothing given: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFilter {
    pub item: Option<ItemId>,
    pub application: Option<String>,
    /// The owner of the drive.
    pub owner: Option<String>,
    pub tenant: Option<String>,
    pub link_type: Option<LinkType>,
    pub scope: Option<LinkScope>,
    pub key_epoch: Option<u8>,
    pub link: Option<LinkId>,
    /// Made then or later.
    pub since: Option<Timestamp>,
    /// Made before.
    pub until: Option<Timestamp>,
}

/// A link, and where it is.
#[derive(Clone, Debug, FromRow)]
pub struct PlacedLink {
    #[sqlx(flatten)]
    pub item: ItemId,
    pub link_id: LinkId,
    pub tenant: String,
    pub owner: String,
    pub path: String,
    pub r#type: LinkType,
    pub scope: LinkScope,
    pub app_id: String,
    pub created_by: Option<String>,
    pub created_at: Timestamp,
    pub key_epoch: i16,
    pub views: i64,
    pub downloads: i64,
    pub last_opened_at: Option<Timestamp>,
}

impl PlacedLink {
    pub fn at(&self) -> LinkAt {
        LinkAt { item: self.item, link: self.link_id }
    }
}

/// Links that are looked up in one go. One transaction revokes them, so that none holds others up for long.
pub const LINKS_AT_ONCE: i64 = 500;

impl Store {
    /// Ends links; gives how many of them were still there.
    pub async fn revoke_links(&self, links: &[PlacedLink], actor: &str, now: Timestamp) -> Result<usize> {
        self.write("revoke_links", async |tx| {
            let mut revoked = 0;
            for link in links {
                let ended = tx.revoke_link(link.at(), Some(actor), None, now).await?;
                revoked += usize::from(ended.is_some());
            }
            Ok(revoked)
        })
        .await
    }
}

impl Tx {
    pub async fn count_links(&mut self) -> Result<i64> {
        on_many!(self, |connection| sqlx::query_scalar("SELECT count(*) FROM links").fetch_one(connection))
    }

    /// Those that come after a link, in the order of their drives, items and ids.
    pub async fn find_links(
        &mut self,
        filter: &LinkFilter,
        after: Option<LinkAt>,
    ) -> Result<Vec<PlacedLink>> {
        let (drive, item, link) = match after {
            Some(at) => (at.item.drive.to_i64(), at.item.number, at.link),
            None => (i64::MIN, 0, LinkId::from_bytes([0; 16])),
        };
        on_many!(self, |connection| sqlx::query_as(
            "SELECT drive_id, item_no, link_id, tenant, owner, path, type, scope, app_id, created_by,
                    created_at, key_epoch, views, downloads, last_opened_at
             FROM admin_links
             WHERE (CAST($1 AS bigint) IS NULL OR drive_id = $1)
               AND (CAST($2 AS bigint) IS NULL OR item_no = $2)
               AND (CAST($3 AS text) IS NULL OR app_id = $3)
               AND (CAST($4 AS text) IS NULL OR owner = $4)
               AND (CAST($5 AS text) IS NULL OR type = $5)
               AND (CAST($6 AS text) IS NULL OR scope = $6)
               AND (CAST($7 AS smallint) IS NULL OR key_epoch = $7)
               AND (CAST($8 AS text) IS NULL OR tenant = $8)
               AND (CAST($9 AS uuid) IS NULL OR link_id = $9)
               AND (CAST($10 AS timestamptz) IS NULL OR created_at >= $10)
               AND (CAST($11 AS timestamptz) IS NULL OR created_at < $11)
               AND (drive_id, item_no) >= ($12, $13) AND (drive_id, item_no, link_id) > ($12, $13, $14)
             ORDER BY drive_id, item_no, link_id LIMIT $15"
        )
        .bind(filter.item.map(|item| item.drive))
        .bind(filter.item.map(|item| item.number))
        .bind(&filter.application)
        .bind(&filter.owner)
        .bind(filter.link_type)
        .bind(filter.scope)
        .bind(filter.key_epoch.map(i16::from))
        .bind(&filter.tenant)
        .bind(filter.link)
        .bind(filter.since)
        .bind(filter.until)
        .bind(drive)
        .bind(item)
        .bind(link)
        .bind(LINKS_AT_ONCE)
        .fetch_all(connection))
    }
}
