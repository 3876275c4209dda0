//! Applications: their numbers and names.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::error::Result;
use crate::store::link_batches::Database;
use crate::store::{Store, begin, on, within_limit};

/// How many applications are remembered; past that, all are forgotten and asked for again.
const REMEMBERED: usize = 10_000;
/// How old a name may be that an opened item is shown with.
const NAMES_LAST: Duration = Duration::from_secs(5);

/// Numbers of applications, and the names this server wrote last. A number never changes.
#[derive(Debug, Default)]
pub(super) struct KnownApplications(RwLock<HashMap<String, (i32, Option<String>)>>);

impl KnownApplications {
    /// None where the application is not known, or has a name that was not written yet.
    fn number(&self, application: &Application) -> Option<i32> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (number, name) = known.get(&application.id)?;
        (application.name.is_none() || application.name == *name).then_some(*number)
    }

    fn remember(&self, application: &Application, number: i32) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(application.id.clone(), (number, application.name.clone()));
    }
}

/// Applications by their numbers, for the task that opens links: of thousands of items that are opened
/// in a second, most were made by the same few.
pub(super) struct ApplicationNames {
    known: HashMap<i32, Application>,
    since: Instant,
}

impl ApplicationNames {
    pub fn new() -> Self {
        Self { known: HashMap::new(), since: Instant::now() }
    }

    pub fn get(&self, number: i32) -> Option<&Application> {
        self.known.get(&number)
    }

    /// Asks for those of the applications that are not known, or were asked for too long ago.
    pub async fn learn(&mut self, numbers: impl Iterator<Item = i32>, database: &mut Database) -> Result<()> {
        if self.since.elapsed() > NAMES_LAST || self.known.len() > REMEMBERED {
            *self = Self::new();
        }
        let mut unknown: Vec<i32> = numbers.filter(|number| !self.known.contains_key(number)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        for (number, id, name) in read(database, &unknown).await? {
            self.known.insert(number, Application { id, name });
        }
        Ok(())
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
