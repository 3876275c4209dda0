//! Sharing links: every statement about them but the lists for those who answer for the installation.
//!
//! The three that most requests come down to are asked for many at a time: their questions come as arrays, which
//! PostgreSQL and SQLite take differently, so each is two pieces, the questions as a database takes them, and what is
//! done with them.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::serde::ts_microseconds;
use const_format::{concatcp, str_replace};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, FromRow, Row, SqlitePool, Type};
use uuid::Uuid;

use crate::clock::{Timestamp, time_ordered_id};
use crate::domain::identity::{Application, Caller};
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::domain::item::{Item, Kind};
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::{Error, Result};
use crate::keys::ProvenLink;
use crate::service::shown::Shown;
use crate::service::store::applications::KnownApplications;
use crate::service::store::audit::LinkEnd;
use crate::service::store::connect::begin;
use crate::service::store::items::{ItemRow, NumberedApplications};
use crate::service::store::known::{Kept, Known, KnownOpen, Lineage, ReadyOpen, UNKNOWN};
use crate::service::store::own_connection::OwnDatabase;
use crate::service::store::queue::Statement;
use crate::service::store::statement::{Tx, execute, on, within_limit};
use crate::telemetry::KnownMetrics;

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
    /// Where it is kept what it is shown as, if that is worth keeping.
    pub shown: Option<Arc<Shown>>,
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

/// What a task asks: a database of its own, and what all know.
pub(super) struct LinkTables {
    pub database: OwnDatabase,
    pub applications: Arc<KnownApplications>,
    pub known: Arc<Known>,
    pub metrics: KnownMetrics,
}

/// By number.
pub(super) type Applications = HashMap<i32, Application>;

pub(super) fn application(number: i32, applications: &Applications) -> Result<Application> {
    let known = applications.get(&number).cloned();
    known.ok_or_else(|| Error::internal(format!("application {number} has no row")))
}

/// A row that answers the question at a place in the batch.
#[derive(FromRow)]
pub(super) struct At<T> {
    place: i64,
    #[sqlx(flatten)]
    row: T,
}

/// Puts each row where its question is.
pub(super) fn in_place<R>(questions: usize, rows: Vec<At<R>>) -> Vec<Option<R>> {
    let mut answers: Vec<Option<R>> = std::iter::repeat_with(|| None).take(questions).collect();
    for At { place, row } in rows {
        if let Some(answer) = usize::try_from(place).ok().and_then(|place| answers.get_mut(place)) {
            *answer = Some(row);
        }
    }
    answers
}

/// Questions as SQLite takes them: a JSON array of arrays.
pub(super) fn json_text(questions: impl Iterator<Item = Value>) -> String {
    Value::Array(questions.collect()).to_string()
}

/// What links open. None where the link is revoked or its item not live.
pub(super) struct OpenLinks {
    tables: LinkTables,
    worth: Worth,
}

/// Whether it pays to keep what links open: where most are opened once, to look for what is kept and to ask for the
/// drives' numbers costs more than it saves. Now and then it is tried again.
struct Worth {
    /// The share of links of late that were answered from memory.
    share: f64,
    /// Batches since it was tried last.
    batches: u32,
}

impl Worth {
    /// Less than this does not pay.
    const LEAST: f64 = 0.3;
    /// One batch of so many is a trial.
    const TRIAL: u32 = 16;
    /// How much a batch counts.
    const WEIGHT: f64 = 0.02;

    /// It pays until it is seen not to.
    fn unknown() -> Self {
        Self { share: 1.0, batches: 0 }
    }

    fn pays(&mut self) -> bool {
        self.batches += 1;
        let is_trial = self.batches >= Self::TRIAL;
        if is_trial {
            self.batches = 0;
        }
        is_trial || self.share >= Self::LEAST
    }

    fn told(&mut self, hits: usize, all: usize) {
        self.share += Self::WEIGHT * (hits as f64 / all.max(1) as f64 - self.share);
    }
}

#[derive(FromRow, Serialize, Deserialize)]
pub(super) struct OpenedRow {
    #[sqlx(flatten)]
    item: ItemRow<NumberedApplications>,
    link_type: LinkType,
    scope: LinkScope,
    key_epoch: i16,
    #[serde(with = "ts_microseconds")]
    link_created_at: Timestamp,
    link_app_no: i32,
}

