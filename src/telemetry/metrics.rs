//! Metrics, in Prometheus' text format. Which they are, and what to do about them, is told in
//! `docs/operations.md`.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;

/// The service's metrics. A registry of its own, so that two services in one process don't mix.
pub struct Metrics {
    registry: Registry,
    requests: Family<Requests, Counter>,
    durations: Family<Route, Histogram>,
    created: LinkCounters,
    returned: LinkCounters,
    opened: LinkCounters,
    refused: Counter,
    revoked: LinkCounters,
    transactions: Family<Transaction, Histogram>,
    retries: Family<Transaction, Counter>,
    queued: Family<Batch, Gauge>,
    batched: Family<Batch, Histogram>,
    waited: Family<Batch, Histogram>,
    known: KnownMetrics,
    known_bytes: Gauge,
    damaged: Counter,
    gone: Counter,
    changed: Counter,
    dropped_lines: Counter,
    ready: Gauge,
    connections: Gauge,
    idle_connections: Gauge,
}

/// Upper bounds of the durations' buckets, in seconds.
const DURATIONS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// Upper bounds of the batches' sizes.
const SIZES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All there are. A counter's name gets `_total` at its end.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("everlink");
        let all = &mut registry;
        let build = [("version", env!("CARGO_PKG_VERSION")), ("build", env!("EVERLINK_BUILD"))];
        all.register("build", "1; the labels tell the build", Info::new(build.to_vec()));
        Self {
            requests: add(all, "requests", "Requests answered", Family::default()),
            durations: add(
                all,
                "request_duration_seconds",
                "Time until the head of the answer was ready",
                histograms(durations),
            ),
            created: links(all, "links_created", "Links made by createLink"),
            returned: links(all, "links_returned", "Links that createLink found made already"),
            opened: links(all, "links_opened", "Requests that a link let in"),
            refused: add(
                all,
                "links_refused",
                "Requests with a wrong, revoked or foreign key",
                Counter::default(),
            ),
            revoked: links(all, "links_revoked", "Links revoked"),
            transactions: add(
                all,
                "transaction_duration_seconds",
                "Time that a transaction took, with its retries",
                histograms(durations),
            ),
            retries: add(
                all,
                "transaction_retries",
                "Transactions done again, for others were in the way",
                Family::default(),
            ),
            queued: add(all, "batch_queue", "Requests that wait for a batch", Family::default()),
            batched: add(all, "batch_requests", "Requests that one query answered", histograms(sizes)),
            waited: add(
                all,
                "batch_wait_seconds",
                "Time that requests waited for their batch to begin",
                histograms(durations),
            ),
            damaged: add(
                all,
                "contents_damaged",
                "Times that a content was asked for which the content store lost, or part of it",
                Counter::default(),
            ),
            gone: add(
                all,
                "outside_contents_gone",
                "Times that a content outside of the content store was asked for and was not there",
                Counter::default(),
            ),
            changed: add(
                all,
                "outside_contents_changed",
                "Files that were found changed where they are kept, and given a new version",
                Counter::default(),
            ),
            dropped_lines: add(
                all,
                "log_lines_dropped",
                "Lines of the log that its reader did not take in time",
                Counter::default(),
            ),
            known: KnownMetrics {
                hits: add(all, "known_hits", "Answers from memory, proven unchanged", Counter::default()),
                misses: add(
                    all,
                    "known_misses",
                    "Answers read because they were not in memory",
                    Counter::default(),
                ),
                changed: add(
                    all,
                    "known_changed",
                    "Answers read again because their drives had changed",
                    Counter::default(),
                ),
            },
            known_bytes: add(all, "known_bytes", "Memory that answers take which are kept", Gauge::default()),
            ready: add(all, "ready", "1 where requests may be sent here, as /readyz says", Gauge::default()),
            connections: add(all, "database_connections", "Connections to the database", Gauge::default()),
            idle_connections: add(
                all,
                "database_connections_idle",
                "Connections to the database that wait for work",
                Gauge::default(),
            ),
            registry,
        }
    }

    /// For what is kept of what was read.
    pub fn known(&self) -> &KnownMetrics {
        &self.known
    }

    /// For the batches of a kind: `open`, `find` or `make`, and what is asked of drives.
    pub fn batches(&self, kind: &'static str) -> BatchMetrics {
        let labels = Batch { kind };
        BatchMetrics {
            kind,
            depth: self.queued.get_or_create(&labels).clone(),
            size: self.batched.get_or_create(&labels).clone(),
            wait: self.waited.get_or_create(&labels).clone(),
        }
    }

    pub fn link_answered(&self, link_type: LinkType, scope: LinkScope, created: bool) {
        let counters = if created { &self.created } else { &self.returned };
        counters.of(link_type, scope).inc();
    }

    pub fn link_opened(&self, link_type: LinkType, scope: LinkScope) {
        self.opened.of(link_type, scope).inc();
    }

    pub fn content_damaged(&self) {
        self.damaged.inc();
    }

    pub fn content_gone(&self) {
        self.gone.inc();
    }

    pub fn content_changed(&self) {
        self.changed.inc();
    }

    pub fn link_refused(&self) {
        self.refused.inc();
    }

    pub fn links_revoked(&self, kinds: impl IntoIterator<Item = (LinkType, LinkScope)>) {
        for (link_type, scope) in kinds {
            self.revoked.of(link_type, scope).inc();
        }
    }

    /// A transaction of a name was done, or failed for good.
    pub fn transaction_ended(&self, transaction: &'static str, elapsed: Duration, retries: u32) {
        let labels = Transaction { transaction };
        self.transactions.get_or_create(&labels).observe(elapsed.as_secs_f64());
        self.retries.get_or_create(&labels).inc_by(retries.into());
    }

    /// There are as many labels as the route table has rows, and a few for each.
    pub(super) fn request_answered(&self, method: &'static str, route: &str, status: u16, elapsed: Duration) {
        self.requests.get_or_create(&Requests { method, route: route.to_owned(), status }).inc();
        self.durations.get_or_create(&Route { route: route.to_owned() }).observe(elapsed.as_secs_f64());
    }

    /// Everything in Prometheus' text format. Connections are counted when they are asked for.
    pub fn render(
        &self,
        is_ready: bool,
        dropped_lines: u64,
        (connections, idle): (u32, usize),
        known_bytes: u64,
    ) -> String {
        self.known_bytes.set(i64::try_from(known_bytes).unwrap_or(i64::MAX));
        self.ready.set(is_ready.into());
        self.dropped_lines.inc_by(dropped_lines.saturating_sub(self.dropped_lines.get()));
        self.connections.set(connections.into());
        self.idle_connections.set(i64::try_from(idle).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Registers a metric, and gives it back.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

fn sizes() -> Histogram {
    Histogram::new(SIZES)
}

fn histograms<L: Clone + std::hash::Hash + Eq>(make: fn() -> Histogram) -> Family<L, Histogram> {
    Family::new_with_constructor(make)
}

fn links(registry: &mut Registry, name: &str, help: &str) -> LinkCounters {
    let family = add(registry, name, help, Family::<Links, Counter>::default());
    let of_scopes = |link_type: &LinkType| {
        LinkScope::ALL.map(|scope| {
            let labels = Links { r#type: link_type.as_str(), scope: scope.as_str() };
            family.get_or_create(&labels).clone()
        })
    };
    LinkCounters(LinkType::ALL.iter().map(of_scopes).collect())
}

/// A counter for each type of link and each scope, in their order.
struct LinkCounters(Vec<[Counter; LinkScope::ALL.len()]>);

impl LinkCounters {
    fn of(&self, link_type: LinkType, scope: LinkScope) -> &Counter {
        &self.0[link_type as usize][scope as usize]
    }
}

/// How often what is kept of what was read still holds.
#[derive(Clone, Default)]
pub struct KnownMetrics {
    /// Answers that were proven by their drives' numbers.
    pub hits: Counter,
    misses: Counter,
    changed: Counter,
}

impl KnownMetrics {
    /// So many were read without a look at what is kept.
    pub fn not_looked_for(&self, count: usize) {
        self.misses.inc_by(count as u64);
    }

    /// Something had to be read: anew, where it was known and its drive has changed since.
    pub fn missed(&self, was_known: bool) {
        if was_known {
            self.changed.inc();
        } else {
            self.misses.inc();
        }
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requests {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Links {
    r#type: &'static str,
    scope: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transaction {
    transaction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Batch {
    kind: &'static str,
}

/// Clients may invent methods; what is told here doesn't follow them.
pub(super) fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}
