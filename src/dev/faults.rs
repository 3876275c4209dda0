//! Faults that tests order: the next requests of a kind fail, or are slow.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::clock::Timestamp;
use crate::dev::asked::{Asked, Which};
use crate::error::{Error, Result};
use crate::graph::errors::ErrorBody;
use crate::telemetry::RequestIds;

/// Faults that wait for their requests, at most.
const MOST: usize = 1_000;
const LONGEST_DELAY: f64 = 300.0;

/// What is to happen to the next requests of a kind.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    #[serde(rename = "match", default)]
    pub which: Which,
    /// From 400 to 599; none where they are answered as they would be, only later.
    pub status: Option<u16>,
    /// The error's code; by the status where there is none.
    pub code: Option<String>,
    /// Seconds, told by `Retry-After`.
    pub retry_after: Option<u32>,
    /// Seconds that they wait.
    pub delay: Option<f64>,
    /// How many requests there are to be.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// Refuses what is no fault.
    pub fn check(&self) -> Result<()> {
        if self.status.is_none() && self.delay.is_none() {
            return Err(Error::invalid_request("A fault has a status, a delay, or both."));
        }
        if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            return Err(Error::invalid_request("The status of a fault is from 400 to 599."));
        }
        if self.delay.is_some_and(|delay| !(0.0..=LONGEST_DELAY).contains(&delay)) {
            return Err(Error::invalid_request("The delay of a fault is from 0 to 300 seconds."));
        }
        if self.times == 0 {
            return Err(Error::invalid_request("A fault is for one request at least."));
        }
        Ok(())
    }

    pub fn delay(&self) -> Option<Duration> {
        self.delay.map(Duration::from_secs_f64)
    }

    /// The answer in Graph's shape; none where the request goes on.
    pub fn answer(&self, ids: Option<&RequestIds>, now: Timestamp) -> Option<HttpResponse> {
        let status = StatusCode::from_u16(self.status?).ok()?;
        let code = self.code.as_deref().unwrap_or(usual_code(status));
        let message = "This answer was ordered by POST /dev/faults.".to_owned();
        let mut answer = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after {
            answer.insert_header((RETRY_AFTER, seconds));
        }
        Some(answer.json(ErrorBody::of(code.to_owned(), None, message, ids, now)))
    }
}

/// <https://learn.microsoft.com/graph/errors>
fn usual_code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "InvalidAuthenticationToken",
        403 => "accessDenied",
        404 => "itemNotFound",
        409 => "nameAlreadyExists",
        412 => "resourceModified",
        429 => "activityLimitReached",
        500 => "generalException",
        503 => "serviceNotAvailable",
        507 => "quotaLimitReached",
        400..500 => "invalidRequest",
        _ => "generalException",
    }
}

/// Faults that wait for their requests, the oldest first.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    fn all(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn order(&self, fault: Fault) -> Result<()> {
        fault.check()?;
        let mut all = self.all();
        if all.len() == MOST {
            return Err(Error::TooBusy(
                "So many faults wait for their requests already: DELETE /dev/faults.",
            ));
        }
        all.push(fault);
        Ok(())
    }

    pub fn list(&self) -> Vec<Fault> {
        self.all().clone()
    }

    /// Those of a tenant's requests, or all.
    pub fn forget(&self, tenant: Option<&str>) {
        self.all().retain(|fault| tenant.is_some() && fault.which.tenant.as_deref() != tenant);
    }

    /// The fault that a request is to have.
    pub fn take(&self, asked: &Asked) -> Option<Fault> {
        let mut all = self.all();
        let at = all.iter().position(|fault| fault.which.includes(asked))?;
        all[at].times -= 1;
        Some(if all[at].times == 0 { all.remove(at) } else { all[at].clone() })
    }
}