/// A link's row where it is not as it is known: its drive's number, and what it opens; none where that is gone.
struct Changed<T> {
    change: Option<i64>,
    row: Option<T>,
}

impl<'r, R: Row, T> FromRow<'r, R> for Changed<T>
where
    T: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let is_there = row.try_get::<Option<i64>, _>("there")?.is_some();
        let rest = if is_there { Some(T::from_row(row)?) } else { None };
        Ok(Self { change: row.try_get("next_change")?, row: rest })
    }
}

impl OpenedRow {
    pub fn applications(&self) -> OpenedApplications {
        let NumberedApplications { created_app_no, modified_app_no } = self.item.applications;
        OpenedApplications { created: created_app_no, modified: modified_app_no, link: self.link_app_no }
    }
}

/// The applications that an answer names, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenedApplications {
    created: Option<i32>,
    modified: Option<i32>,
    link: i32,
}

impl OpenedApplications {
    fn numbers(self) -> impl Iterator<Item = i32> {
        [self.created, self.modified, Some(self.link)].into_iter().flatten()
    }
}

/// What there is to tell of a link that is opened, item and current version with it. Applications stay numbers: to look
/// three of them up makes the statement noticeably slower. Of the item's links only the one that is opened is told:
/// whoever opens it knows of no other.
const OPENED: &str = "
           i.drive_id, i.item_no, i.parent_no, i.name, i.kind, i.change_no,
           i.deleted_at IS NOT NULL AS deleted,
           i.created_at, i.created_by, i.created_app_no, i.modified_at, i.modified_by, i.modified_app_no,
           i.client_created_at, i.client_modified_at, i.current_version, i.content_key, i.size, i.mime_type,
           i.quick_xor_hash, i.sha1_hash, i.sha256_hash, d.tenant, d.owner, d.owner_name, l.scope AS shared,
           i.child_count, i.description,
           l.type AS link_type, l.scope, l.key_epoch, l.created_at AS link_created_at, l.app_no AS link_app_no";

/// What links open, in one statement, so that no two moments mix.
const OPEN_LINKS: &str = concatcp!(
    "
    SELECT q.place, ",
    OPENED,
    "
    FROM q CROSS JOIN links l CROSS JOIN items i JOIN drives d ON d.drive_id = i.drive_id
    WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.link_id = q.link_id
      AND i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL"
);

/// The same of links of which something is known. Where a drive's number is as it was seen, nothing comes. Where it has
/// moved on, or was never seen, a row comes with the number, be it that there is nothing else to tell: what is gone is
/// no unchanged.
const OPEN_CHANGED_LINKS: &str = concatcp!(
    "
    SELECT q.place, n.next_change, d.drive_id AS there, ",
    OPENED,
    "
    FROM q LEFT JOIN counters n ON n.drive_id = q.drive_id
           LEFT JOIN links l ON l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.link_id = q.link_id
           LEFT JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL
           LEFT JOIN drives d ON d.drive_id = i.drive_id
    WHERE n.next_change IS DISTINCT FROM q.seen"
);
const OPENING_ON_POSTGRES: &str = "
    WITH q (place, drive_id, item_no, link_id, seen) AS (
         SELECT u.place - 1, u.drive_id, u.item_no, u.link_id, u.seen
         FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[])
              WITH ORDINALITY AS u (drive_id, item_no, link_id, seen, place)
     )";
const OPENING_ON_SQLITE: &str = "
    WITH q (place, drive_id, item_no, link_id, seen) AS (
         SELECT key, value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3 FROM json_each($1)
     )";

impl Statement for OpenLinks {
    type Question = ProvenLink;
    type Answer = Option<OpenedLink>;

    /// A link that many open at once is looked up once.
    async fn ask(&mut self, questions: &[ProvenLink]) -> Result<Vec<Option<OpenedLink>>> {
        let mut distinct = Vec::with_capacity(questions.len());
        let mut places = HashMap::with_capacity(questions.len());
        let place_of = |link: &ProvenLink| {
            *places.entry(*link).or_insert_with(|| {
                distinct.push(*link);
                distinct.len() - 1
            })
        };
        let places: Vec<usize> = questions.iter().map(place_of).collect();
        let opened = self.open(&distinct).await?;
        Ok(places.into_iter().map(|place| opened[place].clone()).collect())
    }
}

