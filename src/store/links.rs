//! Sharing links.

use std::sync::Arc;

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::authkey::ProvenLink;
use crate::domain::identity::{Application, Caller};
use crate::domain::item::{Item, ItemId, Kind};
use crate::domain::link::{Link, LinkId, LinkScope, LinkType};
use crate::error::Result;
use crate::store::audit::{LinkAction, LinkEvent};
use crate::store::{Store, Tx, execute, on};

/// The columns of [`LinkRow`], and more. `l` is the link, `i` its item, `a` the application that made it.
macro_rules! select_links {
    ($columns:literal, $from:literal) => {
        concat!(
            "SELECT l.drive_id, l.item_no, i.name, i.kind, l.type, l.scope, l.link_id, l.key_epoch, l.created_at,
                    a.app_id, a.display_name",
            $columns,
            " ",
            $from
        )
    };
}

/// Inserts a link where the item is live, may be shared so, and is the caller's.
macro_rules! insert_link {
    ($on_conflict:literal) => {
        concat!(
            "INSERT INTO links (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at)
             SELECT i.drive_id, i.item_no, $3, $4, $5, $6, $7, $8, $9
             FROM items i JOIN drives d ON d.drive_id = i.drive_id
             WHERE i.drive_id = $1 AND i.item_no = $2 AND i.deleted_at IS NULL AND i.parent_no IS NOT NULL
               AND (i.kind = 'file' OR $4 <> 'embed')
               AND d.tenant = $10 AND d.owner = coalesce($8, d.owner)
             ON CONFLICT (drive_id, item_no, app_no, type) ",
            $on_conflict
        )
    };
}

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

/// A link that is to be made if the item has none of its application and type.
#[derive(Clone, Debug)]
pub struct NewLink {
    pub item: ItemId,
    pub app_no: i32,
    pub link_type: LinkType,
    pub scope: LinkScope,
    pub id: LinkId,
    pub key_epoch: u8,
    pub caller: Arc<Caller>,
    pub at: Timestamp,
}

/// What a link opens, at the moment it was asked for.
#[derive(Clone, Debug)]
pub struct OpenedLink {
    pub link: Arc<Link>,
    pub item: Arc<Item>,
}

impl Store {
    /// What a link opens now. None where the link is revoked or its item not live.
    pub async fn open_link(&self, proven: ProvenLink) -> Result<Option<OpenedLink>> {
        self.opening.ask(proven).await
    }

    /// The one link of an item, an application and a type, made here if need be; true where it was.
    /// None where the item is not there, not the caller's, or not one that such a link can be on; or where
    /// links that others made and revoked in the meantime were in the way.
    pub async fn create_link(&self, new: NewLink) -> Result<Option<(Link, bool)>> {
        let mut link = self.finding.ask(new.clone()).await?;
        if link.is_none() {
            link = self.making.ask(new.clone()).await?;
        }
        if link.is_none() {
            // Another request's link was in the way; or there can be none.
            link = self.finding.ask(new.clone()).await?;
        }
        match link {
            // A batch that was asked again after a failure may find that it had succeeded.
            Some(link) => {
                let created = link.id == new.id;
                Ok(Some((link, created)))
            }
            None => Ok(None),
        }
    }

    /// The same in a transaction of its own, for the few whose batches others were always in the way of.
    pub async fn create_link_alone(&self, new: &NewLink) -> Result<Option<(Link, bool)>> {
        self.write(async |tx| tx.create_link(new).await).await
    }
}

impl Tx {
    /// The link of an item, an application and a type, if the caller manages the item and the item
    /// is live.
    async fn link_of(&mut self, wanted: &NewLink) -> Result<Option<Link>> {
        let row: Option<LinkRow> = on!(self, |connection| sqlx::query_as(select_links!(
            "",
            "FROM links l
             JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
             JOIN drives d ON d.drive_id = l.drive_id
             JOIN applications a ON a.app_no = l.app_no
             WHERE l.drive_id = $1 AND l.item_no = $2 AND l.app_no = $3 AND l.type = $4
               AND i.deleted_at IS NULL AND d.tenant = $5 AND d.owner = coalesce($6, d.owner)"
        ))
        .bind(wanted.item.drive)
        .bind(wanted.item.number)
        .bind(wanted.app_no)
        .bind(wanted.link_type)
        .bind(&wanted.caller.tenant)
        .bind(wanted.caller.user_id())
        .fetch_optional(connection))?;
        Ok(row.map(Link::from))
    }

