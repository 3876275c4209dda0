//! Metrics, in Prometheus' text format. Which they are, and what to do about them, is told in
//! `docs/operations.md`.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::domain::link::{LinkScope, LinkType};

/// The service's metrics. A registry of its own, so that two services in one process don't mix.
pub struct Metrics {
    recorder: PrometheusRecorder,
    /// By route.
    requests: RwLock<HashMap<String, Vec<RequestMetrics>>>,
    created: [[Counter; 2]; 3],
    returned: [[Counter; 2]; 3],
    opened: [[Counter; 2]; 3],
    refused: Counter,
    revoked: [[Counter; 2]; 3],
    ready: Gauge,
    connections: Gauge,
    idle_connections: Gauge,
}

/// The requests of one method, route and status.
#[derive(Clone)]
struct RequestMetrics {
    method: &'static str,
    status: u16,
    count: Counter,
    duration: Histogram,
}

impl RequestMetrics {
    fn answered(&self, elapsed: Duration) {
        self.count.increment(1);
        self.duration.record(elapsed.as_secs_f64());
    }
}

/// How the batches of one kind go.
#[derive(Clone)]
pub struct BatchMetrics {
    pub kind: &'static str,
    /// Requests that wait, in all workers.
    pub depth: Gauge,
    /// Requests in a batch.
    pub size: Histogram,
    /// Seconds that a request waited for its batch to begin.
    pub wait: Histogram,
}