impl OpenLinks {
    pub fn new(tables: LinkTables) -> Self {
        Self { tables, worth: Worth::unknown() }
    }

    async fn open(&mut self, questions: &[ProvenLink]) -> Result<Vec<Option<OpenedLink>>> {
        let keeps = self.tables.known.keeps();
        if !keeps || !self.worth.pays() {
            return self.open_anew(questions).await;
        }
        let LinkTables { database, applications, known, metrics } = &mut self.tables;
        // What is known counts where the connection that proves it leads to the same database.
        let lineage = known.lineage(database.connect().await?);
        let kept: Vec<Option<Kept<KnownOpen>>> =
            questions.iter().map(|link| known.opened(link, lineage)).collect();
        let seen = kept.iter().map(|kept| kept.as_ref().map_or(UNKNOWN, |kept| kept.change));
        let asked = questions.iter().map(|link| link.at()).zip(seen);
        let rows: Vec<At<Changed<OpenedRow>>> = ask_for_opened(database, OPEN_CHANGED, asked).await?;
        let mut changed = in_place(questions.len(), rows);
        self.worth.told(changed.iter().filter(|changed| changed.is_none()).count(), questions.len());
        let read = changed.iter().flatten().filter_map(|changed| changed.row.as_ref());
        let read = read.map(OpenedRow::applications);
        let all = read.chain(kept.iter().flatten().map(|kept| kept.answer.applications()));
        let numbers = all.flat_map(OpenedApplications::numbers);
        let names = applications.of_numbers(numbers, database).await?;
        let mut answers = Vec::with_capacity(questions.len());
        for ((link, kept), changed) in questions.iter().zip(kept).zip(changed.drain(..)) {
            let was_known = kept.is_some();
            answers.push(match changed {
                None => {
                    metrics.hits.inc();
                    kept.map(|kept| as_before(known, *link, lineage, kept, &names)).transpose()?
                }
                Some(Changed { change, row }) => {
                    metrics.missed(was_known);
                    match (row, change) {
                        (Some(row), Some(change)) => {
                            if known.wants_opened(link) {
                                known.keep_opened(*link, (lineage, change), &row);
                            }
                            Some(opened(*link, row, &names)?)
                        }
                        _ => {
                            known.forget_opened(link);
                            None
                        }
                    }
                }
            });
        }
        Ok(answers)
    }

    /// The same with nothing known.
    async fn open_anew(&mut self, questions: &[ProvenLink]) -> Result<Vec<Option<OpenedLink>>> {
        let LinkTables { database, applications, metrics, .. } = &mut self.tables;
        let asked = questions.iter().map(|link| (link.at(), UNKNOWN));
        let rows: Vec<At<OpenedRow>> = ask_for_opened(database, OPEN, asked).await?;
        let numbers = rows.iter().flat_map(|at| at.row.applications().numbers());
        let names = applications.of_numbers(numbers, database).await?;
        metrics.not_looked_for(questions.len());
        let rows = in_place(questions.len(), rows).into_iter().zip(questions);
        rows.map(|(row, link)| row.map(|row| opened(*link, row, &names)).transpose()).collect()
    }
}

/// The statements on PostgreSQL and on SQLite.
const OPEN: [&str; 2] =
    [concatcp!(OPENING_ON_POSTGRES, OPEN_LINKS), concatcp!(OPENING_ON_SQLITE, OPEN_LINKS)];
const OPEN_CHANGED: [&str; 2] =
    [concatcp!(OPENING_ON_POSTGRES, OPEN_CHANGED_LINKS), concatcp!(OPENING_ON_SQLITE, OPEN_CHANGED_LINKS)];

