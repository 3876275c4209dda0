//! Which links items have already, for many who ask at a time.

use chrono::serde::ts_microseconds;
use const_format::concatcp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::ids::{ItemId, LinkId};
use crate::domain::item::Kind;
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::asked::{
    Applications, At, Changed, OnPostgres, Question, Tables, Worth, application, ask, in_place,
};
use crate::service::store::known::{Kept, UNKNOWN};
use crate::service::store::making::NewLink;
use crate::service::store::queue::Statement;

/// What of a link is not in the question for it.
#[derive(FromRow, Serialize, Deserialize)]
pub(super) struct LinkFacts {
    name: String,
    kind: Kind,
    scope: LinkScope,
    pub link_id: LinkId,
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
pub(super) async fn links_of(
    found: Vec<(&NewLink, Option<LinkFacts>)>,
    tables: &mut Tables,
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

/// The links that items have already. None where the caller does not manage the item, or it is not live.
pub(super) struct FindLinks {
    tables: Tables,
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

impl Question for NewLink {
    fn arrays<R>(asked: &[(&Self, i64)], query: OnPostgres<R>) -> OnPostgres<R> {
        let each = || asked.iter().map(|(new, _)| new);
        query
            .bind(each().map(|new| new.item.drive).collect::<Vec<_>>())
            .bind(each().map(|new| new.item.number).collect::<Vec<_>>())
            .bind(each().map(|new| new.app_no).collect::<Vec<_>>())
            .bind(each().map(|new| new.link_type.as_str()).collect::<Vec<_>>())
    }

    fn row(&self, seen: i64) -> impl Serialize {
        (self.item.drive.to_i64(), self.item.number, self.app_no, self.link_type.as_str(), seen)
    }
}

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
    pub fn new(tables: Tables) -> Self {
        Self { tables, worth: Worth::unknown() }
    }

    async fn find(&mut self, questions: &[NewLink]) -> Result<Vec<Option<Facts>>> {
        let lineage = self.tables.lineage().await?;
        let Tables { database, known, metrics, .. } = &mut self.tables;
        let kept: Vec<Option<Kept<Facts>>> =
            questions.iter().map(|new| known.found(new.into(), lineage)).collect();
        let seen = kept.iter().map(|kept| kept.as_ref().map_or(UNKNOWN, |kept| kept.change));
        let asked: Vec<(&NewLink, i64)> = questions.iter().zip(seen).collect();
        let rows: Vec<At<Changed<Facts>>> = ask(database, FIND_CHANGED, &asked).await?;
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
        self.tables.lineage().await?;
        let Tables { database, metrics, .. } = &mut self.tables;
        let asked: Vec<(&NewLink, i64)> = questions.iter().map(|new| (new, UNKNOWN)).collect();
        let rows: Vec<At<Facts>> = ask(database, FIND, &asked).await?;
        metrics.not_looked_for(questions.len());
        Ok(in_place(questions.len(), rows))
    }
}
