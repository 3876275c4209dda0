//! What links open, for many who ask at a time.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::serde::ts_microseconds;
use const_format::concatcp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::item::Item;
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::keys::ProvenLink;
use crate::service::shown::Shown;
use crate::service::store::asked::{
    Applications, At, Changed, OnPostgres, Question, Tables, Worth, application, ask, in_place,
};
use crate::service::store::items::{ItemRow, NumberedApplications};
use crate::service::store::known::{Kept, Known, KnownOpen, Lineage, ReadyOpen, UNKNOWN};
use crate::service::store::queue::Statement;

/// What a link opens, at the moment it was asked for.
#[derive(Clone, Debug)]
pub struct OpenedLink {
    pub link: Arc<Link>,
    pub item: Arc<Item>,
    /// Where it is kept what it is shown as, if that is worth keeping.
    pub shown: Option<Arc<Shown>>,
}

/// What links open. None where the link is revoked or its item not live.
pub(super) struct OpenLinks {
    tables: Tables,
    worth: Worth,
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
    pub fn new(tables: Tables) -> Self {
        Self { tables, worth: Worth::unknown() }
    }

    async fn open(&mut self, questions: &[ProvenLink]) -> Result<Vec<Option<OpenedLink>>> {
        let keeps = self.tables.known.keeps();
        if !keeps || !self.worth.pays() {
            return self.open_anew(questions).await;
        }
        // What is known counts where the connection that proves it leads to the same database.
        let lineage = self.tables.lineage().await?;
        let Tables { database, applications, known, metrics } = &mut self.tables;
        let kept: Vec<Option<Kept<KnownOpen>>> =
            questions.iter().map(|link| known.opened(link, lineage)).collect();
        let seen = kept.iter().map(|kept| kept.as_ref().map_or(UNKNOWN, |kept| kept.change));
        let asked: Vec<(&ProvenLink, i64)> = questions.iter().zip(seen).collect();
        let rows: Vec<At<Changed<OpenedRow>>> = ask(database, OPEN_CHANGED, &asked).await?;
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
        self.tables.lineage().await?;
        let Tables { database, applications, metrics, .. } = &mut self.tables;
        let asked: Vec<(&ProvenLink, i64)> = questions.iter().map(|link| (link, UNKNOWN)).collect();
        let rows: Vec<At<OpenedRow>> = ask(database, OPEN, &asked).await?;
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

impl Question for ProvenLink {
    fn arrays<R>(asked: &[(&Self, i64)], query: OnPostgres<R>) -> OnPostgres<R> {
        let each = || asked.iter().map(|(link, _)| link.at());
        query
            .bind(each().map(|at| at.item.drive).collect::<Vec<_>>())
            .bind(each().map(|at| at.item.number).collect::<Vec<_>>())
            .bind(each().map(|at| at.link).collect::<Vec<_>>())
    }

    fn row(&self, seen: i64) -> impl Serialize {
        let at = self.at();
        (at.item.drive.to_i64(), at.item.number, at.link.to_hex(), seen)
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
