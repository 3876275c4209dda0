//! What clients tell of an item besides its name and its bytes.

use chrono::{Datelike, SubsecRound, Timelike};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::domain::item::ClientProperties;
use crate::error::{Error, Result};

/// Characters that a description may have.
const LONGEST_DESCRIPTION: usize = 4096;

/// Part of a body that makes or changes an item.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropertiesBody {
    file_system_info: Option<ClientTimes>,
    /// Null or empty to have none any more.
    #[schema(max_length = 4096)]
    #[serde(default, deserialize_with = "told")]
    description: Option<Option<String>>,
}

/// Times of the client's own disk.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClientTimes {
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "client_time")]
    created_date_time: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "client_time")]
    last_modified_date_time: Option<Timestamp>,
}

/// Tells null from what is not there.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A time that all clients can read again: of a year with four digits, and of no leap second.
fn client_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(at) = Option::<Timestamp>::deserialize(deserializer)? else { return Ok(None) };
    if !(1..=9999).contains(&at.year()) || at.nanosecond() >= 1_000_000_000 {
        return Err(serde::de::Error::custom("a time beyond what can be kept"));
    }
    Ok(Some(at.trunc_subsecs(6)))
}

impl PropertiesBody {
    pub fn properties(self) -> Result<ClientProperties> {
        let description = self.description.map(Option::unwrap_or_default);
        if let Some(text) = &description {
            if text.chars().count() > LONGEST_DESCRIPTION {
                return Err(Error::invalid_request("The description is longer than 4096 characters."));
            }
            // PostgreSQL keeps none.
            if text.contains('\0') {
                return Err(Error::invalid_request("The description has a character that can't be kept."));
            }
        }
        let (created_at, modified_at) = self
            .file_system_info
            .map(|times| (times.created_date_time, times.last_modified_date_time))
            .unwrap_or_default();
        Ok(ClientProperties { created_at, modified_at, description })
    }
}