/// Rows for links, each with the number that its drive was seen with.
async fn ask_for_opened<R>(
    database: &mut OwnDatabase,
    [on_postgres, on_sqlite]: [&'static str; 2],
    asked: impl Iterator<Item = (LinkAt, i64)> + Clone,
) -> Result<Vec<At<R>>>
where
    At<R>: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    match database {
        OwnDatabase::Postgres(connection) => {
            let each = || asked.clone();
            let query = sqlx::query_as(on_postgres)
                .bind(each().map(|(at, _)| at.item.drive).collect::<Vec<_>>())
                .bind(each().map(|(at, _)| at.item.number).collect::<Vec<_>>())
                .bind(each().map(|(at, _)| at.link).collect::<Vec<_>>())
                .bind(each().map(|(_, seen)| seen).collect::<Vec<_>>());
            connection.fetch_all(query).await
        }
        OwnDatabase::Sqlite { readers, .. } => {
            let mut reader = begin(readers.acquire()).await?;
            let each = asked
                .map(|(at, seen)| json!([at.item.drive.to_i64(), at.item.number, at.link.to_hex(), seen]));
            within_limit(sqlx::query_as(on_sqlite).bind(json_text(each)).fetch_all(&mut *reader)).await
        }
    }
}

/// What a link opened before and still does. What is opened again and again is kept ready to be shown.
fn as_before(
    known: &Known,
    link: ProvenLink,
    lineage: Lineage,
    kept: Kept<KnownOpen>,
    names: &Applications,
) -> Result<OpenedLink> {
    let change = kept.change;
    let (row, is_ready) = match kept.answer {
        KnownOpen::Ready(ready) if is_named(&ready, names) => return Ok(ready.opened),
        KnownOpen::Ready(ready) => return renamed(ready, names),
        KnownOpen::Row(row) => (row, known.is_asked_again(&link)),
    };
    let applications = row.applications();
    let mut opened = opened(link, *row, names)?;
    if is_ready {
        opened.shown = Some(Arc::default());
        known.keep_ready(link, (lineage, change), ReadyOpen { opened: opened.clone(), applications });
    }
    Ok(opened)
}

/// Whether the applications of what was kept are called as they were.
fn is_named(kept: &ReadyOpen, names: &Applications) -> bool {
    let ReadyOpen { opened, applications } = kept;
    let item = &opened.item;
    let is = |number: Option<i32>, known: Option<&Application>| {
        number.and_then(|number| names.get(&number)) == known
    };
    is(Some(applications.link), Some(&opened.link.application))
        && is(applications.created, item.created.application.as_ref())
        && is(applications.modified, item.modified.application.as_ref())
}

/// What was kept, with the names that its applications have now.
fn renamed(kept: ReadyOpen, names: &Applications) -> Result<OpenedLink> {
    let ReadyOpen { opened, applications } = kept;
    let now = |number: Option<i32>| number.map(|number| application(number, names)).transpose();
    let (mut link, mut item) = (Arc::unwrap_or_clone(opened.link), Arc::unwrap_or_clone(opened.item));
    link.application = application(applications.link, names)?;
    item.created.application = now(applications.created)?;
    item.modified.application = now(applications.modified)?;
    Ok(OpenedLink { link: Arc::new(link), item: Arc::new(item), shown: None })
}

fn opened(proven: ProvenLink, row: OpenedRow, applications: &Applications) -> Result<OpenedLink> {
    let OpenedApplications { created, modified, link } = row.applications();
    let created_by_app = created.map(|number| application(number, applications)).transpose()?;
    let modified_by_app = modified.map(|number| application(number, applications)).transpose()?;
    let item = row.item.into_item(|_| [created_by_app, modified_by_app]);
    let link = Link {
        id: proven.at().link,
        item: item.id,
        item_name: item.name.clone(),
        item_kind: item.kind(),
        link_type: row.link_type,
        scope: row.scope,
        key_epoch: u8::try_from(row.key_epoch).unwrap_or(0),
        application: application(link, applications)?,
        created_at: row.link_created_at,
    };
    Ok(OpenedLink { link: Arc::new(link), item: Arc::new(item), shown: None })
}

/// What of a link is not in the question for it.
#[derive(FromRow, Serialize, Deserialize)]
pub(super) struct LinkFacts {
    name: String,
    kind: Kind,
    scope: LinkScope,
    link_id: LinkId,
    key_epoch: i16,
    #[serde(with = "ts_microseconds")]
    created_at: Timestamp,
}

/// The same, and whose drive it is in.
#[derive(FromRow, Serialize, Deserialize)]
pub(super) struct Facts {
    #[sqlx(flatten)]
    link: LinkFacts,
    tenant: String,
    owner: String,
}

/// What an item has one link of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LinkOf {
    item: ItemId,
    app_no: i32,
    link_type: LinkType,
}

