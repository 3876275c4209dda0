//! The `Authorization` header (RFC 6750).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use crate::error::{Error, Result};

/// The bearer token; none where the header is missing.
pub fn token(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    let not_bearer = Error::Unauthenticated("The Authorization header is not of the form «Bearer token».");
    let (None, Ok(value)) = (values.next(), value.to_str()) else { return Err(not_bearer) };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim_matches(' '))),
        _ if value.trim().eq_ignore_ascii_case("bearer") => {
            Err(Error::Unauthenticated("Access token is empty."))
        }
        _ => Err(not_bearer),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        token(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(read(&[value]).expect("a token").as_deref(), Some("abc"));
        }
        assert!(read(&[]).expect("no token").is_none());
    }

    #[test]
    fn anything_else_is_refused() {
        for values in [&["Basic abc"][..], &["Bearer"], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(read(values).is_err(), "{values:?} was accepted");
        }
    }
}
