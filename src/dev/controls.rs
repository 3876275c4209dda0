//! `/dev`: what tests prepare and look at. Answers are JSON, but for the authority and tokens, which are text.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::dev::Dev;
use crate::dev::asked::Which;
use crate::dev::faults::Fault;
use crate::dev::provider::NewToken;
use crate::error::{Error, Result};
use crate::graph::body::JsonBody;
use crate::graph::routes::resources;
use crate::graph::site::Site;
use crate::service::snapshot;

/// The table of controls.
macro_rules! controls {
    ($($method:ident $pattern:literal => $handler:path;)*) => {
        /// Methods and addresses.
        pub const CONTROLS: &[(&str, &str)] = &[$((stringify!($method), $pattern)),*];

        /// Adds all of them.
        pub(super) fn routes(controls: &mut web::ServiceConfig) {
            for resource in resources(vec![$(($pattern, web::method(Method::$method).to($handler))),*]) {
                controls.service(resource);
            }
        }
    };
}

controls! {
    GET    "/dev/ca.pem"   => get_authority;
    GET    "/dev/token"    => get_token;
    POST   "/dev/reset"    => reset;
    GET    "/dev/clock"    => get_clock;
    POST   "/dev/clock"    => set_clock;
    DELETE "/dev/clock"    => reset_clock;
    GET    "/dev/faults"   => list_faults;
    POST   "/dev/faults"   => order_fault;
    DELETE "/dev/faults"   => forget_faults;
    GET    "/dev/requests" => list_requests;
    DELETE "/dev/requests" => forget_requests;
}

/// Whether an address is one of these.
pub fn is_control(path: &str) -> bool {
    path.starts_with("/dev/")
}

/// What the query says; a parameter that is not there is refused.
fn asked<T: for<'q> Deserialize<'q>>(request: &HttpRequest) -> Result<T> {
    let query = web::Query::<T>::from_query(request.query_string());
    Ok(query.map_err(|error| Error::invalid_request(error.to_string()))?.into_inner())
}

/// The authority that clients are to trust, as PEM.
async fn get_authority(dev: web::Data<Dev>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/x-pem-file").body(dev.certificate.authority.clone())
}

/// A token as text, good until the year 2100 and the same in every run. Alice's where no user is named.
async fn get_token(dev: web::Data<Dev>, request: HttpRequest) -> Result<HttpResponse> {
    let wanted: NewToken = asked(&request)?;
    let token = dev.provider.lasting_token(&wanted, &dev.seed)?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(token))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTenant {
    tenant: Option<String>,
}

/// Back to the seed: a tenant's drives, faults and requests, or all of them and the clock.
async fn reset(dev: web::Data<Dev>, site: Site, request: HttpRequest) -> Result<HttpResponse> {
    let OfTenant { tenant } = asked(&request)?;
    dev.faults.forget(tenant.as_deref());
    dev.requests.forget(&Which { tenant: tenant.clone(), ..Which::default() });
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => {
            dev.time.reset();
            let mut tenants = dev.seed.tenants();
            tenants.extend(snapshot::tenants(site.service()).await?);
            tenants.sort_unstable();
            tenants.dedup();
            tenants
        }
    };
    for tenant in tenants {
        dev.reset(site.service(), &tenant).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Serialize)]
struct ShownClock {
    now: Timestamp,
    frozen: bool,
}

fn shown_clock(dev: &Dev) -> HttpResponse {
    HttpResponse::Ok().json(ShownClock { now: dev.time.now(), frozen: dev.time.is_frozen() })
}

async fn get_clock(dev: web::Data<Dev>) -> HttpResponse {
    shown_clock(&dev)
}

/// How the clock is to go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    /// The time to set.
    now: Option<Timestamp>,
    /// Seconds to move it by.
    advance: Option<f64>,
    frozen: Option<bool>,
}

async fn set_clock(dev: web::Data<Dev>, change: JsonBody<ClockChange>) -> Result<HttpResponse> {
    let ClockChange { now, advance, frozen } = change.0;
    let advance = advance.unwrap_or_default() * 1e6;
    if !(-1e18..=1e18).contains(&advance) {
        return Err(Error::invalid_request("The clock can't be moved so far."));
    }
    dev.time.set(now, TimeDelta::microseconds(advance as i64), frozen)?;
    Ok(shown_clock(&dev))
}

async fn reset_clock(dev: web::Data<Dev>) -> HttpResponse {
    dev.time.reset();
    shown_clock(&dev)
}

#[derive(Serialize)]
struct List<T> {
    value: Vec<T>,
}

async fn list_faults(dev: web::Data<Dev>) -> HttpResponse {
    HttpResponse::Ok().json(List { value: dev.faults.list() })
}

async fn order_fault(dev: web::Data<Dev>, fault: JsonBody<Fault>) -> Result<HttpResponse> {
    dev.faults.order(fault.0.clone())?;
    Ok(HttpResponse::Created().json(fault.0))
}

async fn forget_faults(dev: web::Data<Dev>, request: HttpRequest) -> Result<HttpResponse> {
    let OfTenant { tenant } = asked(&request)?;
    dev.faults.forget(tenant.as_deref());
    Ok(HttpResponse::NoContent().finish())
}

async fn list_requests(dev: web::Data<Dev>, request: HttpRequest) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(List { value: dev.requests.list(&asked(&request)?) }))
}

async fn forget_requests(dev: web::Data<Dev>, request: HttpRequest) -> Result<HttpResponse> {
    dev.requests.forget(&asked(&request)?);
    Ok(HttpResponse::NoContent().finish())
}
