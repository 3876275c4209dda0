//! Answers that are given again while nobody has committed anything: whether that is so is one short question for all
//! that are asked at a time.
//!
//! PostgreSQL tells which transactions a statement sees, and SQLite counts the commits of others that a connection has
//! come to see. Two statements that see the same give the same rows. That is so of a PostgreSQL that has all tables
//! itself; one that spreads them over others writes there without a transaction of its own.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::service::store::asked::{Tables, Worth};
use crate::service::store::known::Lineage;
use crate::service::store::queue::Statement;

/// What a statement sees, in which run of the server. A standby does not tell it all: its snapshots leave out which
/// transactions are under way.
/// <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>
const SIGHT_ON_POSTGRES: &str = "
    SELECT CASE WHEN NOT pg_is_in_recovery()
                THEN concat_ws(' ', pg_current_snapshot(), pg_postmaster_start_time()) END";
/// <https://www.sqlite.org/pragma.html#pragma_data_version>
const SIGHT_ON_SQLITE: &str = "SELECT CAST(data_version AS TEXT) FROM pragma_data_version";

/// How many answers are remembered.
const MOST: usize = 1_024;
/// For how long: what applications are called in them may be some seconds old already.
const LASTS: Duration = Duration::from_secs(1);

/// A statement whose answers are the same while what it sees is.
pub(super) trait Repeatable: Statement<Question: Clone + Eq + Hash, Answer: Clone + Sync> {
    fn tables(&mut self) -> &mut Tables;

    /// Whether a question and its answer take little room.
    fn is_small(question: &Self::Question, answer: &Self::Answer) -> bool;
}

/// What a statement saw, on which of a task's connections to which run of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sight {
    lineage: Lineage,
    connection: u64,
    seen: String,
}

/// Asks only what was not asked since something was committed.
pub(super) struct Repeating<S: Repeatable> {
    statement: S,
    worth: Worth,
    sight: Option<Sight>,
    since: Instant,
    answers: HashMap<S::Question, S::Answer>,
}

impl<S: Repeatable> Repeating<S> {
    pub fn new(statement: S) -> Self {
        let answers = HashMap::new();
        Self { statement, worth: Worth::unknown(), sight: None, since: Instant::now(), answers }
    }

    /// Forgets what was answered, where something was committed since.
    async fn look(&mut self) -> Result<()> {
        let tables = self.statement.tables();
        let lineage = tables.lineage().await?;
        let database = &mut tables.database;
        let (on_postgres, on_sqlite) =
            (|| sqlx::query_as(SIGHT_ON_POSTGRES), || sqlx::query_as(SIGHT_ON_SQLITE));
        let seen: Vec<(Option<String>,)> = database.fetch_all(on_postgres, on_sqlite).await?;
        let seen = seen.into_iter().find_map(|(seen,)| seen);
        let sight = seen.map(|seen| Sight { lineage, connection: database.times_connected(), seen });
        if sight.is_none() || sight != self.sight || self.since.elapsed() > LASTS {
            self.answers.clear();
            self.since = Instant::now();
        }
        self.sight = sight;
        Ok(())
    }
}

impl<S: Repeatable> Statement for Repeating<S> {
    type Question = S::Question;
    type Answer = S::Answer;

    async fn ask(&mut self, questions: &[S::Question]) -> Result<Vec<S::Answer>> {
        if !self.statement.tables().known.keeps() || !self.worth.pays() {
            return self.statement.ask(questions).await;
        }
        self.look().await?;
        let known: Vec<Option<S::Answer>> =
            questions.iter().map(|question| self.answers.get(question).cloned()).collect();
        let open = questions.iter().zip(&known).filter(|(_, known)| known.is_none());
        let open: Vec<S::Question> = open.map(|(question, _)| question.clone()).collect();
        self.worth.told(questions.len() - open.len(), questions.len());
        // What is read now may be newer than what was seen: then something else is seen the next time.
        let new = if open.is_empty() { Vec::new() } else { self.statement.ask(&open).await? };
        for (question, answer) in open.into_iter().zip(&new) {
            if self.sight.is_some() && self.answers.len() < MOST && S::is_small(&question, answer) {
                self.answers.insert(question, answer.clone());
            }
        }
        let mut new = new.into_iter();
        let answers: Option<Vec<S::Answer>> =
            known.into_iter().map(|answer| answer.or_else(|| new.next())).collect();
        answers.ok_or_else(|| Error::internal("a query left its question unanswered"))
    }
}
