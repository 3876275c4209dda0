//! `$batch`: up to twenty requests in one. <https://learn.microsoft.com/graph/json-batching>
//!
//! Each is sent to the service itself over HTTP, so that it is answered just as if it had come alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode_str;
use reqwest::{Method, Request, Url};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::app::OWN_WORD;
use crate::domain::grant::{FilesRead, Granted};
use crate::error::{Error, Result};
use crate::graph::body::{Unread, parse_object};
use crate::graph::errors::ErrorBody;
use crate::graph::list;
use crate::graph::params::TABLE;
use crate::graph::site::Site;
use crate::limits::{BATCH_ANSWERS, BATCH_BODY, BATCH_HEADERS, BATCH_REQUESTS, BATCH_URL};
use crate::telemetry::RequestIds;

/// Headers that belong to one connection, or that the batch itself decides.
const NOT_PASSED_ON: [&str; 7] =
    ["host", "content-length", "connection", "transfer-encoding", "upgrade", "expect", "x-everlink-own"];

// Bodies stay the text that they are: taken apart, they could be many times as large.
#[derive(Deserialize, ToSchema)]
pub struct Batch<'a> {
    #[schema(min_items = 1, max_items = 20)]
    #[serde(borrow, deserialize_with = "at_most::<_, BATCH_REQUESTS, _>")]
    requests: Vec<One<'a>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    /// A number is as good as its digits.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    #[schema(pattern = "^(GET|POST|PUT|PATCH|DELETE)$")]
    method: String,
    /// What follows `/v1.0`, with its query.
    #[schema(pattern = "^/[!-~]*$")]
    url: String,
    /// `Content-Type` for a body; `Authorization` if it is not the batch's.
    #[schema(value_type = BTreeMap<String, String>)]
    #[serde(default, deserialize_with = "few_headers")]
    headers: Vec<(String, String)>,
    /// An object for JSON, the text for `text/…`, else base64.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    /// Ids of requests that go first; if one of them fails this one answers 424.
    #[serde(default, deserialize_with = "at_most::<_, BATCH_REQUESTS, _>")]
    depends_on: Vec<String>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(serde_json::Number),
    }

    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

/// A list, of which no more is read than it may have.
fn at_most<'de, T: Deserialize<'de>, const MOST: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct AtMost<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for AtMost<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut few = Vec::new();
            while let Some(entry) = list.next_element()? {
                if few.len() == MOST {
                    return Err(serde::de::Error::invalid_length(MOST + 1, &self));
                }
                few.push(entry);
            }
            Ok(few)
        }

        /// `null` for none.
        fn visit_unit<E>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }
    }

    deserializer.deserialize_any(AtMost::<T, MOST>(PhantomData))
}

/// A request's headers, of which no more are read than it may have.
fn few_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    struct FewHeaders;

    impl<'de> Visitor<'de> for FewHeaders {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an object of at most {BATCH_HEADERS} headers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut few = Vec::new();
            while let Some(header) = map.next_entry()? {
                if few.len() == BATCH_HEADERS {
                    return Err(serde::de::Error::invalid_length(BATCH_HEADERS + 1, &self));
                }
                few.push(header);
            }
            Ok(few)
        }

        /// `null` for none.
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
    }

    deserializer.deserialize_any(FewHeaders)
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
    /// Null where there is none: some clients read it before they look at the status.
    #[schema(value_type = Option<serde_json::Value>)]
    body: Option<Box<RawValue>>,
}

/// Sends up to twenty requests in one.
///
/// `url` is what follows `/v1.0`. Requests run one after the other, with the batch's token unless they have one of
/// their own. A JSON body is an object; any other is base64, `text/…` as it is. The batch answers 200 even if requests
/// in it fail: look at each `status`.
#[utoipa::path(post, path = TABLE, request_body = Batch,
    responses((status = 200, description = "Done", body = Answers), ErrorBody))]
