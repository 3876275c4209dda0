//! The query's options and the headers' conditions.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};

use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};

/// A query's options. OData's have a `$` in front, which clients of 2015 leave out.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub fn get(&self, option: &str) -> Option<&str> {
        let wanted = |name: &str| name.strip_prefix('$').unwrap_or(name).eq_ignore_ascii_case(option);
        self.0.iter().find(|(name, _)| wanted(name)).map(|(_, value)| value.as_str())
    }

    /// How many entries a page is to have: `default` where it is not said, `most` at most.
    pub fn top(&self, default: usize, most: usize) -> Result<usize> {
        let Some(top) = self.get("top") else { return Ok(default) };
        match top.parse::<usize>() {
            Ok(top) if top > 0 => Ok(top.min(most)),
            _ => Err(Error::invalid_request("$top is not a number from 1 on.")),
        }
    }

    /// What to do where the name is taken, under either of the annotation's names.
    pub fn conflict(&self, default: Conflict) -> Result<Conflict> {
        match self.get("@microsoft.graph.conflictBehavior").or_else(|| self.get("@name.conflictBehavior")) {
            Some(behavior) => parse_conflict(behavior),
            None => Ok(default),
        }
    }
}

pub fn parse_conflict(behavior: &str) -> Result<Conflict> {
    match behavior {
        "fail" => Ok(Conflict::Fail),
        "replace" => Ok(Conflict::Replace),
        "rename" => Ok(Conflict::Rename),
        _ => Err(Error::invalid_request("conflictBehavior is none of fail, replace, rename.")),
    }
}

impl FromRequest for Query {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::parse(request.query_string())))
    }
}

impl FromRequest for Preconditions {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        ready(
            tags(headers, IF_MATCH)
                .and_then(|if_match| Ok(Self { if_match, if_none_match: tags(headers, IF_NONE_MATCH)? })),
        )
    }
}

/// The entity tags of a header, with their quotes; none where the header is missing. A weak tag stands
/// for the strong one: items' tags are all strong.
fn tags(headers: &HeaderMap, name: HeaderName) -> Result<Option<Vec<String>>> {
    let mut tags = Vec::new();
    for value in headers.get_all(&name) {
        let mut rest = value.to_str().map_err(|_| Error::MalformedEntityTag)?.trim();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('*') {
                tags.push("*".to_owned());
                rest = after;
            } else {
                let quoted = rest.strip_prefix("W/").unwrap_or(rest);
                let inner = quoted.strip_prefix('"').ok_or(Error::MalformedEntityTag)?;
                let (tag, after) = inner.split_once('"').ok_or(Error::MalformedEntityTag)?;
                tags.push(format!("\"{tag}\""));
                rest = after;
            }
            rest = rest.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(Error::MalformedEntityTag),
            };
        }
    }
    Ok(headers.contains_key(&name).then_some(tags))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(value: &'static str) -> Result<Option<Vec<String>>> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        tags(&headers, IF_MATCH)
    }

    #[test]
    fn tags_are_quoted_and_may_hold_commas() {
        let expected = vec!["\"a,1\"".to_owned(), "\"b\"".to_owned()];
        assert_eq!(read(r#""a,1", W/"b""#).expect("tags"), Some(expected));
        assert_eq!(read("*").expect("tags"), Some(vec!["*".to_owned()]));
        assert_eq!(tags(&HeaderMap::new(), IF_MATCH).expect("tags"), None);
    }

    #[test]
    fn an_unquoted_tag_is_malformed() {
        for bad in ["a", "\"a", "\"a\" \"b\"", "W/a", "**x"] {
            assert!(matches!(read(bad), Err(Error::MalformedEntityTag)), "{bad}");
        }
    }

    #[test]
    fn options_are_read_with_and_without_a_dollar() {
        for query in ["$top=5", "top=5", "%24top=5", "$Top=5"] {
            assert_eq!(Query::parse(query).top(200, 1000).expect("a number"), 5);
        }
        assert_eq!(Query::parse("").top(200, 1000).expect("default"), 200);
        assert_eq!(Query::parse("$top=9999").top(200, 1000).expect("capped"), 1000);
        assert!(Query::parse("$top=0").top(200, 1000).is_err());
        assert!(Query::parse("$top=x").top(200, 1000).is_err());
    }
}
