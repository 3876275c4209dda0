//! The second listener, for those who run the service: is it alive, is it ready, how is it doing.
//! Not for the public.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::app::App;
use crate::telemetry::DroppedLines;

/// How long the content store may take to say that it is there.
const CONTENT_LIMIT: Duration = Duration::from_secs(2);

pub fn routes(health: &mut web::ServiceConfig) {
    health
        .service(web::resource("/healthz").get(healthz).head(healthz))
        .service(web::resource("/readyz").get(readyz).head(readyz))
        .service(web::resource("/metrics").get(metrics).head(metrics));
}

/// The process answers. Says nothing of what it depends on: restarting it would mend none of that.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

#[derive(Serialize)]
struct ReadinessBody {
    ready: bool,
    /// Reachable, writable, and not a standby: one still shows links that are revoked.
    database: &'static str,
    migrations: &'static str,
    keys: &'static str,
    /// There, and the one that the database knows.
    content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopping: Option<bool>,
}

/// Requests may be sent here.
async fn readyz(app: web::Data<App>, is_stopping: web::Data<AtomicBool>) -> HttpResponse {
    let body = readiness(&app, &is_stopping).await;
    if body.ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

async fn readiness(app: &App, is_stopping: &AtomicBool) -> ReadinessBody {
    let store = app.service.readiness().await;
    let database = match (store.is_primary, store.is_writable, &store.is_migrated) {
        (Ok(false), ..) => "standby",
        (Err(_), ..) => "unavailable",
        (_, Err(_), Ok(true)) => "not writable",
        _ => "ok",
    };
    let migrations = match store.is_migrated {
        Ok(true) => "ok",
        Ok(false) => "not current",
        Err(_) => "unavailable",
    };
    let stopping = is_stopping.load(Ordering::Relaxed);
    let content = match tokio::time::timeout(CONTENT_LIMIT, app.service.check_content()).await {
        Ok(Ok(())) => "ok",
        _ => "unavailable",
    };
    let ready = database == "ok" && migrations == "ok" && content == "ok" && !stopping;
    // Without its keys the service would not have started.
    ReadinessBody { ready, database, migrations, keys: "ok", content, stopping: stopping.then_some(true) }
}

async fn metrics(
    app: web::Data<App>,
    is_stopping: web::Data<AtomicBool>,
    dropped_lines: web::Data<DroppedLines>,
) -> HttpResponse {
    let is_ready = readiness(&app, &is_stopping).await.ready;
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(app.service.render_metrics(is_ready, dropped_lines.count()))
}
