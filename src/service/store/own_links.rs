//! The links of a drive, as its owner looks through them.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::domain::item::Kind;
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::opens::OpensOfLink;
use crate::service::store::statement::{LONG_LIMIT, Tx, on};

/// What links are to have in common; nothing given: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnLinkFilter {
    /// Of the item's name or its folder's, as names are compared.
    pub text: Option<String>,
    pub link_type: Option<LinkType>,
    pub application: Option<String>,
    /// Made then or later.
    pub made_since: Option<Timestamp>,
    /// Made before.
    pub made_until: Option<Timestamp>,
    /// Opened, and not since then.
    pub last_opened_before: Option<Timestamp>,
    /// Never opened at all.
    pub never_opened: bool,
}

/// How many links a drive has, and how many of them were not opened.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub struct LinkCounts {
    pub all: i64,
    pub never_opened: i64,
    pub not_this_year: i64,
}

#[derive(FromRow)]
struct OwnLinkRow {
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
    #[sqlx(flatten)]
    opens: OpensOfLink,
}

impl Tx {
    /// Links of live items, the newest first, without those that so many are before; `limit` at most.
    pub async fn own_links(
        &mut self,
        drive: DriveId,
        filter: &OwnLinkFilter,
        before: i64,
        limit: i64,
    ) -> Result<Vec<(Link, OpensOfLink)>> {
        let escaped = |text: &String| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let rows: Vec<OwnLinkRow> = on!(self, LONG_LIMIT, |connection| {
            sqlx::query_as(
            "SELECT l.drive_id, l.item_no, i.name, i.kind, l.type, l.scope, l.link_id, l.key_epoch, l.created_at,
                    a.app_id, a.display_name, CAST(coalesce(o.views, 0) AS bigint) AS views,
                    CAST(coalesce(o.downloads, 0) AS bigint) AS downloads, CAST(0 AS bigint) AS recent, o.last_opened_at
             FROM links l
             JOIN items i ON i.drive_id = l.drive_id + 0 AND i.item_no = l.item_no
             JOIN applications a ON a.app_no = l.app_no
             LEFT JOIN items p ON p.drive_id = i.drive_id AND p.item_no = i.parent_no AND p.parent_no IS NOT NULL
             LEFT JOIN (SELECT link_id, sum(views) AS views, sum(downloads) AS downloads,
                               max(last_opened_at) AS last_opened_at
                        FROM link_opens WHERE drive_id = $1 GROUP BY link_id) o ON o.link_id = l.link_id
             WHERE l.drive_id = $1 AND i.deleted_at IS NULL
               AND (CAST($2 AS text) IS NULL OR i.name_key LIKE $2 ESCAPE '\\' OR p.name_key LIKE $2 ESCAPE '\\')
               AND (CAST($3 AS text) IS NULL OR l.type = $3)
               AND (CAST($4 AS text) IS NULL OR a.app_id = $4)
               AND (CAST($5 AS timestamptz) IS NULL OR l.created_at >= $5)
               AND (CAST($6 AS timestamptz) IS NULL OR l.created_at < $6)
               AND (CAST($7 AS timestamptz) IS NULL OR o.last_opened_at < $7)
               AND ($8 = false OR o.last_opened_at IS NULL)
             ORDER BY l.created_at DESC, l.link_id LIMIT $9 OFFSET $10"
        )
        .bind(drive)
        .bind(filter.text.as_ref().map(|text| format!("%{}%", escaped(text))))
        .bind(filter.link_type)
        .bind(&filter.application)
        .bind(filter.made_since)
        .bind(filter.made_until)
        .bind(filter.last_opened_before)
        .bind(filter.never_opened)
        .bind(limit)
        .bind(before)
        .fetch_all(connection)
        })?;
        Ok(rows.into_iter().map(OwnLinkRow::into_link).collect())
    }

    /// How many links of live items a drive has, and how many of them nobody opened, ever and since a time.
    pub async fn count_own_links(&mut self, drive: DriveId, since: Timestamp) -> Result<LinkCounts> {
        on!(self, LONG_LIMIT, |connection| sqlx::query_as(
            "SELECT count(*) AS \"all\",
                    count(*) FILTER (WHERE o.last_opened_at IS NULL) AS never_opened,
                    count(*) FILTER (WHERE o.last_opened_at < $2) AS not_this_year
             FROM links l
             JOIN items i ON i.drive_id = l.drive_id + 0 AND i.item_no = l.item_no
             LEFT JOIN (SELECT link_id, max(last_opened_at) AS last_opened_at
                        FROM link_opens WHERE drive_id = $1 GROUP BY link_id) o ON o.link_id = l.link_id
             WHERE l.drive_id = $1 AND i.deleted_at IS NULL"
        )
        .bind(drive)
        .bind(since)
        .fetch_one(connection))
    }

    /// How many links of live items a drive has, counted up to `most`: each page shows it.
    pub async fn count_links_of(&mut self, drive: DriveId, most: i64) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT count(*) FROM (
                 SELECT 1 FROM links l JOIN items i ON i.drive_id = l.drive_id + 0 AND i.item_no = l.item_no
                 WHERE l.drive_id = $1 AND i.deleted_at IS NULL LIMIT $2) counted"
        )
        .bind(drive)
        .bind(most)
        .fetch_one(connection))
    }

    /// Ids and names of the applications that have links in a drive.
    pub async fn applications_of(&mut self, drive: DriveId) -> Result<Vec<(String, Option<String>)>> {
        on!(self, LONG_LIMIT, |connection| {
            sqlx::query_as(
            "SELECT a.app_id, a.display_name FROM applications a
             WHERE EXISTS (SELECT 1 FROM links l WHERE l.drive_id = $1 AND l.app_no = a.app_no) ORDER BY a.app_id"
        )
        .bind(drive)
        .fetch_all(connection)
        })
    }

    /// How many links each of some items has itself; those that have none are left out.
    pub async fn count_links_on(&mut self, drive: DriveId, items: &[i64]) -> Result<Vec<(i64, i64)>> {
        crate::service::store::statement::fetch_for_items!(
            self,
            drive,
            items,
            "SELECT item_no, count(*) FROM links WHERE (drive_id, item_no) IN (ASKED) GROUP BY item_no"
        )
    }
}

impl OwnLinkRow {
    fn into_link(self) -> (Link, OpensOfLink) {
        let link = Link {
            id: self.link_id,
            item: self.item,
            item_name: self.name,
            item_kind: self.kind,
            link_type: self.r#type,
            scope: self.scope,
            // As everywhere: the column's check keeps it within 1 to 255.
            key_epoch: u8::try_from(self.key_epoch).unwrap_or(0),
            application: Application { id: self.app_id, name: self.display_name },
            created_at: self.created_at,
        };
        (link, self.opens)
    }
}
