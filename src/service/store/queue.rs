//! Answers many requests with one query.
//!
//! While a query is under way, requests queue; the next query takes all that wait. So under load a
//! statement's fixed costs (the way to the database and back, the commit) are shared by dozens of
//! requests, and without load a request waits for nobody.
//!
//! What holds, however requests are put together:
//!
//! - A request is only ever answered by a query that began after it came, so nothing gets staler.
//! - A request that makes a query fail fails alone: the others are asked again, one by one. Only a database
//!   that does not answer in time is told to all of a batch.
//! - Nobody waits for longer than the three seconds in which a database that is away is to be told.
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
use crate::service::store::errors::is_in_the_way;
use crate::telemetry::{BatchMetrics, SPANS};

/// Requests that may wait in one queue: what a slow database answers in a fraction of a second.
const QUEUE_LIMIT: usize = 4_096;
/// Who has waited for longer is not asked for any more: the query might take what is left of three seconds.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// A batch that the database fails sooner than this is asked once more: the connection may have
/// broken while it waited for work.
const SOON: Duration = Duration::from_millis(300);

/// A statement that answers many questions.
pub(super) trait Statement: Send + 'static {
    type Question: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// An answer to each question, in their order.
    fn ask(&mut self, questions: &[Self::Question])
    -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// How much goes into a batch, and how many go at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueSettings {
    /// Requests in one batch, at most.
    pub limit: usize,
    /// Batches of one kind that each worker has under way at once.
    pub in_flight: usize,
}

impl From<&Settings> for QueueSettings {
    fn from(settings: &Settings) -> Self {
        Self { limit: settings.batch_limit.into(), in_flight: settings.batches_in_flight.into() }
    }
}

/// A queue of requests, and the tasks that answer them. They end when it is dropped.
pub(super) struct Queue<S: Statement> {
    queue: mpsc::Sender<Waiting<S>>,
    metrics: BatchMetrics,
}

struct Waiting<S: Statement> {
    question: S::Question,
    since: Instant,
    answer: oneshot::Sender<Result<S::Answer>>,
}

impl<S: Statement> Queue<S> {
    /// Starts the tasks on the current thread's runtime. Each has a statement, hence a connection, of its own.
    pub fn start(settings: QueueSettings, metrics: BatchMetrics, mut statement: impl FnMut() -> S) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LIMIT);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..settings.in_flight {
            let lane = Lane { statement: statement(), limit: settings.limit, metrics: metrics.clone() };
            tokio::spawn(lane.run(waiting.clone()));
        }
        Self { queue, metrics }
    }

    pub async fn ask(&self, question: S::Question) -> Result<S::Answer> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { question, since: Instant::now(), answer };
        self.queue.try_send(waiting).map_err(|_| Error::unavailable("too many requests wait"))?;
        self.metrics.depth.inc();
        let span = tracing::info_span!(target: SPANS, "batch", kind = self.metrics.kind);
        answered.instrument(span).await.map_err(Error::unavailable)?
    }
}

/// One of the tasks that answer a queue.
struct Lane<S> {
    statement: S,
    limit: usize,
    metrics: BatchMetrics,
}

impl<S: Statement> Lane<S> {
    async fn run(mut self, queue: Arc<Mutex<mpsc::Receiver<Waiting<S>>>>) {
        let mut batch = Vec::with_capacity(self.limit);
        loop {
            let taken = queue.lock().await.recv_many(&mut batch, self.limit).await;
            if taken == 0 {
                return;
            }
            self.metrics.depth.dec_by(taken as i64);
            let mut questions = Vec::with_capacity(batch.len());
            let mut askers = Vec::with_capacity(batch.len());
            // Those who have gone away need no answer.
            for waiting in batch.drain(..).filter(|waiting| !waiting.answer.is_closed()) {
                let waited = waiting.since.elapsed();
                self.metrics.wait.observe(waited.as_secs_f64());
                if waited > PATIENCE {
                    let _ = waiting.answer.send(Err(Error::unavailable("the database has no time")));
                    continue;
                }
                questions.push(waiting.question);
                askers.push(waiting.answer);
            }
            if !questions.is_empty() {
                self.metrics.size.observe(questions.len() as f64);
                self.answer(&questions, askers).await;
            }
        }
    }

    /// Sending an answer fails where the asker has gone away in the meantime, and is no failure then.
    async fn answer(&mut self, questions: &[S::Question], askers: Vec<oneshot::Sender<Result<S::Answer>>>) {
        match self.ask(questions).await {
            Ok(answers) => {
                debug_assert_eq!(answers.len(), questions.len());
                for (asker, answer) in askers.into_iter().zip(answers) {
                    let _ = asker.send(Ok(answer));
                }
            }
            // No question's fault: the database is away.
            Err(error) if error.is_away() => refuse(askers, &error),
            Err(_) => self.answer_one_by_one(questions, askers).await,
        }
    }

