//! Applications: their numbers and names.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::clock::Timestamp;
use crate::domain::identity::Application;
use crate::error::Result;
use crate::store::{Store, on};

/// How many applications are remembered; past that, all are forgotten and asked for again.
const REMEMBERED: usize = 10_000;

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
