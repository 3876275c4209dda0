//! What is told to those who run the service: logs, request ids, metrics and traces.
//!
//! No key, token or query string gets into any of them, at any level: requests are named by the route
//! they matched, and other libraries speak up from warnings on only.

mod log;
mod metrics;
mod traces;

use std::io::IsTerminal;
use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use tracing::Instrument;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use uuid::Uuid;

use crate::clock::random_bytes;
use crate::config::{LogFormat, Logging};
use crate::sources::Known;
use metrics::known_method;

pub use log::{DroppedLines, RequestLog};
pub use metrics::{BatchMetrics, KnownMetrics, Metrics};
pub use traces::{SPANS, Traces};

/// Version and build.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("EVERLINK_BUILD"), ")");

/// Lines that were logged are written until this is dropped.
#[must_use]
pub struct Log {
    pub dropped_lines: DroppedLines,
    _guard: WorkerGuard,
}

/// Starts logging to standard error.
pub fn start_logging(logging: &Logging) {
    log_to(std::io::stderr, logging, None);
}

/// The same for a server, which waits for no reader of its log; and tracing where that is wanted.
pub fn start_logging_aside(logging: &Logging, traces: Option<&Traces>) -> Log {
    let (writer, guard, dropped_lines) = log::standard_error();
    log_to(writer, logging, traces);
    // A panic's message would wait for the reader, too.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panicked");
    }));
    Log { dropped_lines, _guard: guard }
}

fn log_to<W>(writer: W, logging: &Logging, traces: Option<&Traces>)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let levels = Targets::new()
        .with_target("everlink", LevelFilter::from_level(logging.log))
        .with_target(SPANS, LevelFilter::OFF)
        .with_default(LevelFilter::WARN);
    let format = logging.log_format.unwrap_or(if std::io::stderr().is_terminal() {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let log = tracing_subscriber::fmt::layer().with_writer(writer);
    let log = match format {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry().with(log.with_filter(levels));
    registry.with(traces.map(Traces::layer)).init();
}

/// A request's own id, and the one its client gave it.
#[derive(Clone, Debug)]
pub struct RequestIds {
    pub request: Uuid,
    pub client: Option<String>,
}

impl RequestIds {
    /// The client's id is echoed if it is short and plain.
    fn of(request: &ServiceRequest) -> Self {
        let client = request
            .headers()
            .get("client-request-id")
            .and_then(|value| value.to_str().ok())
            .filter(|id| id.len() <= 128 && !id.is_empty())
            .map(str::to_owned);
        Self { request: Uuid::from_bytes(random_bytes()), client }
    }

    /// Of a request that [`observe`] has seen.
    pub fn get(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

/// Gives each request its ids, and tells how it went.
pub async fn observe<B: MessageBody + 'static>(
    metrics: &Metrics,
    log: &RequestLog,
    client: Option<IpAddr>,
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let ids = RequestIds::of(&request);
    request.extensions_mut().insert(ids.clone());
    let method = known_method(request.method().as_str());
    let span = traces::of_request(&request, method, &ids);
    let answer = next(request).instrument(span.clone()).await;
    let (status, route) = match &answer {
        Ok(response) => (response.status(), response.request().match_pattern()),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let route = route.as_deref().unwrap_or("none");
    let is_known = answer.as_ref().is_ok_and(|answer| answer.request().extensions().contains::<Known>());
    traces::answered(&span, method, route, status);
    let elapsed = started.elapsed();
    metrics.request_answered(method, route, status.as_u16(), elapsed);
    if is_known || !status.is_client_error() || log.takes_refusal() {
        tracing::info!(
            client = log.address(client),
            request_id = %ids.request,
            client_request_id = ids.client,
            method,
            route,
            status = status.as_u16(),
            milliseconds = elapsed.as_secs_f64() * 1e3,
            "request"
        );
    }
    let mut response = answer?;
    let headers = response.headers_mut();
    insert(headers, "request-id", &ids.request.to_string());
    if let Some(client) = &ids.client {
        insert(headers, "client-request-id", client);
    }
    Ok(response)
}

fn insert(headers: &mut actix_web::http::header::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
