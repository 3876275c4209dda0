//! How often links were opened.

use chrono::NaiveDate;
use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::error::Result;
use crate::service::store::asked::{json_text, sqlite_time};
use crate::service::store::statement::{STATEMENT_LIMIT, Tx, TxConnection, on, within_step};

/// What a link was opened on a day.
#[derive(Clone, Copy, Debug)]
pub struct DayOfLink {
    pub drive: DriveId,
    pub link: LinkId,
    pub day: NaiveDate,
    pub views: i64,
    pub downloads: i64,
    pub last_opened_at: Timestamp,
}

/// What a link was opened altogether, and of that in the last days.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub struct OpensOfLink {
    pub views: i64,
    pub downloads: i64,
    pub recent: i64,
    pub last_opened_at: Option<Timestamp>,
}

impl Tx {
    /// Adds to what is there already. Sorted by their keys, so that servers don't wait for each other in a circle.
    pub async fn add_opens(&mut self, days: &[DayOfLink]) -> Result<()> {
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let each = || days.iter();
                let query = sqlx::query(
                    "INSERT INTO link_opens (drive_id, link_id, day, views, downloads, last_opened_at)
                     SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::date[], $4::bigint[], $5::bigint[],
                                          $6::timestamptz[])
                     ON CONFLICT (drive_id, link_id, day) DO UPDATE SET
                         views = link_opens.views + excluded.views,
                         downloads = link_opens.downloads + excluded.downloads,
                         last_opened_at = greatest(link_opens.last_opened_at, excluded.last_opened_at)",
                )
                .bind(each().map(|day| day.drive.to_i64()).collect::<Vec<_>>())
                .bind(each().map(|day| uuid::Uuid::from_bytes(day.link.to_bytes())).collect::<Vec<_>>())
                .bind(each().map(|day| day.day).collect::<Vec<_>>())
                .bind(each().map(|day| day.views).collect::<Vec<_>>())
                .bind(each().map(|day| day.downloads).collect::<Vec<_>>())
                .bind(each().map(|day| day.last_opened_at).collect::<Vec<_>>());
                within_step(self.step, STATEMENT_LIMIT, query.execute(&mut **tx)).await?;
            }
            TxConnection::Sqlite(tx) => {
                let text = json_text(days.iter().map(|day| {
                    let last_opened_at = sqlite_time(day.last_opened_at);
                    (day.drive.to_i64(), day.link.to_hex(), day.day, day.views, day.downloads, last_opened_at)
                }));
                let query = sqlx::query(
                    "INSERT INTO link_opens (drive_id, link_id, day, views, downloads, last_opened_at)
                     SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5
                     FROM json_each($1) WHERE true
                     ON CONFLICT (drive_id, link_id, day) DO UPDATE SET
                         views = views + excluded.views,
                         downloads = downloads + excluded.downloads,
                         last_opened_at = max(last_opened_at, excluded.last_opened_at)",
                )
                .bind(text);
                within_step(self.step, STATEMENT_LIMIT, query.execute(&mut **tx)).await?;
            }
        }
        Ok(())
    }

    /// What a link was opened, and of that since a day.
    pub async fn opens_of_link(
        &mut self,
        drive: DriveId,
        link: LinkId,
        since: NaiveDate,
    ) -> Result<OpensOfLink> {
        on!(self, |connection| {
            sqlx::query_as(
            "SELECT CAST(coalesce(sum(views), 0) AS bigint) AS views,
                    CAST(coalesce(sum(downloads), 0) AS bigint) AS downloads,
                    CAST(coalesce(sum(CASE WHEN day >= $3 THEN views + downloads ELSE 0 END), 0) AS bigint) AS recent,
                    max(last_opened_at) AS last_opened_at
             FROM link_opens WHERE drive_id = $1 AND link_id = $2"
        )
        .bind(drive)
        .bind(link)
        .bind(since)
        .fetch_one(connection)
        })
    }

    /// How often the links on an item itself were opened, all that are live; and of that since a day.
    pub async fn opens_of_item(&mut self, item: ItemId, since: NaiveDate) -> Result<(i64, i64)> {
        on!(self, |connection| {
            sqlx::query_as(
            "SELECT CAST(coalesce(sum(o.views + o.downloads), 0) AS bigint),
                    CAST(coalesce(sum(CASE WHEN o.day >= $3 THEN o.views + o.downloads ELSE 0 END), 0) AS bigint)
             FROM links l CROSS JOIN link_opens o
             WHERE l.drive_id = $1 AND l.item_no = $2 AND o.drive_id = l.drive_id + 0 AND o.link_id = l.link_id"
        )
        .bind(item.drive)
        .bind(item.number)
        .bind(since)
        .fetch_one(connection)
        })
    }
}
