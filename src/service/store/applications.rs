//! Applications: their numbers and names.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::error::{Error, Result};
use crate::service::store::Store;
use crate::service::store::asked::json_text;
use crate::service::store::connect::ACQUIRE_LIMIT;
use crate::service::store::own_connection::OwnDatabase;
use crate::service::store::statement::{STATEMENT_LIMIT, on};

/// How many applications are remembered; past that, those that were used least are forgotten.
const REMEMBERED: usize = 10_000;
/// How many applications may be written at once.
const TURNS: usize = 32;
/// How old a name may be that was changed meanwhile. Answers with names in them are repeated for a second at most.
const NAMES_LAST: Duration = Duration::from_secs(4);

/// What is remembered of applications. Of thousands of links that are made or opened in a second, most are
/// of the same few.
pub(super) struct KnownApplications {
    /// Numbers, which never change, and the names that this server wrote last.
    numbers: Cache<String, (i32, Option<String>)>,
    /// Of which run of which database they are.
    run: AtomicI64,
    /// By number, as the table has them, and when it was asked for them.
    by_number: Cache<i32, (Instant, Application)>,
    /// Names by id, likewise.
    names: Cache<String, (Instant, Option<String>)>,
    /// Whoever writes one. Of many requests of an application that is new, one writes it; others seldom have its turn.
    turns: [Mutex<()>; TURNS],
    /// Whoever asks for names.
    asking: Mutex<()>,
}

impl Default for KnownApplications {
    fn default() -> Self {
        Self {
            numbers: Cache::new(REMEMBERED),
            run: AtomicI64::new(0),
            by_number: Cache::new(REMEMBERED),
            names: Cache::new(REMEMBERED),
            turns: Default::default(),
            asking: Mutex::default(),
        }
    }
}

impl KnownApplications {
    /// None where the application is not known, or has a name that was not written yet.
    fn number(&self, application: &Application) -> Option<i32> {
        let (number, name) = self.numbers.get(&application.id)?;
        (application.name.is_none() || application.name == name).then_some(number)
    }

    /// Lets the numbers go that another run gave.
    pub fn begin_run(&self, run: i64) {
        if self.run.load(Ordering::Relaxed) != run && self.run.swap(run, Ordering::Relaxed) != run {
            self.numbers.clear();
        }
    }

    fn turn(&self, application: &Application) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        application.id.hash(&mut hasher);
        &self.turns[(hasher.finish() % TURNS as u64) as usize]
    }

    /// What was just written: the name is asked for anew, for another may have been written at once.
    fn remember(&self, application: &Application, number: i32) {
        self.numbers.insert(application.id.clone(), (number, application.name.clone()));
        self.by_number.remove(&number);
        self.names.remove(&application.id);
    }

    /// None where it is to be asked for.
    fn name(&self, id: &str) -> Option<Option<String>> {
        let (asked_at, name) = self.names.get(id)?;
        (asked_at.elapsed() < NAMES_LAST).then_some(name)
    }

    /// Whether all are called as they were; none where one's name is to be asked for.
    fn are_called<'a>(&self, mut applications: impl Iterator<Item = &'a Application>) -> Option<bool> {
        let is_called = |application: &Application| Some(self.name(&application.id)? == application.name);
        applications.try_fold(true, |all, application| Some(all && is_called(application)?))
    }

    /// Applications by their numbers. Those are asked for that are not known, or were asked for too long ago.
    pub async fn of_numbers(
        &self,
        numbers: impl Iterator<Item = i32>,
        database: &mut OwnDatabase,
    ) -> Result<HashMap<i32, Application>> {
        let mut wanted: Vec<i32> = numbers.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = HashMap::with_capacity(wanted.len());
        wanted.retain(|number| match self.by_number.get(number) {
            Some((asked_at, application)) if asked_at.elapsed() < NAMES_LAST => {
                found.insert(*number, application);
                false
            }
            _ => true,
        });
        if wanted.is_empty() {
            return Ok(found);
        }
        let asked_at = Instant::now();
        for (number, id, name) in read(database, &wanted).await? {
            let application = Application { id, name };
            self.by_number.insert(number, (asked_at, application.clone()));
            found.insert(number, application);
        }
        Ok(found)
    }
}

const APPLICATIONS_ON_POSTGRES: &str =
    "SELECT app_no, app_id, display_name FROM applications WHERE app_no = ANY($1)";
const APPLICATIONS_ON_SQLITE: &str = "
    SELECT app_no, app_id, display_name FROM applications WHERE app_no IN (SELECT value FROM json_each($1))";

async fn read(database: &mut OwnDatabase, numbers: &[i32]) -> Result<Vec<(i32, String, Option<String>)>> {
    let array = || sqlx::query_as(APPLICATIONS_ON_POSTGRES).bind(numbers);
    let text = || sqlx::query_as(APPLICATIONS_ON_SQLITE).bind(json_text(numbers.iter()));
    database.fetch_all(array, text).await
}

impl Store {
    /// Whether applications are called still what they were called when something was read that is kept.
    pub async fn are_still_called(
        &self,
        applications: impl Iterator<Item = &Application> + Clone,
    ) -> Result<bool> {
        if let Some(are_called) = self.applications.are_called(applications.clone()) {
            return Ok(are_called);
        }
        let asked = self.ask_for_names(applications.clone());
        let asked = tokio::time::timeout(ACQUIRE_LIMIT + STATEMENT_LIMIT, asked).await;
        asked.map_err(|_| Error::unavailable("applications' names could not be read in time"))??;
        // One that is forgotten at once is asked for with what it was asked for.
        Ok(self.applications.are_called(applications).unwrap_or(false))
    }

    /// Asks for all names that are too old. Many find that at the same moment: one asks for them.
    async fn ask_for_names(&self, applications: impl Iterator<Item = &Application> + Clone) -> Result<()> {
        let _turn = self.applications.asking.lock().await;
        let old = applications.filter(|application| self.applications.name(&application.id).is_none());
        let old: Vec<String> = old.map(|application| application.id.clone()).collect();
        if old.is_empty() {
            return Ok(());
        }
        let asked_at = Instant::now();
        let mut tx = self.read("application_names").await?;
        for id in old {
            let name: Option<Option<String>> = on!(tx, |connection| sqlx::query_scalar(
                "SELECT display_name FROM applications WHERE app_id = $1"
            )
            .bind(&id)
            .fetch_optional(connection))?;
            self.applications.names.insert(id, (asked_at, name.flatten()));
        }
        Ok(())
    }

    /// The application's number; it gets one, and its name is kept, where that is new.
    pub async fn application_number(&self, application: &Application, now: Timestamp) -> Result<i32> {
        if let Some(number) = self.applications.number(application) {
            return Ok(number);
        }
        let written = self.write_application(application, now);
        let written = tokio::time::timeout(ACQUIRE_LIMIT + STATEMENT_LIMIT, written).await;
        written.map_err(|_| Error::unavailable("an application could not be written in time"))?
    }

    async fn write_application(&self, application: &Application, now: Timestamp) -> Result<i32> {
        let _turn = self.applications.turn(application).lock().await;
        if let Some(number) = self.applications.number(application) {
            return Ok(number);
        }
        let number = self
            .write("application_number", async |tx| {
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
