//! Links, many at a time: the three questions that most requests come down to.
//!
//! Questions come as arrays, which PostgreSQL and SQLite write differently, so the heads of the
//! statements are two. What follows them is one text, as everywhere.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::{FromRow, SqlitePool};
use uuid::Uuid;

use crate::clock::{Timestamp, time_ordered_id};
use crate::domain::authkey::ProvenLink;
use crate::domain::identity::Application;
use crate::domain::item::Kind;
use crate::domain::link::{Link, LinkId, LinkScope, LinkType};
use crate::error::{Error, Result};
use crate::store::applications::KnownApplications;
use crate::store::batch::Query;
use crate::store::items::{ItemRow, NumberedApplications, select_items};
use crate::store::links::{NewLink, OpenedLink};
use crate::store::own_connection::Database;
use crate::store::{Pools, begin, within_limit};

/// Where a task's answers come from.
pub(super) struct Source {
    database: Database,
    applications: Arc<KnownApplications>,
}

impl Source {
    pub fn of(pools: &Pools, applications: &Arc<KnownApplications>) -> Self {
        Self { database: Database::of(pools), applications: applications.clone() }
    }
}

/// By number.
type Applications = HashMap<i32, Application>;

fn application(number: i32, applications: &Applications) -> Result<Application> {
    let known = applications.get(&number).cloned();
    known.ok_or_else(|| Error::internal(format!("application {number} has no row")))
}

/// A row that answers the question at a place in the batch.
#[derive(FromRow)]
struct At<T> {
    place: i64,
    #[sqlx(flatten)]
    row: T,
}

/// Puts each row where its question is.
fn in_place<R>(questions: usize, rows: Vec<At<R>>) -> Vec<Option<R>> {
    let mut answers: Vec<Option<R>> = std::iter::repeat_with(|| None).take(questions).collect();
    for At { place, row } in rows {
        if let Some(answer) = usize::try_from(place).ok().and_then(|place| answers.get_mut(place)) {
            *answer = Some(row);
        }
    }
    answers
}

/// Questions as SQLite takes them: a JSON array of arrays.
fn json_text(questions: impl Iterator<Item = Value>) -> String {
    Value::Array(questions.collect()).to_string()
}

/// What links open. None where the link is revoked or its item not live.
pub(super) struct OpenLinks(pub Source);

#[derive(FromRow)]
struct OpenedRow {
    #[sqlx(flatten)]
    item: ItemRow<NumberedApplications>,
    link_type: LinkType,
    scope: LinkScope,
    key_epoch: i16,
    link_created_at: Timestamp,
    link_app_no: i32,
}

impl OpenedRow {
    fn applications(&self) -> impl Iterator<Item = i32> {
        let NumberedApplications { created_app_no, modified_app_no } = self.item.applications;
        [created_app_no, modified_app_no, Some(self.link_app_no)].into_iter().flatten()
    }
}

/// Link, item and current version in one statement, so that no two moments mix. Applications stay numbers:
/// to look three of them up makes the statement noticeably slower.
macro_rules! open_links {
    ($questions:literal) => {
        concat!(
            "WITH q (place, drive_id, item_no, link_id) AS (",
            $questions,
            ") ",
            select_items!(
                "i.created_app_no, i.modified_app_no",
                // The link that is opened tells enough: whoever opens it is not told of the others.
                "l.scope",
                ", q.place, l.type AS link_type, l.scope, l.key_epoch, l.created_at AS link_created_at,
                 l.app_no AS link_app_no",
                "FROM q CROSS JOIN links l CROSS JOIN items i JOIN drives d ON d.drive_id = i.drive_id",
                "WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.link_id = q.link_id
                   AND i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL"
            )
        )
    };
}

impl Query for OpenLinks {
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
    async fn open(&mut self, questions: &[ProvenLink]) -> Result<Vec<Option<OpenedLink>>> {
        let rows: Vec<At<OpenedRow>> = match &mut self.0.database {
            Database::Postgres(connection) => {
                let each = || questions.iter();
                let query = sqlx::query_as(open_links!(
                    "SELECT u.place - 1, u.drive_id, u.item_no, u.link_id
                     FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) WITH ORDINALITY
                          AS u (drive_id, item_no, link_id, place)"
                ))
                .bind(each().map(|link| link.item().drive).collect::<Vec<_>>())
                .bind(each().map(|link| link.item().number).collect::<Vec<_>>())
                .bind(each().map(|link| link.link()).collect::<Vec<_>>());
                connection.fetch_all(query).await?
            }
            Database::Sqlite { readers, .. } => {
                let mut reader = begin(readers.acquire()).await?;
                let query = sqlx::query_as(open_links!(
                    "SELECT key, value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1)"
                ))
                .bind(json_text(questions.iter().map(|link| {
                    let item = link.item();
                    json!([item.drive.to_i64(), item.number, link.link().to_hex()])
                })));
                within_limit(query.fetch_all(&mut *reader)).await?
            }
        };
        let numbers = rows.iter().flat_map(|at| at.row.applications());
        let applications = self.0.applications.of_numbers(numbers, &mut self.0.database).await?;
        let answers = in_place(questions.len(), rows).into_iter().zip(questions);
        answers.map(|(row, proven)| row.map(|row| opened(*proven, row, &applications)).transpose()).collect()
    }
}

