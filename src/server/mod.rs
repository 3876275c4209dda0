//! Puts the parts together and runs them: two listeners, the order of the middlewares, and an end
//! that loses no request.

mod connections;
mod health;
mod middleware;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{HttpServer, web};
use futures_util::FutureExt;
use secrecy::SecretString;

use crate::app::{App, Loopback};
use crate::auth::{DevelopmentIssuer, Issuer, LocalIssuer, OidcIssuer, Provider, Verifier};
use crate::clock::Clock;
use crate::config::{Settings, reachable_url};
use crate::dev::{self, Dev};
use crate::error::{Error, Result};
use crate::graph;
use crate::limits::Limits;
use crate::pages;
use crate::service::Service;
use crate::service::drive::{
    digest_outside, find_written_through, finish_abandoned, sweep_pending_content, write_rest_through,
};
use crate::service::opens::write_opens;
use crate::service::recovery::write_journal;
use crate::sources::{Rates, Sources};
use crate::telemetry::{DroppedLines, RequestLog};
use crate::website;
use connections::{Connections, listen, room_for};
use middleware::Passage;

/// How long the last that is written down may take, of each kind.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// Connections of each worker beyond those that there may be.
const SPARE_CONNECTIONS: usize = 32;
/// A connection that says nothing for so long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How often it is looked for large folders that are not done with.
const FINISH_EVERY: Duration = Duration::from_secs(1);
/// How often what is due is taken out of the content store.
const SWEEP_EVERY: Duration = Duration::from_secs(120);
const JOURNAL_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked for tables that have grown.
const LOOK_AT_TABLES_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked for imported files whose digests are not known.
const DIGEST_EVERY: Duration = Duration::from_secs(2);
const DIGEST_AT_LEAST_EVERY: Duration = Duration::from_secs(300);
/// How often it is looked for folders that uploads are written to, and in which round for uploads that are not there.
const FIND_WRITTEN_THROUGH_EVERY: Duration = Duration::from_secs(2);
const WRITE_REST_THROUGH_ROUNDS: u32 = 150;
/// How often it is written down how often links were opened: a server that is killed loses so much of it.
const WRITE_OPENS_EVERY: Duration = Duration::from_secs(10);

/// A service that is ready to run.
pub struct Server {
    pub api: SocketAddr,
    /// The API's over HTTPS, for tests of other programs.
    pub secure: Option<SocketAddr>,
    /// Of `/healthz`, `/readyz` and `/metrics`.
    pub health: SocketAddr,
    app: web::Data<App>,
    pub dev: Option<web::Data<Dev>>,
    // None once it serves: a copy that is kept open would go on taking connections that nobody answers.
    api_listener: Option<TcpListener>,
    secure_listener: Option<TcpListener>,
    health_listener: Option<TcpListener>,
    workers: usize,
    most_connections: usize,
    connections: Arc<Connections>,
    stop_delay: Duration,
    stop_limit: Duration,
    /// Lines that the log could not take.
    pub dropped_lines: DroppedLines,
}

/// How the service is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody waits for it.
    AtOnce,
    /// Once proxies have seen that it will.
    AfterDelay,
}

/// Opens everything the settings name: the listeners and the service itself.
pub async fn bind(settings: &Settings, clock: Clock) -> Result<Server> {
    bind_with(settings, clock, Limits::default()).await
}

