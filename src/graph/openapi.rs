//! The OpenAPI document, made of the route table and of what stands at the handlers. Of the many ways to address an
//! item it shows one.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

pub struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(scheme));
        }
    }
}

/// An operation of the document.
pub struct Documented {
    /// What it is about.
    pub tag: &'static str,
    pub method: HttpMethod,
    /// A pattern of the route table.
    pub pattern: &'static str,
    pub operation: Operation,
}

/// The document, of its parts and its operations. Answers leave out what is absent and never say `null`, so none is
/// declared.
pub fn json(mut document: OpenApi, operations: Vec<Documented>) -> Value {
    document.paths = paths(operations);
    let mut document = serde_json::to_value(document).unwrap_or_default();
    without_null(&mut document);
    document
}

fn paths(operations: Vec<Documented>) -> Paths {
    let mut paths = Paths::new();
    for Documented { tag, method, pattern, mut operation } in operations {
        operation.tags = Some(vec![tag.to_owned()]);
        let item = paths.paths.entry(shown_address(pattern)).or_default();
        let known = match method {
            HttpMethod::Get => &mut item.get,
            HttpMethod::Post => &mut item.post,
            HttpMethod::Put => &mut item.put,
            HttpMethod::Patch => &mut item.patch,
            _ => &mut item.delete,
        };
        // Operations that their bodies' types tell apart are one to the document.
        if let (Some(RefOr::T(body)), Some(RefOr::T(other))) =
            (operation.request_body.as_mut(), known.take().and_then(|first| first.request_body))
        {
            body.content.extend(other.content);
        }
        *known = Some(operation);
    }
    paths
}

/// The address that the document shows for a pattern of the table.
fn shown_address(pattern: &str) -> String {
    let starts = [
        ("/item/delta", "/v1.0/drives/{drive_id}/root/delta"),
        ("/item", "/v1.0/drives/{drive_id}/items/{item_id}"),
        ("/share/item", "/v1.0/shares/{share_id}/driveItem"),
        ("/share", "/v1.0/shares/{share_id}"),
        ("/drive", "/v1.0/me/drive"),
        ("/me", "/v1.0/me"),
        ("/batch", "/v1.0/$batch"),
    ];
    let start = starts.iter().find_map(|(start, shown)| Some((*shown, pattern.strip_prefix(start)?)));
    start.map_or_else(|| pattern.to_owned(), |(shown, rest)| format!("{shown}{rest}"))
}

fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(without_null),
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("oneOf") {
                choices.retain(|one| one["type"] != "null");
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    members.remove("oneOf");
                    members.extend(only);
                }
            }
            members.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

/// The document as it is answered: the same bytes for everybody, however many ask for it.
pub struct Rendered(Bytes);

impl Rendered {
    pub fn of(document: &Value) -> Self {
        Self(document.to_string().into())
    }
}

pub async fn get_document(rendered: web::Data<Rendered>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(rendered.0.clone())
}
