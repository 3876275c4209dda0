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

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::telemetry::BatchMetrics;

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
        answered.await.map_err(Error::unavailable)?
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
            if !questions.is_empty() {
                self.answer(&questions, askers).await;
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