/// The same with other limits than the usual.
pub async fn bind_with(settings: &Settings, clock: Clock, limits: Limits) -> Result<Server> {
    let dev = match settings.development.dev {
        true => Some(web::Data::new(Dev::open(settings, clock.clone())?)),
        false => None,
    };
    let real = clock.clone();
    let clock = dev.as_ref().map_or(clock, |dev| dev.clock());
    let settings = dev.as_ref().map_or(settings, |dev| &dev.settings);
    let secure_listener = match &dev {
        Some(_) => Some(listen(settings.development.dev_listen)?),
        None => None,
    };
    let api_listener = listen(settings.listen)?;
    let health_listener = listen(settings.admin_listen)?;
    let api = api_listener.local_addr().map_err(Error::internal)?;
    let health = health_listener.local_addr().map_err(Error::internal)?;
    let (service, local_issuer) = Service::open(settings, clock, limits).await?;
    let issuer = match &settings.oidc_issuer {
        Some(issuer) => {
            Issuer::Oidc(OidcIssuer::new(issuer, &settings.oidc_audience, &settings.oidc_algorithms)?)
        }
        None => {
            let local = LocalIssuer::new(&local_issuer);
            match &dev {
                Some(dev) => Issuer::Development(DevelopmentIssuer::new(local, dev.key().clone(), real)),
                None => Issuer::Local(local),
            }
        }
    };
    let provider = match (&settings.oidc_issuer, &settings.oidc_client_id) {
        (Some(issuer), Some(client)) => {
            let secret = match &settings.oidc_client_secret_file {
                Some(file) => {
                    let text = std::fs::read_to_string(file)
                        .map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
                    Some(SecretString::from(text.trim().to_owned()))
                }
                None => None,
            };
            Some(Arc::new(Provider::new(issuer, client, secret)?))
        }
        // At the small provider of its own.
        _ if dev.is_some() => {
            let issuer = format!("{}/{}/v2.0", reachable_url(api), dev::DEFAULT_TENANT);
            Some(Arc::new(Provider::new(&issuer, &settings.site_app_id, None)?))
        }
        _ => None,
    };
    let app = App {
        service,
        provider,
        site_app_id: settings.site_app_id.clone(),
        verifier: Arc::new(Verifier::new(issuer)),
        public_url: settings.public_url.clone().unwrap_or_else(|| reachable_url(api)),
        content_origin: settings.content_origin.clone(),
        // A URL that is configured is the URL.
        asks_proxies: settings.public_url.is_none(),
        asks_clients: dev.is_some() && settings.public_url.is_none(),
        trusted_proxies: settings.trusted_proxies.clone(),
        sources: Arc::new(Sources::new(Rates {
            wrong_keys: settings.wrong_keys_per_minute,
            requests_of_user: settings.user_requests_per_minute,
            requests_of_application: settings.application_requests_per_minute,
        })),
        log: Arc::new(RequestLog::new(settings.logging.log_addresses)),
        loopback: Arc::new(Loopback::new(reachable_url(api))?),
    };
    if let Some(dev) = &dev {
        Box::pin(dev.begin(&app.service)).await?;
    }
    let workers = match settings.workers {
        Some(workers) => usize::from(workers),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let most_connections = room_for(usize::from(settings.connections), workers);
    let secure = secure_listener.as_ref().map(|listener| listener.local_addr().map_err(Error::internal));
    Ok(Server {
        api,
        secure: secure.transpose()?,
        secure_listener,
        dev: dev.clone(),
        health,
        app: web::Data::new(app),
        api_listener: Some(api_listener),
        health_listener: Some(health_listener),
        workers,
        most_connections,
        connections: Connections::new(
            most_connections,
            usize::from(settings.connections_per_address),
            settings.trusted_proxies.clone(),
            limits.unread,
        ),
        stop_delay: settings.stop_delay,
        stop_limit: settings.stop_limit,
        dropped_lines: DroppedLines::default(),
    })
}

impl Server {
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Serves until `stop` is ready, then finishes what is under way.
    pub async fn run(mut self, stop: impl Future<Output = Stop>) -> io::Result<()> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let api = self.serve_api(&is_stopping)?;
        let health = self.serve_health(&is_stopping)?;
        let handles = [api.handle(), health.handle()];
        let (api, health) = (actix_web::rt::spawn(api), actix_web::rt::spawn(health));
        let sweeping = actix_web::rt::spawn(sweep(self.app.clone()));
        let finishing = actix_web::rt::spawn(finish(self.app.clone()));
        let counting = actix_web::rt::spawn(count(self.app.clone()));
        let reading = actix_web::rt::spawn(self.connections.clone().end_unread());
        let journaling = actix_web::rt::spawn(journal(self.app.clone()));
        let looking = actix_web::rt::spawn(look_at_tables(self.app.clone()));
        let writing = actix_web::rt::spawn(write_through(self.app.clone()));
        let digesting = actix_web::rt::spawn(digest(self.app.clone()));
        let stop = stop.await;
        is_stopping.store(true, Ordering::Relaxed);
        if stop == Stop::AfterDelay {
            tracing::info!(delay = ?self.stop_delay, "stopping: requests are taken for a while yet");
            actix_web::rt::time::sleep(self.stop_delay).await;
        }
        let [api_handle, health_handle]: [ServerHandle; 2] = handles;
        // A batch asks this service itself: it needs the listener until it is done.
        let end = tokio::time::Instant::now() + self.stop_limit;
        self.app.service.turns.batches.close(self.stop_limit).await;
        // None is under way when the threads end whose connection it may have.
        counting.abort();
        if let Err(error) = write_opens(&self.app.service).await {
            tracing::warn!(error = error.inside(), "opens are not written down yet, and are tried again");
        }
        if tokio::time::timeout_at(end, api_handle.stop(true)).await.is_err() {
            api_handle.stop(false).await;
        }
        sweeping.abort();
        finishing.abort();
        journaling.abort();
        looking.abort();
        digesting.abort();
        writing.abort();
        reading.abort();
        self.write_last().await;
        health_handle.stop(false).await;
        self.app.service.close().await;
        api.await.map_err(io::Error::other)??;
        health.await.map_err(io::Error::other)?
    }

    /// Writes down what is only in memory, once the workers' threads have ended.
    async fn write_last(&self) {
        let service = self.app.service.afresh();
        let last = [
            ("opens", write_opens(&service).boxed_local()),
            ("revocations", write_journal(&service).boxed_local()),
        ];
        for (what, writing) in last {
            match tokio::time::timeout(LAST_WRITES, writing).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = error.inside(), "the last {what} are not written down");
                }
                Err(_) => tracing::warn!("the last {what} are not written down in time"),
            }
        }
        service.close().await;
    }

    fn serve_api(&mut self, is_stopping: &Arc<AtomicBool>) -> io::Result<actix_web::dev::Server> {
        let shared = self.app.clone();
        let dev = self.dev.clone();
        let is_stopping = is_stopping.clone();
        let server = HttpServer::new(move || {
            let app = web::Data::new(shared.for_worker());
            let passage = Rc::new(Passage {
                app: app.clone(),
                is_dev: dev.is_some(),
                is_stopping: is_stopping.clone(),
            });
            actix_web::App::new()
                .app_data(app)
                // The router tries routes in their order: what most requests are for comes first.
                .configure(pages::routes)
                .configure(website::routes)
                .configure(|routes| {
                    if let Some(dev) = &dev {
                        dev::routes(dev, routes);
                    }
                })
                .configure(graph::routes::routes)
                .wrap(from_fn(move |request, next| middleware::pass(passage.clone(), request, next)))
        });
        let server = server
            .on_connect({
                let connections = self.connections.clone();
                move |connection, extensions| connections.take_in(connection, extensions)
            })
            .listen(self.api_listener.take().expect("it serves once"))?;
        let server = match (self.secure_listener.take(), &self.dev) {
            (Some(listener), Some(dev)) => {
                let config = dev.certificate.server_config().map_err(io::Error::other)?;
                server.listen_rustls_0_23(listener, config)?
            }
            _ => server,
        };
        let server = server
            .workers(self.workers)
            // The end of an answer never waits for the client to acknowledge what came before it.
            .tcp_nodelay(true)
            // A new one comes before an idle one has gone for it.
            .max_connections(self.most_connections.div_ceil(self.workers) + SPARE_CONNECTIONS)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(self.stop_limit.as_secs())
            .disable_signals();
        Ok(server.run())
    }

    fn serve_health(&mut self, is_stopping: &Arc<AtomicBool>) -> io::Result<actix_web::dev::Server> {
        let app = self.app.clone();
        let is_stopping = web::Data::from(is_stopping.clone());
        let dropped_lines = web::Data::new(self.dropped_lines.clone());
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(app.clone())
                .app_data(is_stopping.clone())
                .app_data(dropped_lines.clone())
                .configure(health::routes)
        });
        let server = server.listen(self.health_listener.take().expect("it serves once"))?.workers(1);
        Ok(server.tcp_nodelay(true).disable_signals().run())
    }
}

