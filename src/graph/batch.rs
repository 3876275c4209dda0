//! `$batch`: up to twenty requests in one. <https://learn.microsoft.com/graph/json-batching>
//!
//! Each is sent to the service itself over HTTP, so that it is answered just as if it had come alone.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::{FilesRead, Granted};
use crate::error::{Error, Result};
use crate::graph::body::JsonBody;
use crate::graph::errors::ErrorBody;
use crate::graph::site::Site;

/// Requests of a batch, at most.
const MOST: usize = 20;
/// Bytes of a batch.
const LARGEST: usize = 4 * 1024 * 1024;
/// Headers that belong to one connection, or that the batch itself decides.
const NOT_PASSED_ON: [&str; 6] =
    ["host", "content-length", "connection", "transfer-encoding", "upgrade", "expect"];

#[derive(Deserialize, ToSchema)]
pub struct Batch {
    #[schema(min_items = 1, max_items = 20)]
    requests: Vec<One>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct One {
    id: String,
    #[schema(pattern = "^(GET|POST|PUT|PATCH|DELETE)$")]
    method: String,
    #[schema(pattern = "^/[a-z/]*$")]
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Answers {
    responses: Vec<Answer>,
}

#[derive(Serialize, ToSchema)]
struct Answer {
    id: String,
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

/// Up to twenty requests in one.
#[utoipa::path(post, path = "/v1.0/$batch", tag = "Batches", operation_id = "batch_batch", request_body = Batch, responses((status = 200, description = "Done", body = Answers), (status = "default", description = "What went wrong", body = ErrorBody)))]
pub async fn batch(
    _granted: Granted<FilesRead>,
    request: HttpRequest,
    body: JsonBody<Batch, LARGEST>,
    site: Site,
) -> Result<HttpResponse> {
    let requests = body.0.requests;
    check(&requests)?;
    let token = request.headers().get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let mut responses: Vec<Answer> = Vec::new();
    let mut waiting: Vec<&One> = requests.iter().collect();
    while !waiting.is_empty() {
        let is_answered = |id: &String| responses.iter().any(|answer| answer.id == *id);
        let ready = waiting.iter().position(|one| one.depends_on.iter().all(is_answered));
        let one = waiting.remove(
            ready.ok_or_else(|| Error::invalid_request("The requests depend on each other in a circle."))?,
        );
        let has_failed =
            |id: &String| responses.iter().any(|answer| answer.id == *id && answer.status >= 400);
        let answer = if one.depends_on.iter().any(has_failed) {
            failed_dependency(one)
        } else {
            send(&site, one, token).await?
        };
        responses.push(answer);
    }
    Ok(HttpResponse::Ok().json(Answers { responses }))
}

fn check(requests: &[One]) -> Result<()> {
    if requests.is_empty() || requests.len() > MOST {
        return Err(Error::invalid_request(format!("A batch has 1 to {MOST} requests.")));
    }
    let ids: BTreeSet<&String> = requests.iter().map(|one| &one.id).collect();
    if ids.len() < requests.len() {
        return Err(Error::invalid_request("Two requests of the batch have the same id."));
    }
    for one in requests {
        if one.depends_on.iter().any(|id| !ids.contains(id)) {
            return Err(Error::invalid_request("A request depends on one that is not in the batch."));
        }
        if !matches!(one.method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
            return Err(Error::invalid_request(
                "A request's method is none of GET, POST, PUT, PATCH, DELETE.",
            ));
        }
        if !one.url.starts_with('/')
            || one.url.to_ascii_lowercase().contains("$batch")
            || one.url.to_ascii_lowercase().contains("%24batch")
        {
            return Err(Error::invalid_request("A request's url is not relative, or is a batch itself."));
        }
    }
    Ok(())
}

fn failed_dependency(one: &One) -> Answer {
    let error = json!({ "error": { "code": "failedDependency", "message": "A request that this one depends on has failed." } });
    Answer { id: one.id.clone(), status: 424, headers: BTreeMap::new(), body: Some(error) }
}

async fn send(site: &Site, one: &One, token: Option<&str>) -> Result<Answer> {
    let method = Method::from_bytes(one.method.as_bytes()).map_err(Error::internal)?;
    let mut request = site.http.request(method, format!("{}/v1.0{}", site.own_url, one.url));
    let mut is_json = true;
    let mut has_token = false;
    for (name, value) in &one.headers {
        let name = name.to_ascii_lowercase();
        if NOT_PASSED_ON.contains(&name.as_str()) || name.starts_with("x-forwarded-") {
            continue;
        }
        is_json &= name != "content-type" || value.contains("json");
        has_token |= name == "authorization";
        request = request.header(name, value);
    }
    if let (false, Some(token)) = (has_token, token) {
        request = request.header(AUTHORIZATION.as_str(), token);
    }
    request = match &one.body {
        None => request,
        Some(Value::String(text)) if !is_json => {
            let bytes = STANDARD.decode(text);
            request.body(
                bytes.map_err(|_| Error::invalid_request("A body that is not JSON is base64 in a batch."))?,
            )
        }
        Some(body) => request.body(body.to_string()),
    };
    let answer = match request.build() {
        Ok(request) => site.http.execute(request).await.map_err(Error::unavailable)?,
        Err(_) => return Err(Error::invalid_request("A request of the batch can't be sent as it is.")),
    };
    let status = answer.status().as_u16();
    let headers: BTreeMap<String, String> = answer
        .headers()
        .iter()
        .filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let bytes = answer.bytes().await.map_err(Error::unavailable)?;
    let body = match bytes.is_empty() {
        true => None,
        false => {
            Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(STANDARD.encode(&bytes))))
        }
    };
    Ok(Answer { id: one.id.clone(), status, headers, body })
}
