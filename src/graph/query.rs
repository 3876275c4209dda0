//! The query's options and the headers' conditions.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Datelike;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::IntoResponses;

use crate::clock::Timestamp;
use crate::domain::item::Item;
use crate::domain::order::{Order, OrderBy, PlaceInOrder};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::limits::PAGE;
use crate::service::drive::PageRequest;

/// Entries of a page where the client does not say.
pub const USUAL_PAGE: usize = 200;

/// Members that are there because `$expand` names them.
const EXPANDED: [&str; 3] = ["children", "driveItem", "root"];
/// Options of OData that are not served. Passed over, they would give more than was asked for.
const NOT_SERVED: [&str; 6] = ["filter", "skip", "search", "count", "apply", "format"];

/// A query's options. OData's have a `$` in front, which clients of 2015 leave out.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Refuses what would have to be passed over.
    fn check(&self) -> Result<()> {
        for (name, value) in &self.0 {
            let bare = name.strip_prefix('$').unwrap_or(name).to_ascii_lowercase();
            // Every answer is JSON.
            let is_json = bare == "format" && value.to_ascii_lowercase().contains("json");
            if NOT_SERVED.contains(&&*bare) && !is_json {
                return Err(Error::OptionNotSupported(format!("${bare}")));
            }
        }
        Ok(())
    }

    /// Whether the answer is to be as it is.
    pub fn asks_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// As a query is spelled.
    pub fn text(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
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

    /// Members that are wanted; none: all.
    fn select(&self) -> Option<Vec<&str>> {
        let wanted = self.get("select").filter(|wanted| !wanted.is_empty())?;
        // Of a path into a member the whole member is given.
        Some(wanted.split(',').map(|member| member.trim().split('/').next().unwrap_or_default()).collect())
    }

    /// The answer with the members that `$select` names; the id and annotations of OData stay, and so does what is
    /// expanded.
    pub fn shape(&self, answer: impl Serialize) -> Result<Box<RawValue>> {
        let Some(wanted) = self.select().filter(|wanted| *wanted != ["*"]) else {
            return to_raw_value(&answer).map_err(Error::internal);
        };
        let mut answer = serde_json::to_value(answer).map_err(Error::internal)?;
        let keep = |value: &mut Value| {
            if let Some(members) = value.as_object_mut() {
                members.retain(|name, _| {
                    let member = name.split('@').next().unwrap_or_default();
                    let stays = name == "id" || name.starts_with("@odata.") || EXPANDED.contains(&member);
                    stays || wanted.contains(&name.as_str())
                });
            }
        };
        match answer.get_mut("value").and_then(Value::as_array_mut) {
            Some(list) => list.iter_mut().for_each(keep),
            None => keep(&mut answer),
        }
        to_raw_value(&answer).map_err(Error::internal)
    }

    /// Whether an item is wanted with its children.
    pub fn expands_children(&self) -> Result<bool> {
        self.expanded(&["children"]).map(|expanded| !expanded.is_empty())
    }

    /// Those of the members that are wanted expanded. Anything else that can be expanded in Microsoft's API and not
    /// here is refused, and so are options within; thumbnails may always be missing.
    pub fn expanded(&self, known: &[&'static str]) -> Result<Vec<&'static str>> {
        let expanded = self.get("expand").unwrap_or_default();
        let mut wanted = Vec::new();
        // Commas within brackets are those of an option's own list: children($select=id,name).
        let mut depth = 0;
        let members = expanded.split(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        });
        for member in members.map(str::trim).filter(|member| !member.is_empty()) {
            let (name, options) =
                member.split_once('(').map_or((member, None), |(name, rest)| (name, Some(rest)));
            if name == "thumbnails" {
                continue;
            }
            let Some(name) = known.iter().find(|known| **known == name) else {
                return Err(Error::NotSupported("Only children can be expanded."));
            };
            if let Some(options) = options {
                return Err(Error::OptionNotSupported(format!("$expand={name}({options}")));
            }
            wanted.push(*name);
        }
        Ok(wanted)
    }

    /// The page of a folder's items that is wanted.
    pub fn page(&self) -> Result<PageRequest> {
        let order = self.order()?;
        let after = self.get("skipToken").map(|token| parse_place(token, order)).transpose()?;
        Ok(PageRequest { order, after, limit: self.top(USUAL_PAGE, PAGE)? })
    }

    fn order(&self) -> Result<Order> {
        let text = self.get("orderby").unwrap_or("name").trim();
        let (member, direction) = text.split_once(' ').unwrap_or((text, "asc"));
        let by = match member {
            "name" => OrderBy::Name,
            "size" => OrderBy::Size,
            "lastModifiedDateTime" => OrderBy::Modified,
            _ => {
                return Err(Error::invalid_request("$orderby is none of name, size, lastModifiedDateTime."));
            }
        };
        match direction.trim() {
            "asc" => Ok(Order { by, descending: false }),
            "desc" => Ok(Order { by, descending: true }),
            _ => Err(Error::invalid_request("$orderby's direction is neither asc nor desc.")),
        }
    }

    /// The query that asks for the page after this one.
    pub fn next_page(&self, wanted: &PageRequest, next: &PlaceInOrder) -> String {
        let mut query = format!("$top={}&$skipToken={}", wanted.limit, write_place(next, wanted.order));
        query.push_str(&self.passed_on(&["orderby", "select"]));
        query
    }

    /// Those of the options that are there, to be added to the query of a next page.
    pub fn passed_on(&self, options: &[&str]) -> String {
        let mut query = String::new();
        for option in options {
            if let Some(value) = self.get(option) {
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                query.push_str(&format!("&${option}={value}"));
            }
        }
        query
    }

    /// What to do where the name is taken, under either of the annotation's names.
    pub fn conflict(&self, default: Conflict) -> Result<Conflict> {
        match self.get("@microsoft.graph.conflictBehavior").or_else(|| self.get("@name.conflictBehavior")) {
            Some(behavior) => parse_conflict(behavior),
            None => Ok(default),
        }
    }
}

/// A place as a token carries it: the order, so that none is used with another, and the item's values.
#[derive(Serialize, Deserialize)]
struct PlaceToken(String, String, i64, Timestamp);

fn order_name(order: Order) -> String {
    format!("{:?} {}", order.by, order.descending)
}

fn write_place(place: &PlaceInOrder, order: Order) -> String {
    let token = PlaceToken(order_name(order), place.name_key.clone(), place.size, place.modified_at);
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

fn parse_place(token: &str, order: Order) -> Result<PlaceInOrder> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let token: Option<PlaceToken> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match token {
        Some(PlaceToken(name, name_key, size, modified_at))
            if name == order_name(order)
                && !name_key.contains('\0')
                // The years that the databases can write.
                && (0..=9999).contains(&modified_at.year()) =>
        {
            Ok(PlaceInOrder { name_key, size, modified_at })
        }
        _ => Err(Error::invalid_request("$skipToken is not one that was given for this list.")),
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
        let query = Self::parse(request.query_string());
        ready(query.check().map(|()| query))
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

/// What the document tells of it.
#[derive(IntoResponses)]
#[response(status = 304, description = "Not changed")]
pub struct NotModified;

/// «Not changed», where a client has seen the item as it is.
pub fn not_modified(preconditions: &Preconditions, item: &Item) -> Option<HttpResponse> {
    let seen = Preconditions { if_match: None, if_none_match: preconditions.if_none_match.clone() };
    let tag = (header::ETAG, item.etag());
    (!seen.hold(Some(item))).then(|| HttpResponse::NotModified().insert_header(tag).finish())
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
                let Some(inner) = quoted.strip_prefix('"') else {
                    // Some clients leave the quotes out. Tags may have commas, so it is one or several.
                    let bare = rest.split(',').chain([rest]).map(|tag| format!("\"{}\"", tag.trim()));
                    tags.extend(bare.filter(|tag| !tag[1..tag.len() - 1].contains('"')));
                    if rest.contains('"') {
                        return Err(Error::MalformedEntityTag);
                    }
                    break;
                };
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
    fn a_tag_without_its_quotes_is_one_or_several() {
        let expected = ["\"a\"", "\"1\"", "\"a,1\""].map(str::to_owned);
        assert_eq!(read("a,1").expect("tags"), Some(expected.to_vec()));
    }

    #[test]
    fn a_tag_with_half_its_quotes_is_malformed() {
        for bad in ["\"a", "\"a\" \"b\"", "a\"", "**x"] {
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
        for query in
            ["$filter=x", "filter=x", "$Skip=2", "$search=x", "$count=true", "$apply=x", "format=pdf"]
        {
            assert!(matches!(Query::parse(query).check(), Err(Error::OptionNotSupported(_))), "{query}");
        }
        for query in ["$top=5", "utm_source=x", "$format=application/json", "$skipToken=x"] {
            assert!(Query::parse(query).check().is_ok(), "{query}");
        }
        assert!(Query::parse("$top=0").top(200, 1000).is_err());
        assert!(Query::parse("$top=x").top(200, 1000).is_err());
    }
}
