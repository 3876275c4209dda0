//! What is asked for many at a time, as PostgreSQL and SQLite take it: to the one questions come as arrays, one for
//! each column, to the other as a JSON text. So each statement is two pieces: questions as a database takes them, and
//! what is done with them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, FromRow, Postgres, Row, Type};

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::error::{Error, Result};
use crate::service::store::applications::KnownApplications;
use crate::service::store::known::{Known, Lineage};
use crate::service::store::own_connection::OwnDatabase;
use crate::telemetry::KnownMetrics;

/// What a task asks: a database of its own, and what all know.
pub(super) struct Tables {
    pub database: OwnDatabase,
    pub applications: Arc<KnownApplications>,
    pub known: Arc<Known>,
    pub metrics: KnownMetrics,
}

impl Tables {
    /// Which run of which database is asked next, and since when what was read there counts. Applications' numbers are
    /// of a run, too: another may lack some, and give their numbers to others.
    pub async fn lineage(&mut self) -> Result<Lineage> {
        let run = self.database.connect().await?;
        self.applications.begin_run(run);
        Ok(self.known.lineage(run))
    }
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
    pub row: T,
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
pub(super) fn json_text(questions: impl Iterator<Item = impl Serialize>) -> String {
    let mut text = Vec::new();
    let written = serde_json::Serializer::new(&mut text).collect_seq(questions);
    written.expect("numbers and texts can be written as JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// A time as the library writes it to SQLite, so that all times in a column sort together.
pub(super) fn sqlite_time(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
}

/// Whether it pays to keep answers: where most is asked for once, to look for what is kept and to ask whether it holds
/// costs more than it saves. Now and then it is tried again.
pub(super) struct Worth {
    /// The share of questions of late that were answered from memory.
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
    pub fn unknown() -> Self {
        Self { share: 1.0, batches: 0 }
    }

    pub fn pays(&mut self) -> bool {
        self.batches += 1;
        let is_trial = self.batches >= Self::TRIAL;
        if is_trial {
            self.batches = 0;
        }
        is_trial || self.share >= Self::LEAST
    }

    pub fn told(&mut self, hits: usize, all: usize) {
        self.share += Self::WEIGHT * (hits as f64 / all.max(1) as f64 - self.share);
    }
}

/// A statement of PostgreSQL, with what is bound to it.
pub(super) type OnPostgres<R> = QueryAs<'static, Postgres, R, PgArguments>;

/// A question about a link of which something may be known.
pub(super) trait Question: Sync {
    /// Binds questions, an array for each column, without the numbers that their drives were seen with.
    fn arrays<R>(asked: &[(&Self, i64)], query: OnPostgres<R>) -> OnPostgres<R>;

    /// The question as a row, the number that its drive was seen with at its end.
    fn row(&self, seen: i64) -> impl Serialize;
}

/// Rows for questions, each with the number that its drive was seen with.
pub(super) async fn ask<Q: Question, R>(
    database: &mut OwnDatabase,
    [on_postgres, on_sqlite]: [&'static str; 2],
    asked: &[(&Q, i64)],
) -> Result<Vec<At<R>>>
where
    At<R>: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    let arrays = || {
        let seen: Vec<i64> = asked.iter().map(|(_, seen)| *seen).collect();
        Q::arrays(asked, sqlx::query_as(on_postgres)).bind(seen)
    };
    let text =
        || sqlx::query_as(on_sqlite).bind(json_text(asked.iter().map(|(asked, seen)| asked.row(*seen))));
    database.fetch_all(arrays, text).await
}

/// What is not as it was seen: its drive's number, and its row; none where that is gone.
pub(super) struct Changed<T> {
    pub change: Option<i64>,
    pub row: Option<T>,
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