    /// The one link of an item, an application and a type, made here if need be; true where it was.
    /// None where the item is not there, not the caller's, or not one that such a link can be on.
    ///
    /// The steps are what races allow. An insert that finds a row does nothing, for a write would
    /// cost every repeat; but then the row it found may be deleted before it is read, so at last the
    /// insert takes hold of the row it meets. (One statement that inserts or else reads sees neither
    /// the row that beat it nor its own.)
    async fn create_link(&mut self, new: &NewLink) -> Result<Option<(Link, bool)>> {
        self.insert_link(insert_link!("DO NOTHING"), new).await?;
        let mut link = self.link_of(new).await?;
        if link.is_none()
            && self.insert_link(insert_link!("DO UPDATE SET created_at = links.created_at"), new).await?
        {
            link = self.link_of(new).await?;
        }
        let Some(link) = link else { return Ok(None) };
        let created = link.id == new.id;
        if created {
            self.record(LinkEvent {
                link: new.id,
                item: new.item,
                app_no: new.app_no,
                link_type: new.link_type,
                scope: new.scope,
                action: LinkAction::Created,
                actor: new.caller.user_id(),
                actor_app_no: Some(new.app_no),
                at: new.at,
            })
            .await?;
        }
        Ok(Some((link, created)))
    }

    async fn insert_link(&mut self, statement: &'static str, new: &NewLink) -> Result<bool> {
        let inserted = execute!(
            self,
            sqlx::query(statement)
                .bind(new.item.drive)
                .bind(new.item.number)
                .bind(new.app_no)
                .bind(new.link_type)
                .bind(new.scope)
                .bind(new.id)
                .bind(i16::from(new.key_epoch))
                .bind(new.caller.user_id())
                .bind(new.at)
                .bind(&new.caller.tenant)
        );
        inserted.map(|rows| rows == 1)
    }

    /// The type of a link, if it is there and its item is live.
    pub async fn link_type(&mut self, item: ItemId, link: LinkId) -> Result<Option<LinkType>> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT l.type FROM links l JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
             WHERE l.drive_id = $1 AND l.item_no = $2 AND l.link_id = $3 AND i.deleted_at IS NULL"
        )
        .bind(item.drive)
        .bind(item.number)
        .bind(link)
        .fetch_optional(connection))
    }

    /// The links on an item and on the folders above it, the nearest first.
    pub async fn links_reaching(&mut self, id: ItemId) -> Result<Vec<Link>> {
        let rows: Vec<LinkRow> = on!(self, |connection| sqlx::query_as(concat!(
            "WITH RECURSIVE up (item_no, parent_no, name, kind, depth) AS (
                 SELECT item_no, parent_no, name, kind, 0 FROM items WHERE drive_id = $1 AND item_no = $2
                 UNION ALL
                 SELECT p.item_no, p.parent_no, p.name, p.kind, up.depth + 1
                 FROM up LEFT JOIN items p ON p.drive_id = $1 AND p.item_no = up.parent_no
                 WHERE up.parent_no IS NOT NULL
             ) ",
            select_links!(
                "",
                "FROM up i
                 CROSS JOIN links l
                 JOIN applications a ON a.app_no = l.app_no
                 WHERE l.drive_id = $1 AND l.item_no = i.item_no
                 ORDER BY i.depth, l.created_at, l.link_id"
            )
        ))
        .bind(id.drive)
        .bind(id.number)
        .fetch_all(connection))?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// Ends a link for good, and gives what kind of link it was. None where there is none, not any more.
    pub async fn revoke_link(
        &mut self,
        item: ItemId,
        link: LinkId,
        actor: Option<&str>,
        actor_app_no: Option<i32>,
        now: Timestamp,
    ) -> Result<Option<(LinkType, LinkScope)>> {
        let deleted: Option<(i32, LinkType, LinkScope)> = on!(self, |connection| {
            sqlx::query_as(
            "DELETE FROM links WHERE drive_id = $1 AND item_no = $2 AND link_id = $3 RETURNING app_no, type, scope"
        )
        .bind(item.drive)
        .bind(item.number)
        .bind(link)
        .fetch_optional(connection)
        })?;
        let Some((app_no, link_type, scope)) = deleted else { return Ok(None) };
        let action = LinkAction::Revoked;
        self.record(LinkEvent { link, item, app_no, link_type, scope, action, actor, actor_app_no, at: now })
            .await?;
        Ok(Some((link_type, scope)))
    }
}
