//! Makes links, for many who ask at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use const_format::{concatcp, str_replace};
use serde_json::json;
use sqlx::{FromRow, SqlitePool};
use uuid::Uuid;

use crate::clock::{Timestamp, time_ordered_id};
use crate::domain::identity::Caller;
use crate::domain::ids::{ItemId, LinkId};
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::asked::{Tables, json_text, sqlite_time};
use crate::service::store::connect::{Pools, begin};
use crate::service::store::finding::{LinkFacts, links_of};
use crate::service::store::own_connection::OwnDatabase;
use crate::service::store::queue::Statement;
use crate::service::store::statement::within_limit;

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

/// What calls of createLink came to of late: more than 0 where most made a link, less where most found one.
#[derive(Debug, Default)]
pub(super) struct LatestLinks(AtomicI32);

impl LatestLinks {
    /// How many of the latest calls count.
    const MOST: i32 = 32;

    pub fn are_mostly_made(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    pub fn made(&self) {
        self.add(1);
    }

    pub fn found(&self) {
        self.add(-1);
    }

    /// The next calls look first: what is there needs nothing written.
    pub fn failed(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn add(&self, one: i32) {
        // Where others count at the same moment, one of them is lost: it is an estimate.
        let now = self.0.load(Ordering::Relaxed);
        self.0.store((now + one).clamp(-Self::MOST, Self::MOST), Ordering::Relaxed);
    }
}

/// Makes links, each with its event in the audit trail, all in one transaction. None where a link is
/// there already, or where there can be none.
pub(super) struct MakeLinks {
    tables: Tables,
    /// SQLite has one writer at a time, the same for all.
    writer: Option<SqlitePool>,
}

/// createLink's rule: a link comes to be on a live item, no drive's root, of a kind that its type may be on, whose
/// drive the caller manages; one an item, application and type. Sorted, so that two batches with the same keys wait
/// for each other rather than crosswise.
const INSERT_LINKS: &str = "
    INSERT INTO links (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at)
    SELECT i.drive_id, i.item_no, q.app_no, q.type, q.scope, q.link_id, q.key_epoch, q.created_by, q.at
    FROM q CROSS JOIN items i JOIN drives d ON d.drive_id = i.drive_id
    WHERE i.drive_id = q.drive_id AND i.item_no = q.item_no AND i.deleted_at IS NULL AND i.parent_no IS NOT NULL
      AND i.kind = coalesce(q.only_on, i.kind) AND d.tenant = q.tenant AND d.owner = coalesce(q.created_by, d.owner)
    ORDER BY i.drive_id, i.item_no, q.app_no, q.type
    ON CONFLICT (drive_id, item_no, app_no, type) DO NOTHING
    RETURNING drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at";

/// One statement is one transaction, and one way to the database and back. The final SELECT does not see what the
/// statement inserts, but what the insertion returns.
const MAKE_LINKS_ON_POSTGRES: &str = "
    WITH q AS (
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::uuid[],
                             $7::smallint[], $8::text[], $9::timestamptz[], $10::text[], $11::text[])
                 AS u (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, at, tenant, only_on)
    ), made AS (
        INSERT_LINKS
    ), recorded AS (
        INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope, action, actor,
                                 actor_app_no, at)
        SELECT l.drive_id, ($12::uuid[])[row_number() OVER ()], l.link_id, l.item_no, l.app_no, l.type, l.scope,
               'created', l.created_by, l.app_no, l.created_at
        FROM made l
    )
    SELECT i.name, i.kind, l.scope, l.link_id, l.key_epoch, l.created_at
    FROM made l JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no";
const MAKE_ON_POSTGRES: &str = str_replace!(MAKE_LINKS_ON_POSTGRES, "INSERT_LINKS", INSERT_LINKS);
const INSERT_ON_SQLITE: &str = concatcp!(
    "WITH q (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, at, tenant, only_on) AS (
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), value ->> 6,
                value ->> 7, value ->> 8, value ->> 9, value ->> 10
         FROM json_each($1)
     )",
    INSERT_LINKS
);
/// The events of links that were made just now: each link's id, and its event's.
const RECORD_ON_SQLITE: &str = "
    WITH q (drive_id, item_no, link_id, event_id) AS (
        SELECT value ->> 0, value ->> 1, unhex(value ->> 2), unhex(value ->> 3) FROM json_each($1)
    )
    INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope, action, actor,
                             actor_app_no, at)
    SELECT l.drive_id, q.event_id, l.link_id, l.item_no, l.app_no, l.type, l.scope, 'created', l.created_by, l.app_no,
           l.created_at
    FROM q CROSS JOIN links l
    WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.link_id = q.link_id";