    async fn answer_one_by_one(
        &mut self,
        questions: &[S::Question],
        askers: Vec<oneshot::Sender<Result<S::Answer>>>,
    ) {
        let mut askers = askers.into_iter();
        for (question, asker) in questions.chunks(1).zip(askers.by_ref()) {
            let answer = self.ask(question).await.and_then(|mut answers| {
                answers.pop().ok_or_else(|| Error::internal("a query left its question unanswered"))
            });
            if let Err(error) = &answer
                && error.is_away()
            {
                refuse(std::iter::once(asker).chain(askers), error);
                return;
            }
            let _ = asker.send(answer);
        }
    }

    async fn ask(&mut self, questions: &[S::Question]) -> Result<Vec<S::Answer>> {
        let started = Instant::now();
        match self.ask_once(questions).await {
            Err(error @ Error::Unavailable(_)) if started.elapsed() < SOON || is_in_the_way(&error) => {
                self.ask_once(questions).await
            }
            outcome => outcome,
        }
    }

    /// A panic is an error like any: a task that ends would leave its queue unanswered for ever.
    async fn ask_once(&mut self, questions: &[S::Question]) -> Result<Vec<S::Answer>> {
        let asking = AssertUnwindSafe(self.statement.ask(questions)).catch_unwind();
        let asked = asking.await.unwrap_or_else(|_| Err(Error::internal("a batch panicked")));
        asked.map_err(|error| error.in_step(self.metrics.kind))
    }
}

/// Tells all of them that the database is away.
fn refuse<A>(askers: impl IntoIterator<Item = oneshot::Sender<Result<A>>>, error: &Error) {
    for asker in askers {
        let _ = asker.send(Err(error.for_another()));
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

    impl Statement for Doubling {
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
        batches: Arc<Queue<Doubling>>,
        may_go: Arc<Semaphore>,
        asked: Arc<AtomicUsize>,
        fails: Arc<AtomicUsize>,
    }

    fn start(limit: usize) -> Fixture {
        let (may_go, asked, fails) = (Arc::new(Semaphore::new(0)), Arc::default(), Arc::default());
        let settings = QueueSettings { limit, in_flight: 1 };
        let query =
            || Doubling { may_go: may_go.clone(), batches: Arc::clone(&asked), fails: Arc::clone(&fails) };
        let batches = Arc::new(Queue::start(settings, Metrics::new().batches("test"), query));
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
        fixture.fails.store(usize::MAX, Ordering::SeqCst);
        for asking in fixture.ask_all(&[1, 2, 3]).await {
            assert!(matches!(asking.await.expect("no panic"), Err(Error::Unavailable(_))));
        }
    }

    #[tokio::test]
    async fn a_database_that_goes_away_is_not_asked_for_the_rest_one_by_one() {
        let fixture = start(100);
        let asking = fixture.ask_all(&[1, 13, 2, 3]).await;
        // The first is alone. Then all fail together, and the first of them again.
        fixture.may_go.add_permits(2);
        assert_eq!(asking.len(), 4);
        let mut asking = asking.into_iter();
        assert_eq!(asking.next().expect("four").await.expect("no panic").expect("an answer"), 2);
        eventually_asked(&fixture, 2).await;
        fixture.fails.store(2, Ordering::SeqCst);
        fixture.may_go.add_permits(10);
        for asking in asking {
            assert!(matches!(asking.await.expect("no panic"), Err(Error::Unavailable(_))));
        }
        assert_eq!(fixture.asked.load(Ordering::SeqCst), 4);
    }

    /// Until so many queries have begun.
    async fn eventually_asked(fixture: &Fixture, batches: usize) {
        while fixture.asked.load(Ordering::SeqCst) < batches {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_has_waited_for_too_long_is_told_so_rather_than_asked_for() {
        let fixture = start(100);
        let (answer, answered) = oneshot::channel();
        let since = Instant::now() - PATIENCE - Duration::from_millis(1);
        fixture.batches.queue.try_send(Waiting { question: 1, since, answer }).expect("there is room");
        assert!(matches!(answered.await.expect("an answer"), Err(Error::Unavailable(_))));
        assert_eq!(fixture.asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_its_own_requests_and_no_others() {
        let fixture = start(100);
        let asking = fixture.ask_all(&[1, 2, 99, 4]).await;
        fixture.may_go.add_permits(10);
        let mut outcomes = Vec::new();
        for asking in asking {
            outcomes.push(asking.await.expect("no panic").ok());
        }
        assert_eq!(outcomes, [Some(2), Some(4), None, Some(8)]);
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