/// Goes on with what has been begun with large folders, a slice at a time. Several servers may do so at once.
async fn finish(app: web::Data<App>) {
    let mut every = tokio::time::interval(FINISH_EVERY);
    loop {
        every.tick().await;
        if let Err(error) = finish_abandoned(&app.service).await {
            tracing::warn!(error = error.inside(), "a large folder is not done yet, and is tried again");
        }
    }
}

/// Writes down how often links were opened.
async fn count(app: web::Data<App>) {
    let mut every = tokio::time::interval(WRITE_OPENS_EVERY);
    loop {
        every.tick().await;
        let app = app.clone();
        // In a task of its own: what it has taken is written down even where this one is ended.
        let writing = actix_web::rt::spawn(async move {
            if let Err(error) = write_opens(&app.service).await {
                tracing::warn!(error = error.inside(), "opens are not written down yet, and are tried again");
            }
        });
        let _ = writing.await;
    }
}

/// Writes into the journal what could not be written when it was done. Several servers may do so at once.
async fn journal(app: web::Data<App>) {
    let mut every = tokio::time::interval(JOURNAL_EVERY);
    loop {
        every.tick().await;
        // A store that was away when the server started is taken up.
        if app.service.check_content().await.is_err() {
            continue;
        }
        if let Err(error) = write_journal(&app.service).await {
            tracing::warn!(
                error = error.inside(),
                "revocations are not in the journal yet, and are tried again"
            );
        }
    }
}

