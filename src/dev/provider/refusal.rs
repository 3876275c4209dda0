//! Why the provider gives no token, in Entra's shape.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

use crate::error::Error;
use crate::graph::errors::OfOtherShape;

#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    /// Entra's number.
    number: u32,
    why: String,
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    error: &'a str,
    error_description: String,
    error_codes: [u32; 1],
}

impl Refusal {
    fn new(code: &'static str, number: u32, why: impl Into<String>) -> Self {
        let is_client = code == "invalid_client";
        let status = if is_client { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self { status, code, number, why: why.into() }
    }

    pub fn missing(parameter: &str) -> Self {
        let why = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new("invalid_request", 900_144, why)
    }

    pub fn request(why: impl Into<String>) -> Self {
        Self::new("invalid_request", 900_144, why)
    }

    pub fn grant(number: u32, why: &str) -> Self {
        Self::new("invalid_grant", number, why)
    }

    pub fn of_grant_type(named: &str) -> Self {
        Self::new("unsupported_grant_type", 70_003, format!("The grant type '{named}' is not supported."))
    }

    pub fn secret() -> Self {
        Self::new("invalid_client", 7_000_215, "Invalid client secret provided: here, 'wrong' is.")
    }

    pub fn password() -> Self {
        Self::grant(
            50_126,
            "Error validating credentials due to invalid username or password: here, 'wrong' is.",
        )
    }

    pub fn pending() -> Self {
        Self::new("authorization_pending", 70_016, "Nobody has typed the code yet.")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AADSTS{}: {}", self.number, self.why)
    }
}

impl Refusal {
    pub fn answer(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status).json(RefusalBody {
            error: self.code,
            error_description: self.to_string(),
            error_codes: [self.number],
        });
        answer.extensions_mut().insert(OfOtherShape);
        answer
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::request(error.to_string())
    }
}
