//! The links on an item and on the folders that it is in, asked for many at a time by who knows already which these
//! are.

use std::sync::Arc;

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::domain::ids::{DriveId, ItemId, LinkId};
use crate::domain::item::Kind;
use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::asked::{Tables, application, json_text};
use crate::service::store::known::Lineage;
use crate::service::store::queue::Statement;
use crate::service::store::repeating::Repeatable;

/// An item, and the folders that it is in: their numbers and names, the item's own first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemsOfLinks {
    pub drive: DriveId,
    pub kind: Kind,
    pub items: Arc<[(i64, String)]>,
}

/// Their links, the nearest first and then the oldest; and how their drive stands.
#[derive(Clone, Debug)]
pub struct ItemsLinks {
    pub lineage: Lineage,
    pub change: i64,
    pub links: Vec<Link>,
}

/// Links of an answer that is repeated, at most.
const REPEATED: usize = 16;

/// None of a drive that is not there.
pub(super) struct AskLinks(pub Tables);

#[derive(FromRow)]
struct LinkOfItemRow {
    place: i64,
    /// Where the item is among those of the question.
    depth: i64,
    next_change: i64,
    r#type: Option<LinkType>,
    scope: Option<LinkScope>,
    link_id: Option<LinkId>,
    key_epoch: Option<i16>,
    created_at: Option<Timestamp>,
    app_no: Option<i32>,
}

/// A row for each item at least, so that a drive that has none of these links is told from none.
const LINKS_OF_ITEMS: &str = "
    SELECT q.place, q.depth, n.next_change, l.type, l.scope, l.link_id, l.key_epoch, l.created_at, l.app_no
    FROM q JOIN counters n ON n.drive_id = q.drive_id
           LEFT JOIN links l ON l.drive_id = q.drive_id AND l.item_no = q.item_no
    ORDER BY q.place, q.depth, l.created_at, l.link_id";
const ON_POSTGRES: &str = const_format::concatcp!(
    "WITH q (place, depth, drive_id, item_no) AS (
         SELECT u.place, u.depth, u.drive_id, u.item_no
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (place, depth, drive_id, item_no)
     )",
    LINKS_OF_ITEMS
);
const ON_SQLITE: &str = const_format::concatcp!(
    "WITH q (place, depth, drive_id, item_no) AS (
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1)
     )",
    LINKS_OF_ITEMS
);

impl Repeatable for AskLinks {
    fn tables(&mut self) -> &mut Tables {
        &mut self.0
    }

    fn is_small(_: &Self::Question, answer: &Self::Answer) -> bool {
        answer.as_ref().is_none_or(|answer| answer.links.len() <= REPEATED)
    }
}

impl Statement for AskLinks {
    type Question = ItemsOfLinks;
    type Answer = Option<ItemsLinks>;

    async fn ask(&mut self, questions: &[ItemsOfLinks]) -> Result<Vec<Option<ItemsLinks>>> {
        let lineage = self.0.lineage().await?;
        let Tables { database, applications, .. } = &mut self.0;
        let each = || {
            questions.iter().enumerate().flat_map(|(place, asked)| {
                let drive = asked.drive;
                let numbers = asked.items.iter().enumerate();
                numbers.map(move |(depth, (number, _))| (place as i64, depth as i64, drive, *number))
            })
        };
        let arrays = || {
            sqlx::query_as(ON_POSTGRES)
                .bind(each().map(|(place, ..)| place).collect::<Vec<i64>>())
                .bind(each().map(|(_, depth, ..)| depth).collect::<Vec<i64>>())
                .bind(each().map(|(_, _, drive, _)| drive).collect::<Vec<DriveId>>())
                .bind(each().map(|(.., number)| number).collect::<Vec<i64>>())
        };
        let text = || {
            let rows = each().map(|(place, depth, drive, number)| (place, depth, drive.to_i64(), number));
            sqlx::query_as(ON_SQLITE).bind(json_text(rows))
        };
        let rows: Vec<LinkOfItemRow> = database.fetch_all(arrays, text).await?;
        let numbers = rows.iter().filter_map(|row| row.app_no);
        let applications = applications.of_numbers(numbers, database).await?;
        let mut answers: Vec<Option<ItemsLinks>> = vec![None; questions.len()];
        for row in rows {
            let place = usize::try_from(row.place).unwrap_or(usize::MAX);
            let (Some(asked), Some(answer)) = (questions.get(place), answers.get_mut(place)) else {
                continue;
            };
            let answer = answer.get_or_insert_with(|| ItemsLinks {
                lineage,
                change: row.next_change,
                links: Vec::new(),
            });
            answer.links.extend(row.link(asked, |number| application(number, &applications))?);
        }
        Ok(answers)
    }
}

impl LinkOfItemRow {
    fn link(
        self,
        asked: &ItemsOfLinks,
        application: impl FnOnce(i32) -> Result<Application>,
    ) -> Result<Option<Link>> {
        let depth = usize::try_from(self.depth).unwrap_or(usize::MAX);
        let (Some(link_type), Some(scope), Some(id), Some(created_at), Some(app_no), Some((number, name))) =
            (self.r#type, self.scope, self.link_id, self.created_at, self.app_no, asked.items.get(depth))
        else {
            return Ok(None);
        };
        Ok(Some(Link {
            id,
            item: ItemId { drive: asked.drive, number: *number },
            item_name: name.clone(),
            item_kind: if depth == 0 { asked.kind } else { Kind::Folder },
            link_type,
            scope,
            // The column's check keeps it within 1 to 255; 0 is in no ring.
            key_epoch: self.key_epoch.and_then(|epoch| u8::try_from(epoch).ok()).unwrap_or(0),
            application: application(app_no)?,
            created_at,
        }))
    }
}
