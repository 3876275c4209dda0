//! By this a service shows that it has a key file, to programs that have it, too: `everlink share` gives its token to
//! no other program that happens to listen there.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::graph::site::Site;

/// Characters of a challenge.
const CHALLENGE: std::ops::RangeInclusive<usize> = 16..=128;

#[derive(Serialize)]
struct ProofBody {
    proof: String,
}

/// Answers `?challenge=…` with a code over it.
pub async fn prove(request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
    let challenge = pairs.find(|(name, _)| name == "challenge").map(|(_, value)| value.into_owned());
    let challenge = challenge.filter(|challenge| CHALLENGE.contains(&challenge.len()));
    let challenge =
        challenge.ok_or_else(|| Error::invalid_request("There is no challenge of 16 to 128 bytes."))?;
    let proof = site.prove(&challenge).ok_or(Error::NoSuchApi)?;
    Ok(HttpResponse::Ok().json(ProofBody { proof }))
}