/// What there is to tell of links that were made just now.
const MADE_ON_SQLITE: &str = "
    WITH q (drive_id, item_no, link_id) AS (
        SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1)
    )
    SELECT i.name, i.kind, l.scope, l.link_id, l.key_epoch, l.created_at
    FROM q CROSS JOIN links l JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
    WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.link_id = q.link_id";

/// A link that was inserted.
#[derive(FromRow)]
struct Inserted {
    #[sqlx(flatten)]
    item: ItemId,
    link_id: LinkId,
    created_at: Timestamp,
}

impl MakeLinks {
    pub fn new(tables: Tables, pools: &Pools) -> Self {
        let writer = match pools {
            Pools::Postgres { .. } => None,
            Pools::Sqlite { writer, .. } => Some(writer.clone()),
        };
        Self { tables, writer }
    }

    async fn on_postgres(database: &mut OwnDatabase, questions: &[NewLink]) -> Result<Vec<LinkFacts>> {
        let each = || questions.iter();
        let query = sqlx::query_as(MAKE_ON_POSTGRES)
            .bind(each().map(|new| new.item.drive).collect::<Vec<_>>())
            .bind(each().map(|new| new.item.number).collect::<Vec<_>>())
            .bind(each().map(|new| new.app_no).collect::<Vec<_>>())
            .bind(each().map(|new| new.link_type.as_str()).collect::<Vec<_>>())
            .bind(each().map(|new| new.scope.as_str()).collect::<Vec<_>>())
            .bind(each().map(|new| new.id).collect::<Vec<_>>())
            .bind(each().map(|new| i16::from(new.key_epoch)).collect::<Vec<_>>())
            .bind(each().map(|new| new.caller.user_id()).collect::<Vec<_>>())
            .bind(each().map(|new| new.at).collect::<Vec<_>>())
            .bind(each().map(|new| new.caller.tenant.as_str()).collect::<Vec<_>>())
            .bind(each().map(|new| new.link_type.only_on()).collect::<Vec<_>>())
            .bind(each().map(|new| time_ordered_id(new.at)).collect::<Vec<Uuid>>());
        database.fetch_all_on_postgres(query).await
    }

    async fn on_sqlite(writer: &SqlitePool, questions: &[NewLink]) -> Result<Vec<LinkFacts>> {
        let text = json_text(questions.iter().map(|new| {
            json!([
                new.item.drive.to_i64(),
                new.item.number,
                new.app_no,
                new.link_type.as_str(),
                new.scope.as_str(),
                new.id.to_hex(),
                new.key_epoch,
                new.caller.user_id(),
                sqlite_time(new.at),
                new.caller.tenant,
                new.link_type.only_on(),
            ])
        }));
        let mut tx = begin(writer.begin_with("BEGIN IMMEDIATE")).await?;
        let insertion = sqlx::query_as(INSERT_ON_SQLITE).bind(&text);
        let inserted: Vec<Inserted> = within_limit(insertion.fetch_all(&mut *tx)).await?;
        if inserted.is_empty() {
            within_limit(tx.commit()).await?;
            return Ok(Vec::new());
        }
        let text = json_text(inserted.iter().map(|link| {
            let event = time_ordered_id(link.created_at).simple().to_string();
            json!([link.item.drive.to_i64(), link.item.number, link.link_id.to_hex(), event])
        }));
        within_limit(sqlx::query(RECORD_ON_SQLITE).bind(&text).execute(&mut *tx)).await?;
        let made = sqlx::query_as(MADE_ON_SQLITE).bind(&text);
        let made = within_limit(made.fetch_all(&mut *tx)).await?;
        within_limit(tx.commit()).await?;
        Ok(made)
    }
}

impl Statement for MakeLinks {
    type Question = NewLink;
    type Answer = Option<Link>;

    async fn ask(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Link>>> {
        let made = match &self.writer {
            Some(writer) => Self::on_sqlite(writer, questions).await?,
            None => {
                self.tables.lineage().await?;
                Self::on_postgres(&mut self.tables.database, questions).await?
            }
        };
        let mut made: HashMap<_, _> = made.into_iter().map(|facts| (facts.link_id, facts)).collect();
        let found = questions.iter().map(|new| (new, made.remove(&new.id))).collect();
        links_of(found, &mut self.tables).await
    }
}