pub async fn send_batch(
    granted: Granted<FilesRead>,
    request: HttpRequest,
    body: Unread,
    site: Site,
) -> Result<HttpResponse> {
    let turn = site.service().turns.batches.take((&*granted.caller).into()).await?;
    let body = body.read(BATCH_BODY).await?;
    let batch: Batch<'_> = parse_object(&body)?;
    let token = request.headers().get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let sender = Sender { site: &site, ids: RequestIds::get(&request) };
    let own_word = site.own_word(&request);
    // All is checked before anything is done.
    let order = order(&batch.requests)?;
    let mut ready = Vec::new();
    for one in order {
        ready.push((one, prepare(&site, one, token, &own_word)?));
    }
    let mut responses: Vec<Answer> = Vec::new();
    let mut room = BATCH_ANSWERS;
    for (one, request) in ready {
        let has_failed =
            |id: &String| responses.iter().any(|answer| answer.id == *id && answer.status >= 400);
        responses.push(match request {
            _ if one.depends_on.iter().any(has_failed) => {
                sender.refused(one, 424, "failedDependency", "A request that this one depends on has failed.")
            }
            Ok(request) => sender.send(one, request, &mut room).await,
            // Its body is its own fault, and no other's.
            Err(BadBody(why)) => sender.refused(one, 400, "invalidRequest", why),
        });
    }
    Ok(list::answer(turn, &Answers { responses }))
}

/// The requests in an order in which each comes after those that it depends on.
fn order<'b, 'a>(requests: &'b [One<'a>]) -> Result<Vec<&'b One<'a>>> {
    if requests.is_empty() || requests.len() > BATCH_REQUESTS {
        return Err(Error::invalid_request(format!("A batch has 1 to {BATCH_REQUESTS} requests.")));
    }
    let ids: BTreeSet<&String> = requests.iter().map(|one| &one.id).collect();
    if ids.len() < requests.len() {
        return Err(Error::invalid_request("Two requests of the batch have the same id."));
    }
    if requests.iter().flat_map(|one| &one.depends_on).any(|id| !ids.contains(id)) {
        return Err(Error::invalid_request("A request depends on one that is not in the batch."));
    }
    let mut waiting: Vec<&One<'a>> = requests.iter().collect();
    let mut ordered: Vec<&One<'a>> = Vec::new();
    while !waiting.is_empty() {
        let is_before = |id: &String| ordered.iter().any(|one| one.id == *id);
        let next = waiting.iter().position(|one| one.depends_on.iter().all(is_before));
        let circle = || Error::invalid_request("The requests depend on each other in a circle.");
        ordered.push(waiting.remove(next.ok_or_else(circle)?));
    }
    Ok(ordered)
}

/// A body that can't be sent as it is, and why.
struct BadBody(&'static str);

/// The request as the service sends it to itself.
fn prepare(
    site: &Site,
    one: &One<'_>,
    token: Option<&str>,
    own_word: &str,
) -> Result<Result<Request, BadBody>> {
    let bad = |what: &'static str| Error::invalid_request(what);
    let method = match one.method.to_ascii_uppercase().as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(bad("A request's method is none of GET, POST, PUT, PATCH, DELETE.")),
    };
    let mut request = site.loopback().http.request(method, address(site, &one.url)?);
    let mut content_type = None;
    let mut has_token = false;
    for (name, value) in &one.headers {
        let name = name.to_ascii_lowercase();
        if NOT_PASSED_ON.contains(&name.as_str()) || name.starts_with("x-forwarded-") {
            continue;
        }
        if name == "content-type" {
            content_type = Some(value.to_ascii_lowercase());
        }
        has_token |= name == "authorization";
        request = request.header(name, value);
    }
    if let (false, Some(token)) = (has_token, token) {
        request = request.header(AUTHORIZATION.as_str(), token);
    }
    // Answers are to begin with the URL that the batch was sent to, and its client is whose they are.
    request = request.header(OWN_WORD.as_str(), own_word);
    let body = match one.body.map(|body| body_bytes(body, content_type.as_deref())) {
        None => return build(request).map(Ok),
        Some(Err(bad)) => return Ok(Err(bad)),
        Some(Ok(body)) => body,
    };
    build(request.body(body)).map(Ok)
}

fn build(request: reqwest::RequestBuilder) -> Result<Request> {
    request.build().map_err(|_| Error::invalid_request("A request of the batch can't be sent as it is."))
}

/// What a body stands for: JSON is itself, and so is a text of a type of texts; anything else is base64, in whichever
/// alphabet.
fn body_bytes(body: &RawValue, content_type: Option<&str>) -> Result<Vec<u8>, BadBody> {
    let is_json = content_type.is_none_or(|content_type| content_type.contains("json"));
    if is_json {
        return Ok(body.get().as_bytes().to_vec());
    }
    let is_text = content_type.is_some_and(|content_type| content_type.trim_start().starts_with("text/"));
    match serde_json::from_str::<String>(body.get()) {
        Ok(text) if is_text => Ok(text.into_bytes()),
        Ok(text) => {
            let plain: String = text.chars().map(standard).filter(|c| *c != '=').collect();
            STANDARD_NO_PAD.decode(plain).map_err(|_| BadBody("A body of this type is base64 in a batch."))
        }
        Err(_) => Err(BadBody("A body of this type is a text in a batch.")),
    }
}

