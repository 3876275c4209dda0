//! Sharing links: every statement about them but the lists for those who answer for the installation.
//!
//! The three that most requests come down to are asked for many at a time: their questions come as arrays, which
//! PostgreSQL and SQLite take differently, so each is two pieces, the questions as a database takes them, and what is
//! done with them.

use std::collections::HashMap;
use std::sync::Arc;

use const_format::{concatcp, str_replace};
use serde_json::{Value, json};
use sqlx::{FromRow, SqlitePool};
use uuid::Uuid;

use crate::clock::{Timestamp, time_ordered_id};
use crate::domain::identity::{Application, Caller};
use crate::domain::ids::{ItemId, LinkAt, LinkId};
use crate::domain::item::{Item, Kind};
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::{Error, Result};
use crate::keys::ProvenLink;
use crate::service::store::applications::KnownApplications;
use crate::service::store::audit::LinkEnd;
use crate::service::store::connect::begin;
use crate::service::store::items::{ItemRow, NumberedApplications};
use crate::service::store::own_connection::OwnDatabase;
use crate::service::store::queue::Statement;
use crate::service::store::statement::{Tx, on, within_limit};

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
            "WITH RECURSIVE up (item_no, parent_no, name, kind, depth) AS (
                 SELECT item_no, parent_no, name, kind, 0 FROM items WHERE drive_id = $1 AND item_no = $2
                 UNION ALL
                 SELECT p.item_no, p.parent_no, p.name, p.kind, up.depth + 1
                 FROM up LEFT JOIN items p ON p.drive_id = $1 AND p.item_no = up.parent_no
                 WHERE up.parent_no IS NOT NULL
             )
             SELECT l.drive_id, l.item_no, i.name, i.kind, l.type, l.scope, l.link_id, l.key_epoch, l.created_at,
                    a.app_id, a.display_name
             FROM up i CROSS JOIN links l JOIN applications a ON a.app_no = l.app_no
             WHERE l.drive_id = $1 AND l.item_no = i.item_no
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

/// What a task asks: a database of its own, and the applications that all know.
pub(super) struct LinkTables {
    pub database: OwnDatabase,
    pub applications: Arc<KnownApplications>,
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
pub(super) fn json_text(questions: impl Iterator<Item = Value>) -> String {
    Value::Array(questions.collect()).to_string()
}

/// What links open. None where the link is revoked or its item not live.
pub(super) struct OpenLinks(pub LinkTables);

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

/// What links open: link, item and current version in one statement, so that no two moments mix. Applications stay
/// numbers: to look three of them up makes the statement noticeably slower. Of the item's links only the one that is
/// opened is told: whoever opens it knows of no other.
const OPEN_LINKS: &str = "
    SELECT q.place, i.drive_id, i.item_no, i.parent_no, i.name, i.kind, i.change_no,
           i.deleted_at IS NOT NULL AS deleted,
           i.created_at, i.created_by, i.created_app_no, i.modified_at, i.modified_by, i.modified_app_no,
           i.client_created_at, i.client_modified_at, i.current_version, i.content_key, i.size, i.mime_type,
           i.quick_xor_hash, i.sha1_hash, i.sha256_hash, d.tenant, d.owner, d.owner_name, l.scope AS shared,
           i.child_count, i.description,
           l.type AS link_type, l.scope, l.key_epoch, l.created_at AS link_created_at, l.app_no AS link_app_no
    FROM q CROSS JOIN links l CROSS JOIN items i JOIN drives d ON d.drive_id = i.drive_id
    WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.link_id = q.link_id
      AND i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL";
const OPEN_ON_POSTGRES: &str = concatcp!(
    "WITH q (place, drive_id, item_no, link_id) AS (
         SELECT u.place - 1, u.drive_id, u.item_no, u.link_id
         FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) WITH ORDINALITY AS u (drive_id, item_no, link_id, place)
     )",
    OPEN_LINKS
);
const OPEN_ON_SQLITE: &str = concatcp!(
    "WITH q (place, drive_id, item_no, link_id) AS (
         SELECT key, value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1)
     )",
    OPEN_LINKS
);

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
    async fn open(&mut self, questions: &[ProvenLink]) -> Result<Vec<Option<OpenedLink>>> {
        let rows: Vec<At<OpenedRow>> = match &mut self.0.database {
            OwnDatabase::Postgres(connection) => {
                let each = || questions.iter().map(|link| link.at());
                let query = sqlx::query_as(OPEN_ON_POSTGRES)
                    .bind(each().map(|at| at.item.drive).collect::<Vec<_>>())
                    .bind(each().map(|at| at.item.number).collect::<Vec<_>>())
                    .bind(each().map(|at| at.link).collect::<Vec<_>>());
                connection.fetch_all(query).await?
            }
            OwnDatabase::Sqlite { readers, .. } => {
                let mut reader = begin(readers.acquire()).await?;
                let each = questions.iter().map(|link| link.at());
                let query = sqlx::query_as(OPEN_ON_SQLITE).bind(json_text(
                    each.map(|at| json!([at.item.drive.to_i64(), at.item.number, at.link.to_hex()])),
                ));
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
        id: proven.at().link,
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

pub(super) struct FindLinks(pub LinkTables);

/// The links that items have already of an application and a type, where the caller manages the item and it is live.
const FIND_LINKS: &str = "
    SELECT q.place, i.name, i.kind, l.scope, l.link_id, l.key_epoch, l.created_at
    FROM q CROSS JOIN links l CROSS JOIN items i JOIN drives d ON d.drive_id = l.drive_id
    WHERE l.drive_id = q.drive_id AND l.item_no = q.item_no AND l.app_no = q.app_no AND l.type = q.type
      AND i.drive_id = l.drive_id AND i.item_no = l.item_no AND i.deleted_at IS NULL
      AND d.tenant = q.tenant AND d.owner = coalesce(q.owner, d.owner)";
const FIND_ON_POSTGRES: &str = concatcp!(
    "WITH q (place, drive_id, item_no, app_no, type, tenant, owner) AS (
         SELECT u.place - 1, u.drive_id, u.item_no, u.app_no, u.type, u.tenant, u.owner
         FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[])
              WITH ORDINALITY AS u (drive_id, item_no, app_no, type, tenant, owner, place)
     )",
    FIND_LINKS
);
const FIND_ON_SQLITE: &str = concatcp!(
    "WITH q (place, drive_id, item_no, app_no, type, tenant, owner) AS (
         SELECT key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each($1)
     )",
    FIND_LINKS
);

impl Statement for FindLinks {
    type Question = NewLink;
    type Answer = Option<Link>;

    async fn ask(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Link>>> {
        let rows: Vec<At<LinkFacts>> = match &mut self.0.database {
            OwnDatabase::Postgres(connection) => {
                let each = || questions.iter();
                let query = sqlx::query_as(FIND_ON_POSTGRES)
                    .bind(each().map(|new| new.item.drive).collect::<Vec<_>>())
                    .bind(each().map(|new| new.item.number).collect::<Vec<_>>())
                    .bind(each().map(|new| new.app_no).collect::<Vec<_>>())
                    .bind(each().map(|new| new.link_type.as_str()).collect::<Vec<_>>())
                    .bind(each().map(|new| new.caller.tenant.as_str()).collect::<Vec<_>>())
                    .bind(each().map(|new| new.caller.user_id()).collect::<Vec<_>>());
                connection.fetch_all(query).await?
            }
            OwnDatabase::Sqlite { readers, .. } => {
                let mut reader = begin(readers.acquire()).await?;
                let query = sqlx::query_as(FIND_ON_SQLITE).bind(json_text(questions.iter().map(|new| {
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