/// Upper bounds of the durations' buckets, in seconds.
const DURATIONS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
const REQUEST_DURATION: &str = "everlink_request_duration_seconds";
const BATCH_SIZE: &str = "everlink_batch_requests";
const BATCH_WAIT: &str = "everlink_batch_wait_seconds";
/// Upper bounds of the batches' sizes.
const SIZES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
const METADATA: Metadata<'static> = Metadata::new("everlink", Level::INFO, None);

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUEST_DURATION.to_owned()), &DURATIONS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full(BATCH_WAIT.to_owned()), &DURATIONS)
            })
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(BATCH_SIZE.to_owned()), &SIZES))
            .expect("there are buckets")
            .build_recorder();
        for (name, description) in [
            ("everlink_links_created_total", "Links made by createLink"),
            ("everlink_links_returned_total", "Links that createLink found made already"),
            ("everlink_links_opened_total", "Requests that a link let in"),
        ] {
            recorder.describe_counter(name.into(), None, description.into());
        }
        recorder.describe_counter(
            "everlink_links_refused_total".into(),
            None,
            "Requests with a wrong, revoked or foreign key".into(),
        );
        recorder.describe_counter("everlink_links_revoked_total".into(), None, "Links revoked".into());
        recorder.describe_counter("everlink_requests_total".into(), None, "Requests answered".into());
        recorder.describe_histogram(
            REQUEST_DURATION.into(),
            None,
            "Time until the head of the answer was ready".into(),
        );
        recorder.describe_gauge("everlink_batch_queue".into(), None, "Requests that wait for a batch".into());
        recorder.describe_histogram(BATCH_SIZE.into(), None, "Requests that one query answered".into());
        recorder.describe_histogram(
            BATCH_WAIT.into(),
            None,
            "Time that requests waited for their batch to begin".into(),
        );
        recorder.describe_gauge(
            "everlink_ready".into(),
            None,
            "1 where requests may be sent here, as /readyz says".into(),
        );
        recorder.describe_gauge(
            "everlink_database_connections".into(),
            None,
            "Connections to the database".into(),
        );
        recorder.describe_gauge(
            "everlink_database_connections_idle".into(),
            None,
            "Connections to the database that wait for work".into(),
        );
        let by_link = |name: &'static str| {
            LinkType::ALL.map(|link_type| {
                LinkScope::ALL.map(|scope| {
                    let labels =
                        vec![Label::new("type", link_type.as_str()), Label::new("scope", scope.as_str())];
                    recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
                })
            })
        };
        let counter = |name: &'static str| recorder.register_counter(&Key::from_name(name), &METADATA);
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_name(name), &METADATA);
        recorder.describe_gauge("everlink_build_info".into(), None, "1; the labels tell the build".into());
        let build = vec![
            Label::new("version", env!("CARGO_PKG_VERSION")),
            Label::new("build", env!("EVERLINK_BUILD")),
        ];
        recorder.register_gauge(&Key::from_parts("everlink_build_info", build), &METADATA).set(1.0);
        Self {
            created: by_link("everlink_links_created_total"),
            returned: by_link("everlink_links_returned_total"),
            opened: by_link("everlink_links_opened_total"),
            refused: counter("everlink_links_refused_total"),
            revoked: by_link("everlink_links_revoked_total"),
            ready: gauge("everlink_ready"),
            connections: gauge("everlink_database_connections"),
            idle_connections: gauge("everlink_database_connections_idle"),
            recorder,
            requests: RwLock::default(),
        }
    }

    /// For the batches of a kind: `open`, `find` or `make`.
    pub fn batches(&self, kind: &'static str) -> BatchMetrics {
        let key = |name: &'static str| Key::from_parts(name, vec![Label::new("kind", kind)]);
        BatchMetrics {
            kind,
            depth: self.recorder.register_gauge(&key("everlink_batch_queue"), &METADATA),
            size: self.recorder.register_histogram(&key(BATCH_SIZE), &METADATA),
            wait: self.recorder.register_histogram(&key(BATCH_WAIT), &METADATA),
        }
    }

    pub fn link_answered(&self, link_type: LinkType, scope: LinkScope, created: bool) {
        let counters = if created { &self.created } else { &self.returned };
        counters[link_type as usize][scope as usize].increment(1);
    }

    pub fn link_opened(&self, link_type: LinkType, scope: LinkScope) {
        self.opened[link_type as usize][scope as usize].increment(1);
    }

    pub fn link_refused(&self) {
        self.refused.increment(1);
    }

    pub fn links_revoked(&self, kinds: impl IntoIterator<Item = (LinkType, LinkScope)>) {
        for (link_type, scope) in kinds {
            self.revoked[link_type as usize][scope as usize].increment(1);
        }
    }

    pub(super) fn request_answered(&self, method: &'static str, route: &str, status: u16, elapsed: Duration) {
        {
            let requests = self.requests.read().unwrap_or_else(PoisonError::into_inner);
            let mut of_route = requests.get(route).into_iter().flatten();
            if let Some(known) = of_route.find(|known| known.method == method && known.status == status) {
                return known.answered(elapsed);
            }
        }
        self.register_requests(method, route, status).answered(elapsed);
    }

    /// Remembers the metrics of a method, a route and a status: the registry is slow to ask. There are
    /// as many as the URL tables have rows, and a few for each.
    fn register_requests(&self, method: &'static str, route: &str, status: u16) -> RequestMetrics {
        let labels = vec![
            Label::new("method", method),
            Label::new("route", route.to_owned()),
            Label::new("status", status.to_string()),
        ];
        let key = Key::from_parts("everlink_requests_total", labels);
        let count = self.recorder.register_counter(&key, &METADATA);
        let key = Key::from_parts(REQUEST_DURATION, vec![Label::new("route", route.to_owned())]);
        let duration = self.recorder.register_histogram(&key, &METADATA);
        let known = RequestMetrics { method, status, count, duration };
        let mut requests = self.requests.write().unwrap_or_else(PoisonError::into_inner);
        requests.entry(route.to_owned()).or_default().push(known.clone());
        known
    }

    /// Sums up what was measured. To be called every few seconds: until then each value is kept.
    pub fn sum_up(&self) {
        self.recorder.handle().run_upkeep();
    }

    /// Everything in Prometheus' text format. Connections are counted when they are asked for.
    pub fn render(&self, is_ready: bool, (connections, idle): (u32, usize)) -> String {
        self.ready.set(f64::from(u8::from(is_ready)));
        self.connections.set(f64::from(connections));
        self.idle_connections.set(idle as f64);
        self.sum_up();
        self.recorder.handle().render()
    }
}

/// Clients may invent methods; what is told here doesn't follow them.
pub(super) fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}
