//! Answers many requests with one query.
//!
//! While a query is under way, requests queue; the next query takes all that wait. So under load a
//! statement's fixed costs (the way to the database and back, the commit) are shared by dozens of
//! requests, and without load a request waits for nobody.
//!
//! What holds, however requests are put together:
//!
//! - A request is only ever answered by a query that began after it came, so nothing gets staler.
//! - A request that makes a query fail fails alone: the others are asked again, one by one.
//! - A client that goes away changes nothing: batches run in tasks of their own.
//! - A queue that is full refuses at once, rather than let everybody wait for longer and longer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::Instrument;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::telemetry::{BatchMetrics, SPANS};

/// Requests that may wait in one queue. At the rate of a slow database, some tens of milliseconds.
const QUEUE_LIMIT: usize = 4_096;
/// A batch that the database fails sooner than this is asked once more: the connection may have
/// broken while it waited for work.
const SOON: Duration = Duration::from_millis(300);

/// A query for many requests.
pub(super) trait Query: Send + 'static {
    type Question: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// An answer to each question, in their order.
    fn ask(&mut self, questions: &[Self::Question])
    -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// How much goes into a batch, and how many go at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSettings {
    /// Requests in one batch, at most.
    pub limit: usize,
    /// Batches of one kind that each worker has under way at once.
    pub in_flight: usize,
}

impl From<&Settings> for BatchSettings {
    fn from(settings: &Settings) -> Self {
        Self { limit: settings.batch_limit.into(), in_flight: settings.batches_in_flight.into() }
    }
}

/// A queue of requests, and the tasks that answer them. They end when it is dropped.
pub(super) struct Batches<Q: Query> {
    queue: mpsc::Sender<Waiting<Q>>,
    metrics: BatchMetrics,
}

struct Waiting<Q: Query> {
    question: Q::Question,
    since: Instant,
    answer: oneshot::Sender<Result<Q::Answer>>,
}

impl<Q: Query> Batches<Q> {
    /// Starts the tasks on the current thread's runtime. Each has a query, hence a connection, of its own.
    pub fn start(settings: BatchSettings, metrics: BatchMetrics, mut query: impl FnMut() -> Q) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LIMIT);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..settings.in_flight {
            let lane = Lane { query: query(), limit: settings.limit, metrics: metrics.clone() };
            tokio::spawn(lane.run(waiting.clone()));
        }
        Self { queue, metrics }
    }

    pub async fn ask(&self, question: Q::Question) -> Result<Q::Answer> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { question, since: Instant::now(), answer };
        self.queue.try_send(waiting).map_err(|_| Error::unavailable("too many requests wait"))?;
        self.metrics.depth.increment(1.0);
        let span = tracing::info_span!(target: SPANS, "batch", kind = self.metrics.kind);
        answered.instrument(span).await.map_err(Error::unavailable)?
    }
}

/// One of the tasks that answer a queue.
struct Lane<Q> {
    query: Q,
    limit: usize,
    metrics: BatchMetrics,
}

impl<Q: Query> Lane<Q> {
    async fn run(mut self, queue: Arc<Mutex<mpsc::Receiver<Waiting<Q>>>>) {
        let mut batch = Vec::with_capacity(self.limit);
        loop {
            let taken = queue.lock().await.recv_many(&mut batch, self.limit).await;
            if taken == 0 {
                return;
            }
            self.metrics.depth.decrement(taken as f64);
            self.metrics.size.record(taken as f64);
            // Those who have gone away need no answer.
            batch.retain(|waiting| !waiting.answer.is_closed());
            let mut questions = Vec::with_capacity(batch.len());
            let mut askers = Vec::with_capacity(batch.len());
            for waiting in batch.drain(..) {
                self.metrics.wait.record(waiting.since.elapsed().as_secs_f64());
                questions.push(waiting.question);
                askers.push(waiting.answer);
            }
            if questions.is_empty() {
                continue;
            }
            // A task that ends would leave its queue unanswered for ever. Those who asked are told by
            // their answers' ends, which are dropped.
            if AssertUnwindSafe(self.answer(&questions, askers)).catch_unwind().await.is_err() {
                tracing::error!("a batch panicked");
            }
        }
    }

    /// Sending an answer fails where the asker has gone away in the meantime, and is no failure then.
    async fn answer(&mut self, questions: &[Q::Question], askers: Vec<oneshot::Sender<Result<Q::Answer>>>) {
        match self.ask(questions).await {
            Ok(answers) => {
                debug_assert_eq!(answers.len(), questions.len());
                for (asker, answer) in askers.into_iter().zip(answers) {
                    let _ = asker.send(Ok(answer));
                }
            }
            // No question's fault: the database is away.
            Err(error @ Error::Unavailable(_)) => {
                let cause = error.inside().unwrap_or_default();
                for asker in askers {
                    let _ = asker.send(Err(Error::unavailable(cause.clone())));
                }
            }
            Err(_) => {
                for (asker, question) in askers.into_iter().zip(questions.chunks(1)) {
                    let answer = self.ask(question).await.and_then(|mut answers| {
                        answers.pop().ok_or_else(|| Error::internal("a query left its question unanswered"))
                    });
                    let _ = asker.send(answer);
                }
            }
        }
    }

