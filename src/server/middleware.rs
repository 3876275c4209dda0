//! What every request passes on its way in, and every answer on its way out.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use tracing::Instrument;

use crate::app::App;
use crate::auth;
use crate::clock::Clock;
use crate::dev::{self, Dev};
use crate::error::Error;
use crate::graph;
use crate::graph::errors::{OfOtherShape, RETRY_AFTER};
use crate::pages;
use crate::server::connections;
use crate::sources::Known;
use crate::telemetry::{self, RequestIds};
use crate::website;

/// What the passage needs of the service.
pub struct Passage {
    pub app: web::Data<App>,
    pub is_dev: bool,
    pub is_stopping: Arc<AtomicBool>,
}

/// All of it, the outermost first. One middleware of the framework's rather than a dozen: each would have its futures
/// boxed for every request.
pub async fn pass<B: MessageBody + 'static>(
    passage: Rc<Passage>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Passage { app, is_dev, is_stopping } = &*passage;
    let client = app.client_of(request.request());
    let busy = async |request| {
        connections::keep_busy(request, async |request| {
            allow_other_sites(request, async |request| {
                let mut answer = compress_pages(request, async |request| {
                    if *is_dev {
                        let answer = dev::watch(request, async |request| rendered(app, request, next).await);
                        return Ok(Box::pin(answer).await?.map_into_left_body());
                    }
                    Ok(rendered(app, request, next).await?.map_into_right_body())
                })
                .await?;
                part_when_stopping(is_stopping, &mut answer);
                Ok(answer)
            })
            .await
        })
        .await
    };
    telemetry::observe(&app.service.metrics, &app.log, client, request, busy).await
}

/// Answers with whatever comes of the request, errors written down.
async fn rendered<B: MessageBody + 'static>(
    app: &web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody + use<B>>, actix_web::Error> {
    let running = async |request: ServiceRequest| {
        // In a box, for it is moved several times on the way into its task.
        let answer = Box::pin(let_in(app.clone(), request, next));
        // In a task of its own, so that it goes on to its end when its client goes away: what a transaction began is
        // finished, and a connection is never left in the middle of one.
        match actix_web::rt::spawn(answer.in_current_span()).await {
            Ok(answer) => answer,
            Err(panic) => Err(Error::internal(panic).into()),
        }
    };
    render_errors(&app.service.clock, &app.public_url, request, running).await
}

/// Finds out who asks and what for, and has it answered.
async fn let_in<B: MessageBody + 'static>(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody + use<B>>, actix_web::Error> {
    count_wrong_keys(&app, request, async |mut request| match recognise(&app, &mut request).await {
        Ok(None) => Ok(next.call(request).await?.map_into_left_body()),
        Ok(Some(page)) => Ok(request.into_response(page).map_into_right_body()),
        Err(error) => Ok(request.error_response(error).map_into_right_body()),
    })
    .await
}

/// Gives the answer where it is a page to sign in at.
async fn recognise(app: &App, request: &mut ServiceRequest) -> Result<Option<HttpResponse>, Error> {
    if let Some(page) = website::enter(app, request).await? {
        return Ok(Some(page));
    }
    // Those of the API are read; pages have plain ones.
    let is_of_dev = request.app_data::<web::Data<Dev>>().is_some_and(|dev| dev.has(request.path()));
    if !is_of_dev && !pages::is_page(request.path()) && !website::is_of_site(request.path()) {
        graph::address::resolve(request, graph::routes::ROUTES)?;
    }
    auth::authenticate(&app.verifier, &app.sources, &app.service.clock, request).await?;
    Ok(None)
}

/// Lets scripts of other sites' pages use the API, and what it leads them to. They show a token of their own, and there
/// are no cookies, so any site may. Pages are no script's business.
/// <https://fetch.spec.whatwg.org/#http-cors-protocol>
async fn allow_other_sites<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let path = request.path();
    let is_own = website::is_of_site(path) || website::is_api(path) || dev::is_control(path);
    let is_open = !is_own && (!pages::is_page(path) || path.starts_with("/download/"));
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_open && asks_first {
        let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let mut answer = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
            .finish();
        allow_any_site(answer.headers_mut());
        if let Some(asked) = asked {
            answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
        return Ok(request.into_response(answer).map_into_right_body());
    }
    let mut answer = next(request).await?.map_into_left_body();
    if is_open {
        allow_any_site(answer.headers_mut());
    }
    Ok(answer)
}

fn allow_any_site(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let shown = "Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, Retry-After, WWW-Authenticate, \
                 client-request-id, request-id";
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(shown));
}

/// While the service stops, each answer is its connection's last: the next request comes to another server.
fn part_when_stopping<B>(is_stopping: &AtomicBool, answer: &mut ServiceResponse<B>) {
    if is_stopping.load(Ordering::Relaxed) {
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
}

/// What is shorter is sent as it is: it would not become fewer packets.
const COMPRESSED_FROM: u64 = 1400;

/// Sends pages as gzip to who takes it: a long list is a tenth of itself then.
async fn compress_pages<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let takes_gzip = pages::assets::takes_gzip(request.headers());
    let mut answer = next(request).await?;
    let is_long = matches!(answer.response().body().size(), BodySize::Sized(COMPRESSED_FROM..));
    if !is_long || !pages::answer::is_page(answer.headers()) {
        return Ok(answer.map_into_left_body());
    }
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !takes_gzip {
        return Ok(answer.map_into_left_body());
    }
    Ok(answer.map_body(|head, body| match body.try_into_bytes() {
        Ok(text) => {
            head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            EitherBody::right(BoxBody::new(pages::answer::gzip(&text)))
        }
        Err(body) => EitherBody::left(body),
    }))
}

