//! How drives stand: the numbers of their next changes, which prove what is kept of them, asked for many at a time.

use std::sync::Arc;

use sqlx::query::QueryAs;
use sqlx::{Database, FromRow, Postgres};

use crate::domain::ids::{DriveId, ItemId};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::asked::{At, Tables, in_place, json_text};
use crate::service::store::known::{Era, Lineage};
use crate::service::store::own_connection::WHICH_RUN;
use crate::service::store::queue::Statement;
use crate::service::store::repeating::Repeatable;
use crate::service::store::statement::{STATEMENT_LIMIT, Tx, TxConnection, within_step};

/// How a drive stands, and how far an item of it is shared: links come to be without a change of the drive.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub lineage: Lineage,
    pub change: i64,
    pub shared: Option<LinkScope>,
}

/// None of a drive that is not there.
pub(super) struct AskStandings(pub Tables);

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

impl Repeatable for AskStandings {
    fn tables(&mut self) -> &mut Tables {
        &mut self.0
    }

    fn is_small(_: &Self::Question, _: &Self::Answer) -> bool {
        true
    }
}

impl Statement for AskStandings {
    type Question = ItemId;
    type Answer = Option<Standing>;

    async fn ask(&mut self, questions: &[ItemId]) -> Result<Vec<Option<Standing>>> {
        let lineage = self.0.lineage().await?;
        let database = &mut self.0.database;
        let arrays = || {
            sqlx::query_as(ON_POSTGRES)
                .bind(questions.iter().map(|item| item.drive).collect::<Vec<DriveId>>())
                .bind(questions.iter().map(|item| item.number).collect::<Vec<i64>>())
        };
        let text = || {
            let each = questions.iter().map(|item| (item.drive.to_i64(), item.number));
            sqlx::query_as(ON_SQLITE).bind(json_text(each))
        };
        let rows: Vec<At<StandingRow>> = database.fetch_all(arrays, text).await?;
        let standing = |row: StandingRow| Standing { lineage, change: row.next_change, shared: row.shared };
        Ok(in_place(questions.len(), rows).into_iter().map(|row| row.map(standing)).collect())
    }
}

/// Items that a page shows, all of one drive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageItems {
    pub drive: DriveId,
    pub numbers: Arc<[i64]>,
}

/// Items of a page about which an answer is repeated, at most.
const REPEATED: usize = 256;

/// How the drive of a page's items stands, and how many links there are on these. While the drive stands as it did,
/// links only come: so where there are as many, they are the same.
#[derive(Clone, Copy, Debug)]
pub struct PageStanding {
    pub lineage: Lineage,
    pub change: i64,
    pub links: i64,
}

/// None of a drive that is not there.
pub(super) struct AskPages(pub Tables);

#[derive(FromRow)]
struct PageRow {
    next_change: i64,
    links: i64,
}

/// An item of number 0 stands for each page, so that one without items has a row, too.
const PAGES: &str = ",
    counted (place, drive_id, links) AS (
        SELECT q.place, q.drive_id, count(l.item_no)
        FROM q LEFT JOIN links l ON l.drive_id = q.drive_id AND l.item_no = q.item_no
        GROUP BY q.place, q.drive_id
    )
    SELECT c.place, n.next_change, c.links FROM counted c JOIN counters n ON n.drive_id = c.drive_id";
const PAGES_ON_POSTGRES: &str = const_format::concatcp!(
    "WITH q (place, drive_id, item_no) AS (
         SELECT u.place, u.drive_id, u.item_no
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (place, drive_id, item_no)
     )",
    PAGES
);
const PAGES_ON_SQLITE: &str = const_format::concatcp!(
    "WITH q (place, drive_id, item_no) AS (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1))",
    PAGES
);

/// Place, drive and number of each item of some pages.
fn items_of(pages: &[PageItems]) -> impl Iterator<Item = (i64, DriveId, i64)> + Clone {
    pages.iter().enumerate().flat_map(|(place, page)| {
        let numbers = std::iter::once(0).chain(page.numbers.iter().copied());
        numbers.map(move |number| (place as i64, page.drive, number))
    })
}

fn pages_text(pages: &[PageItems]) -> String {
    json_text(items_of(pages).map(|(place, drive, number)| (place, drive.to_i64(), number)))
}

fn pages_on_postgres(
    pages: &[PageItems],
) -> QueryAs<'static, Postgres, At<PageRow>, <Postgres as Database>::Arguments> {
    sqlx::query_as(PAGES_ON_POSTGRES)
        .bind(items_of(pages).map(|(place, ..)| place).collect::<Vec<i64>>())
        .bind(items_of(pages).map(|(_, drive, _)| drive).collect::<Vec<DriveId>>())
        .bind(items_of(pages).map(|(.., number)| number).collect::<Vec<i64>>())
}

impl Repeatable for AskPages {
    fn tables(&mut self) -> &mut Tables {
        &mut self.0
    }

    fn is_small(page: &Self::Question, _: &Self::Answer) -> bool {
        page.numbers.len() <= REPEATED
    }
}

impl Statement for AskPages {
    type Question = PageItems;
    type Answer = Option<PageStanding>;

    async fn ask(&mut self, questions: &[PageItems]) -> Result<Vec<Option<PageStanding>>> {
        let lineage = self.0.lineage().await?;
        let database = &mut self.0.database;
        let text = || sqlx::query_as(PAGES_ON_SQLITE).bind(pages_text(questions));
        let rows: Vec<At<PageRow>> = database.fetch_all(|| pages_on_postgres(questions), text).await?;
        let standing = |row: PageRow| PageStanding { lineage, change: row.next_change, links: row.links };
        Ok(in_place(questions.len(), rows).into_iter().map(|row| row.map(standing)).collect())
    }
}

impl Tx {
    /// How many links there are on a page's items; none where there is no such drive.
    pub async fn count_links_on_page(&mut self, page: PageItems) -> Result<Option<i64>> {
        let page = [page];
        let rows: Vec<At<PageRow>> = match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let query = pages_on_postgres(&page);
                within_step(self.step, STATEMENT_LIMIT, query.fetch_all(&mut **tx)).await?
            }
            TxConnection::Sqlite(tx) => {
                let query = sqlx::query_as(PAGES_ON_SQLITE).bind(pages_text(&page));
                within_step(self.step, STATEMENT_LIMIT, query.fetch_all(&mut **tx)).await?
            }
        };
        Ok(in_place(1, rows).into_iter().flatten().next().map(|row| row.links))
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
