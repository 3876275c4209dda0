//! Applications: their numbers and names.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::error::Result;
use crate::store::own_connection::Database;
use crate::store::{Store, begin, on, within_limit};

/// How many applications are remembered; past that, all are forgotten and asked for again.
const REMEMBERED: usize = 10_000;
/// How old a name may be that another server has changed.
const NAMES_LAST: Duration = Duration::from_secs(5);

/// What is remembered of applications. Of thousands of links that are made or opened in a second, most are
/// of the same few.
#[derive(Debug)]
pub(super) struct KnownApplications(RwLock<Known>);

#[derive(Debug)]
struct Known {
    /// Numbers, which never change, and the names that this server wrote last.
    numbers: HashMap<String, (i32, Option<String>)>,
    /// By number, as the table has them.
    by_number: HashMap<i32, Application>,
    /// When the first of them was read.
    read_since: Instant,
    /// When this server wrote a name last: what was read before may be an older one.
    written_at: Instant,
}

impl Default for KnownApplications {
    fn default() -> Self {
        let now = Instant::now();
        let (numbers, by_number) = (HashMap::new(), HashMap::new());
        Self(RwLock::new(Known { numbers, by_number, read_since: now, written_at: now }))
    }
}

impl KnownApplications {
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// None where the application is not known, or has a name that was not written yet.
    fn number(&self, application: &Application) -> Option<i32> {
        let known = self.known();
        let (number, name) = known.numbers.get(&application.id)?;
        (application.name.is_none() || application.name == *name).then_some(*number)
    }

    fn remember(&self, application: &Application, number: i32) {
        let mut known = self.known_mut();
        if known.numbers.len() >= REMEMBERED {
            known.numbers.clear();
        }
        known.numbers.insert(application.id.clone(), (number, application.name.clone()));
        // It may have a new name.
        known.by_number.remove(&number);
        known.written_at = Instant::now();
    }

    /// Applications by their numbers. Those are asked for that are not known, or were asked for too long ago.
    pub async fn of_numbers(
        &self,
        numbers: impl Iterator<Item = i32>,
        database: &mut Database,
    ) -> Result<HashMap<i32, Application>> {
        let mut wanted: Vec<i32> = numbers.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = HashMap::new();
        {
            let known = self.known();
            if known.read_since.elapsed() < NAMES_LAST {
                let known = |number: &i32| Some((*number, known.by_number.get(number)?.clone()));
                found.extend(wanted.iter().filter_map(known));
            }
        }
        wanted.retain(|number| !found.contains_key(number));
        if wanted.is_empty() {
            return Ok(found);
        }
        let asked_at = Instant::now();
        let rows = read(database, &wanted).await?;
        let read: Vec<_> =
            rows.into_iter().map(|(number, id, name)| (number, Application { id, name })).collect();
        found.extend(read.iter().cloned());
        let mut known = self.known_mut();
        if known.read_since + NAMES_LAST < asked_at || known.by_number.len() >= REMEMBERED {
            known.by_number.clear();
            known.read_since = asked_at;
        }
        if known.written_at.max(known.read_since) <= asked_at {
            known.by_number.extend(read);
        }
        Ok(found)
    }
}

macro_rules! select_applications {
    ($numbers:literal) => {
        concat!("SELECT app_no, app_id, display_name FROM applications WHERE app_no IN (", $numbers, ")")
    };
}

async fn read(database: &mut Database, numbers: &[i32]) -> Result<Vec<(i32, String, Option<String>)>> {
    match database {
        Database::Postgres(connection) => {
            let query = sqlx::query_as(select_applications!("SELECT unnest($1::integer[])")).bind(numbers);
            connection.fetch_all(query).await
        }
        Database::Sqlite { readers, .. } => {
            let mut reader = begin(readers.acquire()).await?;
            let query = sqlx::query_as(select_applications!("SELECT value FROM json_each($1)"))
                .bind(serde_json::json!(numbers).to_string());
            within_limit(query.fetch_all(&mut *reader)).await
        }
    }
}

impl Store {
    /// The application's number; it gets one, and its name is kept, where that is new.
    pub async fn application_number(&self, application: &Application, now: Timestamp) -> Result<i32> {
        if let Some(number) = self.applications.number(application) {
            return Ok(number);
        }
        let number = self
            .write(async |tx| {
                on!(tx, |connection| sqlx::query_scalar(
                    "INSERT INTO applications (app_id, display_name, first_seen_at) VALUES ($1, $2, $3)
                     ON CONFLICT (app_id) DO UPDATE
                     SET display_name = coalesce(excluded.display_name, applications.display_name)
                     RETURNING app_no"
                )
                .bind(&application.id)
                .bind(&application.name)
                .bind(now)
                .fetch_one(connection))
            })
            .await?;
        self.applications.remember(application, number);
        Ok(number)
    }
}