/// Counts wrong keys by where they come from, and tells who sends too many to wait.
async fn count_wrong_keys<B: MessageBody + 'static>(
    app: &App,
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let shows_key = shows_key(&request);
    let answer = next(request).await?;
    let error = answer.response().error().and_then(|error| error.as_error::<Error>());
    // Who shows who they are is told what is there, and what is not.
    let is_known = answer.request().extensions().contains::<Known>();
    let is_wrong = matches!(error, Some(Error::ItemNotFound | Error::UploadSessionNotFound));
    if shows_key
        && is_wrong
        && !is_known
        && let Some(client) = app.client_of(answer.request())
        && let Err(error) = app.sources.wrong_key(client)
    {
        return Ok(answer.error_response(error).map_into_right_body());
    }
    Ok(answer.map_into_left_body())
}

/// Whether a request shows a key in its address.
fn shows_key(request: &ServiceRequest) -> bool {
    let path = request.path();
    pages::is_page(path)
        || ["/shares/", "/v1.0/shares/", "/upload/", "/v1.0/upload/"]
            .iter()
            .any(|start| path.starts_with(start))
        || path.contains("/monitor/")
}

/// Writes the body of whatever answer is an error, and the headers that every answer has.
async fn render_errors<B: MessageBody + 'static>(
    clock: &Clock,
    public_url: &str,
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let ids = RequestIds::get(request.request());
    let style = Style::wanted(request.request());
    let wants_page = pages::wants_page(request.headers());
    let asked = request.uri().path_and_query().cloned();
    let error_page = |error: &Error| {
        let request_id = ids.as_ref().map(|ids| ids.request.to_string()).unwrap_or_default();
        let sign_in = asked.as_ref().map(|asked| website::sign_in_url(asked.as_str()));
        pages::error_page(error, &request_id, sign_in)
    };
    let render = |error: &Error, headers: Option<&HeaderMap>| {
        if let Some(inside) = error.inside() {
            let request_id = ids.as_ref().map(|ids| ids.request.to_string());
            tracing::error!(request_id, error = inside, "request failed");
        }
        let mut response = match style {
            // Nothing is there for programs either.
            Style::Json if wants_page && matches!(error, Error::NoSuchApi) => error_page(error),
            Style::Json => graph::errors::answer(error, ids.as_ref(), clock.now()),
            Style::Page => error_page(error),
        };
        add_headers(&mut response, error, headers, public_url);
        response
    };
    match next(request).await {
        Ok(response) => {
            let status = response.status();
            let is_error = status.is_client_error() || status.is_server_error();
            if !is_error || response.response().extensions().contains::<OfOtherShape>() {
                let mut response = response.map_into_left_body();
                add_common_headers(response.headers_mut());
                return Ok(response);
            }
            let known = response.response().error().and_then(|error| error.as_error::<Error>());
            let rendered = match known {
                Some(error) => render(error, None),
                None => render(&framework_error(status), Some(response.headers())),
            };
            Ok(response.into_response(rendered).map_into_right_body())
        }
        // A handler panicked; the request is gone with it.
        Err(error) => {
            let rendered = render(&Error::internal(error.to_string()), None);
            Err(InternalError::from_response("handler failed", rendered).into())
        }
    }
}

/// What an error looks like to who gets it.
#[derive(Clone, Copy)]
enum Style {
    Json,
    Page,
}

impl Style {
    fn wanted(request: &HttpRequest) -> Self {
        let is_page = pages::is_page(request.path()) || website::is_of_site(request.path());
        if is_page && !pages::wants_json(request.headers()) { Self::Page } else { Self::Json }
    }
}

/// The framework refuses some requests before a handler sees them: unknown paths, wrong methods, heads
/// and bodies that are too large.
fn framework_error(status: StatusCode) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NoSuchApi,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Error::PayloadTooLarge { limit: 0 },
        StatusCode::REQUEST_TIMEOUT => Error::RequestTimeout,
        status if status.is_client_error() => Error::invalid_request("The request can't be read."),
        status => Error::internal(format!("the framework answered {status}")),
    }
}

fn add_headers(response: &mut HttpResponse, error: &Error, framework: Option<&HeaderMap>, public_url: &str) {
    let headers = response.headers_mut();
    add_common_headers(headers);
    match error {
        Error::Unauthenticated(_) | Error::ForOrganization(_) => {
            let challenge = format!("Bearer realm=\"{public_url}\", error=\"invalid_token\"");
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
        }
        Error::Unavailable(_) | Error::TooBusy(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        Error::TooOften { seconds } => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        Error::UnsupportedEncoding { taken } => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(taken));
        }
        Error::ResyncRequired { start } => {
            if let Ok(start) = HeaderValue::from_str(start) {
                headers.insert(header::LOCATION, start);
            }
        }
        Error::InvalidRange { size } => {
            if let Ok(range) = HeaderValue::from_str(&format!("bytes */{size}")) {
                headers.insert(header::CONTENT_RANGE, range);
            }
        }
        _ => {}
    }
    if let Some(allow) = framework.and_then(|headers| headers.get(header::ALLOW)) {
        headers.insert(header::ALLOW, allow.clone());
    }
}

/// Answers hold secrets, or what secrets open: they are kept nowhere, and lead nobody on. What is the same for
/// everybody says itself how long it may be kept.
fn add_common_headers(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    let common = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in common {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    }
}