fn opened(proven: ProvenLink, row: OpenedRow, applications: &Applications) -> Result<OpenedLink> {
    let NumberedApplications { created_app_no, modified_app_no } = row.item.applications;
    let created_by_app = created_app_no.map(|number| application(number, applications)).transpose()?;
    let modified_by_app = modified_app_no.map(|number| application(number, applications)).transpose()?;
    let item = row.item.into_item(|_| [created_by_app, modified_by_app]);
    let link = Link {
        id: proven.link(),
        item: item.id,
        item_name: item.name.clone(),
        item_kind: item.kind(),
        link_type: row.link_type,
        scope: row.scope,
        key_epoch: u8::try_from(row.key_epoch).unwrap_or(0),
        application: application(row.link_app_no, applications)?,
        created_at: row.link_created_at,
    };
    Ok(OpenedLink { link: Arc::new(link), item: Arc::new(item) })
}

/// What of a link is not in the question for it.
#[derive(FromRow)]
struct LinkFacts {
    name: String,
    kind: Kind,
    scope: LinkScope,
    link_id: LinkId,
    key_epoch: i16,
    created_at: Timestamp,
}

/// The columns of [`LinkFacts`], and more. `l` is the link, `i` its item.
macro_rules! select_facts {
    ($columns:literal, $from:literal) => {
        concat!("SELECT i.name, i.kind, l.scope, l.link_id, l.key_epoch, l.created_at", $columns, " ", $from)
    };
}

/// A link for each question that there are facts for. Its application is called as the caller's token calls
/// it; where that says nothing, as it was called last.
async fn links_of(
    found: Vec<(&NewLink, Option<LinkFacts>)>,
    source: &mut Source,
) -> Result<Vec<Option<Link>>> {
    let is_nameless = |new: &NewLink| new.caller.application.name.is_none();
    let nameless = found.iter().filter(|(new, facts)| facts.is_some() && is_nameless(new));
    let numbers = nameless.map(|(new, _)| new.app_no);
    let applications = source.applications.of_numbers(numbers, &mut source.database).await?;
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

/// The links that items have already of an application and a type, where the caller manages the item
/// and it is live.
pub(super) struct FindLinks(pub Source);

macro_rules! find_links {
    ($questions:literal) => {
        concat!(
            "WITH q (place, drive_id, item_no, app_no, type, tenant, owner) AS (",
            $questions,
            ") ",
            select_facts!(
                ", q.place",
                "FROM q CROSS JOIN links l CROSS JOIN items i
                 JOIN drives d ON d.drive_id = l.drive_id
                 WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.app_no = q.app_no AND l.type = q.type
                   AND i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL AND d.tenant = q.tenant AND d.owner = coalesce(q.owner, d.owner)"
            )
        )
    };
}

impl Query for FindLinks {
    type Question = NewLink;
    type Answer = Option<Link>;

    async fn ask(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Link>>> {
        let rows: Vec<At<LinkFacts>> = match &mut self.0.database {
            Database::Postgres(connection) => {
                let each = || questions.iter();
                let query = sqlx::query_as(find_links!(
                    "SELECT u.place - 1, u.drive_id, u.item_no, u.app_no, u.type, u.tenant, u.owner
                     FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[])
                          WITH ORDINALITY AS u (drive_id, item_no, app_no, type, tenant, owner, place)"
                ))
                .bind(each().map(|new| new.item.drive).collect::<Vec<_>>())
                .bind(each().map(|new| new.item.number).collect::<Vec<_>>())
                .bind(each().map(|new| new.app_no).collect::<Vec<_>>())
                .bind(each().map(|new| new.link_type.as_str()).collect::<Vec<_>>())
                .bind(each().map(|new| new.caller.tenant.as_str()).collect::<Vec<_>>())
                .bind(each().map(|new| new.caller.user_id()).collect::<Vec<_>>());
                connection.fetch_all(query).await?
            }
            Database::Sqlite { readers, .. } => {
                let mut reader = begin(readers.acquire()).await?;
                let query = sqlx::query_as(find_links!(
                    "SELECT key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
                     FROM json_each($1)"
                ))
                .bind(json_text(questions.iter().map(|new| {
                    json!([
                        new.item.drive.to_i64(),
                        new.item.number,
                        new.app_no,
                        new.link_type.as_str(),
                        new.caller.tenant,
                        new.caller.user_id(),
                    ])
                })));
                within_limit(query.fetch_all(&mut *reader)).await?
            }
        };
        let found = questions.iter().zip(in_place(questions.len(), rows)).collect();
        links_of(found, &mut self.0).await
    }
}

/// Makes links, each with its event in the audit trail, all in one transaction. None where a link is
/// there already, or where there can be none.
pub(super) struct MakeLinks(pub Source);

/// Sorted, so that two batches with the same keys wait for each other rather than crosswise.
macro_rules! insert_links {
    () => {
        "INSERT INTO links (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at)
         SELECT i.drive_id, i.item_no, q.app_no, q.type, q.scope, q.link_id, q.key_epoch, q.created_by, q.at
         FROM q CROSS JOIN items i JOIN drives d ON d.drive_id = i.drive_id
         WHERE i.drive_id = q.drive_id AND i.item_no = q.item_no AND i.deleted_at IS NULL AND i.parent_no IS NOT NULL AND (i.kind = 'file' OR q.type <> 'embed')
           AND d.tenant = q.tenant AND d.owner = coalesce(q.created_by, d.owner)
         ORDER BY i.drive_id, i.item_no, q.app_no, q.type
         ON CONFLICT (drive_id, item_no, app_no, type) DO NOTHING "
    };
}

macro_rules! insert_events {
    ($event_id:literal, $from:literal) => {
        concat!(
            "INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope, action, actor,
                                      actor_app_no, at)
             SELECT l.drive_id, ",
            $event_id,
            ", l.link_id, l.item_no, l.app_no, l.type, l.scope, 'created', l.created_by, l.app_no, l.created_at ",
            $from
        )
    };
}