impl From<&NewLink> for LinkOf {
    fn from(new: &NewLink) -> Self {
        Self { item: new.item, app_no: new.app_no, link_type: new.link_type }
    }
}

/// A link for each question that there are facts for. Its application is called as the caller's token calls
/// it; where that says nothing, as it was called last.
async fn links_of(
    found: Vec<(&NewLink, Option<LinkFacts>)>,
    tables: &mut LinkTables,
) -> Result<Vec<Option<Link>>> {
    let is_nameless = |new: &NewLink| new.caller.application.name.is_none();
    let nameless = found.iter().filter(|(new, facts)| facts.is_some() && is_nameless(new));
    let numbers = nameless.map(|(new, _)| new.app_no);
    let applications = tables.applications.of_numbers(numbers, &mut tables.database).await?;
    let link = |(new, facts): (&NewLink, Option<LinkFacts>)| {
        facts.map(|facts| link_of(new, facts, &applications)).transpose()
    };
    found.into_iter().map(link).collect()
}

fn link_of(new: &NewLink, facts: LinkFacts, applications: &Applications) -> Result<Link> {
    let claimed = &new.caller.application;
    Ok(Link {
        id: facts.link_id,
        item: new.item,
        item_name: facts.name,
        item_kind: facts.kind,
        link_type: new.link_type,
        scope: facts.scope,
        // The column's check keeps it within 1 to 255; 0 is in no ring.
        key_epoch: u8::try_from(facts.key_epoch).unwrap_or(0),
        application: match claimed.name {
            Some(_) => claimed.clone(),
            None => application(new.app_no, applications)?,
        },
        created_at: facts.created_at,
    })
}

pub(super) struct FindLinks {
    tables: LinkTables,
    worth: Worth,
}

/// The links that live items have already of an application and a type, and whose drives these are in.
const FIND_LINKS: &str = "
    SELECT q.place, i.name, i.kind, l.scope, l.link_id, l.key_epoch, l.created_at, d.tenant, d.owner
    FROM q CROSS JOIN links l CROSS JOIN items i JOIN drives d ON d.drive_id = i.drive_id
    WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.app_no = q.app_no AND l.type = q.type
      AND i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL";
/// The same where something is known of some. As for opening links, nothing comes of what is as it was seen.
const FIND_CHANGED_LINKS: &str = "
    SELECT q.place, n.next_change, d.drive_id AS there, i.name, i.kind, l.scope, l.link_id, l.key_epoch, l.created_at,
           d.tenant, d.owner
    FROM q LEFT JOIN counters n ON n.drive_id = q.drive_id
           LEFT JOIN links l ON l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.app_no = q.app_no
                                AND l.type = q.type
           LEFT JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL
           LEFT JOIN drives d ON d.drive_id = i.drive_id
    WHERE n.next_change IS DISTINCT FROM q.seen";
const FINDING_ON_POSTGRES: &str = "
    WITH q (place, drive_id, item_no, app_no, type, seen) AS (
         SELECT u.place - 1, u.drive_id, u.item_no, u.app_no, u.type, u.seen
         FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::bigint[])
              WITH ORDINALITY AS u (drive_id, item_no, app_no, type, seen, place)
     )";
const FINDING_ON_SQLITE: &str = "
    WITH q (place, drive_id, item_no, app_no, type, seen) AS (
         SELECT key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1)
     )";
/// The statements on PostgreSQL and on SQLite.
const FIND: [&str; 2] =
    [concatcp!(FINDING_ON_POSTGRES, FIND_LINKS), concatcp!(FINDING_ON_SQLITE, FIND_LINKS)];
const FIND_CHANGED: [&str; 2] =
    [concatcp!(FINDING_ON_POSTGRES, FIND_CHANGED_LINKS), concatcp!(FINDING_ON_SQLITE, FIND_CHANGED_LINKS)];

impl Statement for FindLinks {
    type Question = NewLink;
    type Answer = Option<Link>;

    async fn ask(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Link>>> {
        let keeps = self.tables.known.keeps();
        let facts = match keeps && self.worth.pays() {
            true => self.find(questions).await?,
            false => self.find_anew(questions).await?,
        };
        let found = questions.iter().zip(facts).map(|(new, facts)| {
            // Who does not manage the item is told as if it had no link.
            let facts = facts.filter(|facts| new.caller.manages(&facts.tenant, &facts.owner));
            (new, facts.map(|facts| facts.link))
        });
        links_of(found.collect(), &mut self.tables).await
    }
}

impl FindLinks {
    pub fn new(tables: LinkTables) -> Self {
        Self { tables, worth: Worth::unknown() }
    }

