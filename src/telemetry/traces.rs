//! Traces, sent to an OpenTelemetry collector where one is named: a span for each request, and within it
//! what the request waited for in the database. Where none is named, a span costs a look at a flag.
//!
//! A request is named by its route, never by its path, so that no key gets out this way. Names follow
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.

use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::Empty;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::RequestIds;
use crate::error::{Error, Result};

/// The target of all spans; logs leave it out.
pub const SPANS: &str = "everlink::spans";

/// What sends the spans, from a thread of its own.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends to `{endpoint}/v1/traces`, in protobuf. What else there is to set, the sampling above all,
    /// is read from OpenTelemetry's own variables:
    /// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
    pub fn start(endpoint: &str) -> Result<Self> {
        let url = format!("{endpoint}/v1/traces");
        let exporter =
            SpanExporter::builder().with_http().with_endpoint(url).build().map_err(Error::internal)?;
        let service = Resource::builder().with_service_name("everlink").build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(service).build()))
    }

    pub(super) fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("everlink"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(SPANS, Level::INFO))
    }

    /// Sends what is left.
    pub async fn stop(self) {
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The span of a request, in its caller's trace if it came with one.
pub(super) fn of_request(request: &ServiceRequest, method: &str, ids: &RequestIds) -> Span {
    let span = tracing::info_span!(
        target: SPANS,
        "request",
        otel.kind = "server",
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = %ids.request,
    );
    if !span.is_disabled() {
        let caller = TraceContextPropagator::new().extract(&Headers(request.headers()));
        // Refused only where no span is kept, and then nothing is lost.
        let _ = span.set_parent(caller);
    }
    span
}

/// To be called with what came of the request.
pub(super) fn answered(span: &Span, method: &str, route: &str, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    // Its own field for a name counts at a span's start alone.
    span.context().span().update_name(format!("{method} {route}"));
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}

struct Headers<'r>(&'r HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