/// Has the database know its tables. Several servers may do so at once.
async fn look_at_tables(app: web::Data<App>) {
    let mut every = tokio::time::interval(LOOK_AT_TABLES_EVERY);
    loop {
        every.tick().await;
        app.service.look_at_grown_tables().await;
    }
}

/// Writes what was uploaded into folders that are written to, where that failed at first. Several servers may do so at
/// once.
async fn write_through(app: web::Data<App>) {
    let mut every = tokio::time::interval(FIND_WRITTEN_THROUGH_EVERY);
    let mut rounds = 0_u32;
    loop {
        every.tick().await;
        let done = match rounds % WRITE_REST_THROUGH_ROUNDS {
            0 => write_rest_through(&app.service).await,
            _ => find_written_through(&app.service).await,
        };
        rounds = rounds.wrapping_add(1);
        if let Err(error) = done {
            tracing::warn!(
                error = error.inside(),
                "uploads are not in their folders yet, and are tried again"
            );
        }
    }
}

/// Computes the digests of what was imported. Several servers may do so at once.
async fn digest(app: web::Data<App>) {
    let mut pause = DIGEST_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        match digest_outside(&app.service).await {
            Ok(false) => pause = DIGEST_EVERY,
            // What can't be read now is tried less and less often.
            Ok(true) => pause = (pause * 2).min(DIGEST_AT_LEAST_EVERY),
            Err(error) => {
                tracing::warn!(error = error.inside(), "digests are not known yet, and are computed later");
            }
        }
    }
}

/// Sweeps now and then. Several servers may do so at once.
async fn sweep(app: web::Data<App>) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        match sweep_pending_content(&app.service).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "took away what broken uploads left"),
            Err(error) => {
                tracing::warn!(error = error.inside(), "the sweep failed, and is tried again later");
            }
        }
    }
}