/// One statement is one transaction, and one way to the database and back. The final `SELECT` does
/// not see what the statement inserts, but what the insertion returns.
const MAKE_ON_POSTGRES: &str = concat!(
    "WITH q AS (
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::uuid[],
                              $7::smallint[], $8::text[], $9::timestamptz[], $10::text[])
                  AS u (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, at, tenant)
     ), made AS (",
    insert_links!(),
    "    RETURNING drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at
     ), recorded AS (",
    insert_events!("($11::uuid[])[row_number() OVER ()]", "FROM made l"),
    ") ",
    select_facts!("", "FROM made l JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no")
);

macro_rules! questions_on_sqlite {
    () => {
        "WITH q (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, at, tenant, event_id) AS (
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5),
                    value ->> 6, value ->> 7, value ->> 8, value ->> 9, unhex(value ->> 10)
             FROM json_each($1)
         ) "
    };
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
                time_ordered_id(new.at).simple().to_string(),
            ])
        }));
        let mut tx = begin(writer.begin_with("BEGIN IMMEDIATE")).await?;
        let insertion = sqlx::query(concat!(questions_on_sqlite!(), insert_links!())).bind(&text);
        within_limit(insertion.execute(&mut *tx)).await?;
        // No two links have one id, so those whose id is the proposed one were made just now.
        let recording = sqlx::query(concat!(
            questions_on_sqlite!(),
            insert_events!(
                "q.event_id",
                "FROM q CROSS JOIN links l
                 WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.app_no = q.app_no
                   AND l.type = q.type AND l.link_id = q.link_id"
            )
        ))
        .bind(&text);
        within_limit(recording.execute(&mut *tx)).await?;
        let made = sqlx::query_as(concat!(
            questions_on_sqlite!(),
            select_facts!(
                "",
                "FROM q CROSS JOIN links l
                 JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
                 WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.app_no = q.app_no
                   AND l.type = q.type AND l.link_id = q.link_id"
            )
        ))
        .bind(&text);
        let made = within_limit(made.fetch_all(&mut *tx)).await?;
        within_limit(tx.commit()).await?;
        Ok(made)
    }
}

impl Query for MakeLinks {
    type Question = NewLink;
    type Answer = Option<Link>;

    async fn ask(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Link>>> {
        let made: Vec<LinkFacts> = match &mut self.0.database {
            Database::Postgres(connection) => {
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
                    .bind(each().map(|new| time_ordered_id(new.at)).collect::<Vec<Uuid>>());
                connection.fetch_all(query).await?
            }
            Database::Sqlite { writer, .. } => Self::on_sqlite(writer, questions).await?,
        };
        let mut made: HashMap<_, _> = made.into_iter().map(|facts| (facts.link_id, facts)).collect();
        let found = questions.iter().map(|new| (new, made.remove(&new.id))).collect();
        links_of(found, &mut self.0).await
    }
}

/// A time as the library writes it to SQLite, so that all times in a column sort together.
fn sqlite_time(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
}
