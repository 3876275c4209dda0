//! How drives stand: the numbers of their next changes, which prove what is kept of them, asked for many at a time.

use std::sync::Arc;

use sqlx::FromRow;

use crate::domain::ids::{DriveId, ItemId};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::connect::begin;
use crate::service::store::known::{Era, Lineage};
use crate::service::store::links::{At, LinkTables, in_place, json_text};
use crate::service::store::own_connection::{OwnDatabase, WHICH_RUN};
use crate::service::store::queue::Statement;
use crate::service::store::statement::{STATEMENT_LIMIT, Tx, TxConnection, within_limit, within_step};

/// How a drive stands, and how far an item of it is shared: links come to be without a change of the drive.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub lineage: Lineage,
    pub change: i64,
    pub shared: Option<LinkScope>,
}

/// None of a drive that is not there.
pub(super) struct AskStandings(pub LinkTables);

#[derive(FromRow)]
struct StandingRow {
    next_change: i64,
    shared: Option<LinkScope>,
}

const STANDINGS: &str = "
    SELECT q.place, n.next_change,
           (SELECT min(s.scope) FROM links s WHERE s.drive_id = q.drive_id AND s.item_no = q.item_no) AS shared
    FROM q JOIN counters n ON n.drive_id = q.drive_id";
const ON_POSTGRES: &str = const_format::concatcp!(
    "WITH q (place, drive_id, item_no) AS (
         SELECT u.place - 1, u.drive_id, u.item_no
         FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS u (drive_id, item_no, place)
     )",
    STANDINGS
);
const ON_SQLITE: &str = const_format::concatcp!(
    "WITH q (place, drive_id, item_no) AS (SELECT key, value ->> 0, value ->> 1 FROM json_each($1))",
    STANDINGS
);

impl Statement for AskStandings {
    type Question = ItemId;
    type Answer = Option<Standing>;

    async fn ask(&mut self, questions: &[ItemId]) -> Result<Vec<Option<Standing>>> {
        let LinkTables { database, known, .. } = &mut self.0;
        let lineage = known.lineage(database.connect().await?);
        let rows: Vec<At<StandingRow>> = match database {
            OwnDatabase::Postgres(connection) => {
                let query = sqlx::query_as(ON_POSTGRES)
                    .bind(questions.iter().map(|item| item.drive).collect::<Vec<DriveId>>())
                    .bind(questions.iter().map(|item| item.number).collect::<Vec<i64>>());
                connection.fetch_all(query).await?
            }
            OwnDatabase::Sqlite { readers, .. } => {
                let mut reader = begin(readers.acquire()).await?;
                let each = questions.iter().map(|item| serde_json::json!([item.drive.to_i64(), item.number]));
                within_limit(sqlx::query_as(ON_SQLITE).bind(json_text(each)).fetch_all(&mut *reader)).await?
            }
        };
        let standing = |row: StandingRow| Standing { lineage, change: row.next_change, shared: row.shared };
        Ok(in_place(questions.len(), rows).into_iter().map(|row| row.map(standing)).collect())
    }
}

/// Items that a page shows, all of one drive.
#[derive(Clone, Debug)]
pub struct PageItems {
    pub drive: DriveId,
    pub numbers: Arc<[i64]>,
}

/// How the drive of a page's items stands, and how many links there are on these. While the drive stands as it did,
/// links only come: so where there are as many, they are the same.
#[derive(Clone, Copy, Debug)]
pub struct PageStanding {
    pub lineage: Lineage,
    pub change: i64,
    pub links: i64,
}

/// None of a drive that is not there. One statement each: there are many items in a question.
pub(super) struct AskPages(pub LinkTables);

#[derive(FromRow)]
struct PageRow {
    next_change: i64,
    links: i64,
}

const PAGE_ON_POSTGRES: &str = "
    SELECT n.next_change,
           (SELECT count(*) FROM unnest($2::bigint[]) AS u (item_no) CROSS JOIN links l
            WHERE l.drive_id = $1 AND l.item_no = u.item_no) AS links
    FROM counters n WHERE n.drive_id = $1";
const PAGE_ON_SQLITE: &str = "
    SELECT n.next_change,
           (SELECT count(*) FROM json_each($2) AS u CROSS JOIN links l
            WHERE l.drive_id = $1 AND l.item_no = u.value) AS links
    FROM counters n WHERE n.drive_id = $1";

impl Statement for AskPages {
    type Question = PageItems;
    type Answer = Option<PageStanding>;

    async fn ask(&mut self, questions: &[PageItems]) -> Result<Vec<Option<PageStanding>>> {
        let LinkTables { database, known, .. } = &mut self.0;
        let mut answers = Vec::with_capacity(questions.len());
        for PageItems { drive, numbers } in questions {
            let lineage = known.lineage(database.connect().await?);
            let row: Option<PageRow> = match database {
                OwnDatabase::Postgres(connection) => {
                    let query = sqlx::query_as(PAGE_ON_POSTGRES).bind(drive).bind(&**numbers);
                    connection.fetch_all(query).await?.pop()
                }
                OwnDatabase::Sqlite { readers, .. } => {
                    let mut reader = begin(readers.acquire()).await?;
                    let numbers = json_text(numbers.iter().map(|number| (*number).into()));
                    let query = sqlx::query_as(PAGE_ON_SQLITE).bind(drive).bind(numbers);
                    within_limit(query.fetch_optional(&mut *reader)).await?
                }
            };
            answers.push(row.map(|PageRow { next_change, links }| PageStanding {
                lineage,
                change: next_change,
                links,
            }));
        }
        Ok(answers)
    }
}

impl Tx {
    /// How many links there are on some items of a drive.
    pub async fn count_links_on_page(&mut self, page: &PageItems) -> Result<i64> {
        let row: Option<PageRow> = match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let query = sqlx::query_as(PAGE_ON_POSTGRES).bind(page.drive).bind(&*page.numbers);
                within_step(self.step, STATEMENT_LIMIT, query.fetch_optional(&mut **tx)).await?
            }
            TxConnection::Sqlite(tx) => {
                let numbers = json_text(page.numbers.iter().map(|number| (*number).into()));
                let query = sqlx::query_as(PAGE_ON_SQLITE).bind(page.drive).bind(numbers);
                within_step(self.step, STATEMENT_LIMIT, query.fetch_optional(&mut **tx)).await?
            }
        };
        Ok(row.map_or(0, |row| row.links))
    }

    /// How a drive stands in this transaction: what is read in it may be kept. None of a drive that is not there. The
    /// era is that of before the transaction.
    pub async fn standing(&mut self, drive: DriveId, era: Era) -> Result<Option<(Lineage, i64)>> {
        const ON_POSTGRES: &str = const_format::concatcp!(
            "SELECT (",
            WHICH_RUN,
            "), next_change FROM counters WHERE drive_id = $1"
        );
        let row: Option<(i64, i64)> = match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let query = sqlx::query_as(ON_POSTGRES).bind(drive);
                within_step(self.step, STATEMENT_LIMIT, query.fetch_optional(&mut **tx)).await?
            }
            TxConnection::Sqlite(tx) => {
                let query =
                    sqlx::query_as("SELECT 0, next_change FROM counters WHERE drive_id = $1").bind(drive);
                within_step(self.step, STATEMENT_LIMIT, query.fetch_optional(&mut **tx)).await?
            }
        };
        Ok(row.map(|(database, change)| (Lineage { database, era }, change)))
    }
}
