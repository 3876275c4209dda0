//! Sharing links: statements about one, or about those that reach an item. What many ask at a time is in `opening`,
//! `finding` and `making`, lists for those who answer for the installation in `all_links`.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::domain::item::Kind;
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::audit::LinkEnd;
use crate::service::store::statement::{Tx, execute, on};

#[derive(FromRow)]
struct LinkRow {
    #[sqlx(flatten)]
    item: ItemId,
    name: String,
    kind: Kind,
    r#type: LinkType,
    scope: LinkScope,
    link_id: LinkId,
    key_epoch: i16,
    created_at: Timestamp,
    app_id: String,
    display_name: Option<String>,
}

impl From<LinkRow> for Link {
    fn from(row: LinkRow) -> Self {
        Self {
            id: row.link_id,
            item: row.item,
            item_name: row.name,
            item_kind: row.kind,
            link_type: row.r#type,
            scope: row.scope,
            // The column's check keeps it within 1 to 255; 0 is in no ring.
            key_epoch: u8::try_from(row.key_epoch).unwrap_or(0),
            application: Application { id: row.app_id, name: row.display_name },
            created_at: row.created_at,
        }
    }
}

impl Tx {
    /// The type of a link, if it is there and its item is live.
    pub async fn link_type(&mut self, link: LinkAt) -> Result<Option<LinkType>> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT l.type FROM links l JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
             WHERE l.drive_id = $1 AND l.item_no = $2 AND l.link_id = $3 AND i.deleted_at IS NULL"
        )
        .bind(link.item.drive)
        .bind(link.item.number)
        .bind(link.link)
        .fetch_optional(connection))
    }

    /// The links on an item and on the folders above it, the nearest first.
    pub async fn links_reaching(&mut self, id: ItemId) -> Result<Vec<Link>> {
        let rows: Vec<LinkRow> = on!(self, |connection| {
            sqlx::query_as(
            "WITH RECURSIVE up (drive_id, item_no, parent_no, name, kind, depth) AS (
                 SELECT drive_id, item_no, parent_no, name, kind, 0 FROM items WHERE drive_id = $1 AND item_no = $2
                 UNION ALL
                 SELECT p.drive_id, p.item_no, p.parent_no, p.name, p.kind, up.depth + 1
                 FROM up LEFT JOIN items p ON p.drive_id = up.drive_id AND p.item_no = up.parent_no
                 WHERE up.parent_no IS NOT NULL
             )
             SELECT l.drive_id, l.item_no, i.name, i.kind, l.type, l.scope, l.link_id, l.key_epoch, l.created_at,
                    a.app_id, a.display_name
             FROM up i CROSS JOIN links l JOIN applications a ON a.app_no = l.app_no
             WHERE l.drive_id = i.drive_id AND l.item_no = i.item_no
             ORDER BY i.depth, l.created_at, l.link_id"
        )
        .bind(id.drive)
        .bind(id.number)
        .fetch_all(connection)
        })?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// Ends a link for good, and gives what kind of link it was. None where there is none, not any more.
    pub async fn revoke_link(
        &mut self,
        link: LinkAt,
        actor: Option<&str>,
        actor_app_no: Option<i32>,
        at: Timestamp,
    ) -> Result<Option<(LinkType, LinkScope)>> {
        // The drive's number first, as whoever deletes an item with its links does: so nobody waits crosswise.
        execute!(
            self,
            sqlx::query("UPDATE counters SET next_change = next_change + 1 WHERE drive_id = $1")
                .bind(link.item.drive)
        )?;
        let deleted: Option<(i32, LinkType, LinkScope)> = on!(self, |connection| sqlx::query_as(
            "DELETE FROM links WHERE drive_id = $1 AND item_no = $2 AND link_id = $3
             RETURNING app_no, type, scope"
        )
        .bind(link.item.drive)
        .bind(link.item.number)
        .bind(link.link)
        .fetch_optional(connection))?;
        let Some((app_no, link_type, scope)) = deleted else { return Ok(None) };
        self.record_end(LinkEnd { link, app_no, link_type, scope, actor, actor_app_no, at }).await?;
        Ok(Some((link_type, scope)))
    }
}