/// A character of base64url as base64 has it.
fn standard(c: char) -> char {
    match c {
        '-' => '+',
        '_' => '/',
        c => c,
    }
}

/// Where a request of a batch goes: below the API's own prefix, and not to a batch again.
fn address(site: &Site, url: &str) -> Result<Url> {
    let refused = || Error::invalid_request("A request's url is not relative, or is a batch itself.");
    let start = format!("{}/v1.0/", site.loopback().url);
    if url.len() > BATCH_URL {
        return Err(Error::invalid_request(format!("A request's url is longer than {BATCH_URL} bytes.")));
    }
    if Url::parse(url).is_ok() {
        return Err(refused());
    }
    let url =
        Url::parse(&format!("{start}{}", url.strip_prefix('/').unwrap_or(url))).map_err(|_| refused())?;
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    let is_batch = path.trim_end_matches('/').to_ascii_lowercase().ends_with("/$batch");
    if is_batch || !url.as_str().starts_with(&start) { Err(refused()) } else { Ok(url) }
}

/// Sends a batch's requests, one after the other.
struct Sender<'b> {
    site: &'b Site,
    /// Of the batch.
    ids: Option<RequestIds>,
}

impl Sender<'_> {
    /// An answer that the batch itself gives to one of its requests.
    fn refused(&self, one: &One<'_>, status: u16, code: &'static str, message: &str) -> Answer {
        let now = self.site.service().clock.now();
        let error = ErrorBody::of(code, None, message.to_owned(), self.ids.as_ref(), now);
        let headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
        Answer { id: one.id.clone(), status, headers, body: to_raw_value(&error).ok() }
    }

    /// `room` is what there is for the bodies of further answers, in bytes.
    async fn send(&self, one: &One<'_>, request: Request, room: &mut usize) -> Answer {
        match self.try_to_send(one, request, *room).await {
            Ok(Some(answer)) => {
                *room -= answer.body.as_ref().map_or(0, |body| body.get().len()).min(*room);
                answer
            }
            Ok(None) => {
                let message = "The answer is too large for a batch: ask for it alone.";
                self.refused(one, 413, "invalidRequest", message)
            }
            Err(error) => {
                // URLs carry links' keys.
                tracing::warn!(error = %error.without_url(), "a request of a batch failed");
                let message = "The service is not available at the moment.";
                self.refused(one, 503, "serviceNotAvailable", message)
            }
        }
    }

    /// None where the answer is too large.
    async fn try_to_send(
        &self,
        one: &One<'_>,
        request: Request,
        room: usize,
    ) -> reqwest::Result<Option<Answer>> {
        let mut answer = self.site.loopback().http.execute(request).await?;
        let status = answer.status().as_u16();
        let headers: BTreeMap<String, String> = answer
            .headers()
            .iter()
            .filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()))
            .filter_map(|(name, value)| Some((as_written(name.as_str()), value.to_str().ok()?.to_owned())))
            .collect();
        let content_type = answer.headers().get(CONTENT_TYPE.as_str()).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > room {
                return Ok(None);
            }
        }
        Ok(Some(Answer { id: one.id.clone(), status, headers, body: answered_body(bytes, &content_type) }))
    }
}

/// A header's name as HTTP writes it: clients look for just that, though HTTP tells no cases apart.
fn as_written(name: &str) -> String {
    match name {
        "etag" => return "ETag".to_owned(),
        "www-authenticate" => return "WWW-Authenticate".to_owned(),
        _ => {}
    }
    let mut is_start = true;
    let cased = name.chars().map(|c| {
        let cased = if is_start { c.to_ascii_uppercase() } else { c };
        is_start = c == '-';
        cased
    });
    cased.collect()
}

/// JSON as it is, a text as a text, anything else in base64.
fn answered_body(bytes: Vec<u8>, content_type: &str) -> Option<Box<RawValue>> {
    if bytes.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(&bytes).ok();
    if content_type.contains("json")
        && let Some(Ok(json)) = text.map(|text| RawValue::from_string(text.to_owned()))
    {
        return Some(json);
    }
    match text.filter(|_| content_type.starts_with("text/")) {
        Some(text) => to_raw_value(text).ok(),
        None => to_raw_value(&STANDARD.encode(bytes)).ok(),
    }
}
