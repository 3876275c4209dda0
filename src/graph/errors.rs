//! An error in Graph's shape: <https://learn.microsoft.com/graph/errors>.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::graph::wire::time;
use crate::telemetry::RequestIds;

#[derive(Serialize, ToSchema)]
pub struct ErrorBody<'a> {
    error: OuterError<'a>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OuterError<'a> {
    code: &'a str,
    message: String,
    inner_error: InnerError<'a>,
}

#[derive(Serialize, ToSchema)]
struct InnerError<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    date: String,
    #[serde(rename = "request-id")]
    request_id: String,
    #[serde(rename = "client-request-id")]
    client_request_id: String,
}

pub fn answer(error: &Error, ids: Option<&RequestIds>, now: Timestamp) -> HttpResponse {
    let request_id = ids.map(|ids| ids.request.to_string()).unwrap_or_default();
    let client_request_id = ids.and_then(|ids| ids.client.clone()).unwrap_or_else(|| request_id.clone());
    HttpResponse::build(error.status()).json(ErrorBody {
        error: OuterError {
            code: error.code(),
            message: error.to_string(),
            inner_error: InnerError {
                code: error.inner_code(),
                date: time(now),
                request_id,
                client_request_id,
            },
        },
    })
}