    async fn find(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Facts>>> {
        let LinkTables { database, known, metrics, .. } = &mut self.tables;
        let lineage = known.lineage(database.connect().await?);
        let kept: Vec<Option<Kept<Facts>>> =
            questions.iter().map(|new| known.found(new.into(), lineage)).collect();
        let seen = kept.iter().map(|kept| kept.as_ref().map_or(UNKNOWN, |kept| kept.change));
        let rows: Vec<At<Changed<Facts>>> =
            ask_for_found(database, FIND_CHANGED, questions.iter().zip(seen)).await?;
        let changed = in_place(questions.len(), rows);
        self.worth.told(changed.iter().filter(|changed| changed.is_none()).count(), questions.len());
        let mut found = Vec::with_capacity(questions.len());
        for ((new, kept), changed) in questions.iter().zip(kept).zip(changed) {
            let was_known = kept.is_some();
            found.push(match changed {
                None => {
                    metrics.hits.inc();
                    kept.map(|kept| kept.answer)
                }
                Some(Changed { change, row }) => {
                    metrics.missed(was_known);
                    match (&row, change) {
                        (Some(facts), Some(change)) => known.keep_found(new.into(), (lineage, change), facts),
                        _ => known.forget_found(new.into()),
                    }
                    row
                }
            });
        }
        Ok(found)
    }

    /// The same with nothing known.
    async fn find_anew(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Facts>>> {
        let LinkTables { database, metrics, .. } = &mut self.tables;
        let asked = questions.iter().map(|new| (new, UNKNOWN));
        let rows: Vec<At<Facts>> = ask_for_found(database, FIND, asked).await?;
        metrics.not_looked_for(questions.len());
        Ok(in_place(questions.len(), rows))
    }
}

/// Rows for items' links, each with the number that its drive was seen with.
async fn ask_for_found<'q, R>(
    database: &mut OwnDatabase,
    [on_postgres, on_sqlite]: [&'static str; 2],
    asked: impl Iterator<Item = (&'q NewLink, i64)> + Clone,
) -> Result<Vec<At<R>>>
where
    At<R>: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    match database {
        OwnDatabase::Postgres(connection) => {
            let each = || asked.clone();
            let query = sqlx::query_as(on_postgres)
                .bind(each().map(|(new, _)| new.item.drive).collect::<Vec<_>>())
                .bind(each().map(|(new, _)| new.item.number).collect::<Vec<_>>())
                .bind(each().map(|(new, _)| new.app_no).collect::<Vec<_>>())
                .bind(each().map(|(new, _)| new.link_type.as_str()).collect::<Vec<_>>())
                .bind(each().map(|(_, seen)| seen).collect::<Vec<_>>());
            connection.fetch_all(query).await
        }
        OwnDatabase::Sqlite { readers, .. } => {
            let mut reader = begin(readers.acquire()).await?;
            let each = asked.map(|(new, seen)| {
                let (drive, item) = (new.item.drive.to_i64(), new.item.number);
                json!([drive, item, new.app_no, new.link_type.as_str(), seen])
            });
            within_limit(sqlx::query_as(on_sqlite).bind(json_text(each)).fetch_all(&mut *reader)).await
        }
    }
}

/// Makes links, each with its event in the audit trail, all in one transaction. None where a link is
/// there already, or where there can be none.
pub(super) struct MakeLinks(pub LinkTables);

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
        let made: Vec<LinkFacts> = match &mut self.0.database {
            OwnDatabase::Postgres(connection) => {
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
                connection.fetch_all(query).await?
            }
            OwnDatabase::Sqlite { writer, .. } => Self::on_sqlite(writer, questions).await?,
        };
        let mut made: HashMap<_, _> = made.into_iter().map(|facts| (facts.link_id, facts)).collect();
        let found = questions.iter().map(|new| (new, made.remove(&new.id))).collect();
        links_of(found, &mut self.0).await
    }
}

/// A time as the library writes it to SQLite, so that all times in a column sort together.
pub(super) fn sqlite_time(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
}