    async fn ask(&mut self, questions: &[Q::Question]) -> Result<Vec<Q::Answer>> {
        let started = Instant::now();
        match self.query.ask(questions).await {
            Err(Error::Unavailable(_)) if started.elapsed() < SOON => self.query.ask(questions).await,
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::telemetry::Metrics;

    /// Doubles numbers, once it is let; can't bear 13, and panics at 99.
    struct Doubling {
        may_go: Arc<Semaphore>,
        batches: Arc<AtomicUsize>,
        fails: Arc<AtomicUsize>,
    }

    impl Query for Doubling {
        type Question = u32;
        type Answer = u32;

        async fn ask(&mut self, questions: &[u32]) -> Result<Vec<u32>> {
            self.may_go.acquire().await.expect("it is open").forget();
            self.batches.fetch_add(1, Ordering::SeqCst);
            if self.fails.load(Ordering::SeqCst) > 0 {
                self.fails.fetch_sub(1, Ordering::SeqCst);
                return Err(Error::unavailable("away"));
            }
            assert!(!questions.contains(&99), "99");
            if questions.contains(&13) {
                return Err(Error::internal("13"));
            }
            Ok(questions.iter().map(|number| number * 2).collect())
        }
    }

    struct Fixture {
        batches: Arc<Batches<Doubling>>,
        may_go: Arc<Semaphore>,
        asked: Arc<AtomicUsize>,
        fails: Arc<AtomicUsize>,
    }

    fn start(limit: usize) -> Fixture {
        let (may_go, asked, fails) = (Arc::new(Semaphore::new(0)), Arc::default(), Arc::default());
        let settings = BatchSettings { limit, in_flight: 1 };
        let query =
            || Doubling { may_go: may_go.clone(), batches: Arc::clone(&asked), fails: Arc::clone(&fails) };
        let batches = Arc::new(Batches::start(settings, Metrics::new().batches("test"), query));
        Fixture { batches, may_go, asked, fails }
    }

    impl Fixture {
        /// Asks in a task of its own, and waits until the question is in the queue.
        async fn ask(&self, number: u32) -> tokio::task::JoinHandle<Result<u32>> {
            let batches = self.batches.clone();
            let asking = tokio::spawn(async move { batches.ask(number).await });
            tokio::task::yield_now().await;
            asking
        }

        async fn ask_all(&self, numbers: &[u32]) -> Vec<tokio::task::JoinHandle<Result<u32>>> {
            let mut asking = Vec::new();
            for number in numbers {
                asking.push(self.ask(*number).await);
            }
            asking
        }
    }

    #[tokio::test]
    async fn what_comes_while_a_query_is_under_way_shares_the_next() {
        let fixture = start(100);
        let asking = fixture.ask_all(&[1, 2, 3, 4]).await;
        fixture.may_go.add_permits(10);
        for (asking, expected) in asking.into_iter().zip([2, 4, 6, 8]) {
            assert_eq!(asking.await.expect("no panic").expect("an answer"), expected);
        }
        assert_eq!(fixture.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_batch_is_no_larger_than_its_limit() {
        let fixture = start(1);
        let asking = fixture.ask_all(&[1, 2, 3]).await;
        fixture.may_go.add_permits(10);
        for asking in asking {
            asking.await.expect("no panic").expect("an answer");
        }
        assert_eq!(fixture.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_bad_request_fails_alone() {
        let fixture = start(100);
        let asking = fixture.ask_all(&[1, 2, 13, 4]).await;
        fixture.may_go.add_permits(10);
        let mut outcomes = Vec::new();
        for asking in asking {
            outcomes.push(asking.await.expect("no panic").ok());
        }
        assert_eq!(outcomes, [Some(2), Some(4), None, Some(8)]);
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_told_to_all_and_asked_once_more() {
        let fixture = start(100);
        fixture.fails.store(1, Ordering::SeqCst);
        fixture.may_go.add_permits(10);
        assert_eq!(fixture.batches.ask(1).await.expect("the second try"), 2);
        fixture.fails.store(2, Ordering::SeqCst);
        assert!(matches!(fixture.batches.ask(1).await, Err(Error::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_batch_and_no_other() {
        let fixture = start(100);
        fixture.may_go.add_permits(10);
        assert!(matches!(fixture.batches.ask(99).await, Err(Error::Unavailable(_))));
        assert_eq!(fixture.batches.ask(1).await.expect("an answer"), 2);
    }

    #[tokio::test]
    async fn a_client_that_goes_away_changes_nothing() {
        let fixture = start(100);
        let asking = fixture.ask_all(&[1, 13, 3]).await;
        asking[1].abort();
        tokio::task::yield_now().await;
        fixture.may_go.add_permits(10);
        let mut asking = asking.into_iter();
        assert_eq!(asking.next().expect("three").await.expect("no panic").expect("an answer"), 2);
        assert_eq!(asking.nth(1).expect("three").await.expect("no panic").expect("an answer"), 6);
        // Nobody asked for 13 any more, so nothing failed.
        assert_eq!(fixture.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let fixture = start(1);
        let waiting = fixture.ask_all(&vec![1; QUEUE_LIMIT + 1]).await;
        assert!(matches!(fixture.batches.ask(1).await, Err(Error::Unavailable(_))));
        fixture.may_go.add_permits(2 * QUEUE_LIMIT);
        for asking in waiting {
            assert_eq!(asking.await.expect("no panic").expect("an answer"), 2);
        }
    }
}
