//! The OpenAPI document, made of the route table and of what stands at the handlers. Of the many ways to address an
//! item it shows one.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi};

use crate::graph::routes::{Documented, Parts, documented};

/// An item by its drive and its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct InDrive {
    /// 16 hexadecimal digits.
    #[param(pattern = "^[0-9A-F]{16}$")]
    drive_id: String,
    /// `DRIVE!number`, or `root`.
    #[param(pattern = "^([0-9A-F]{16}![1-9][0-9]{0,17}|root)$")]
    item_id: String,
}

/// A drive by its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct OfDrive {
    /// 16 hexadecimal digits.
    #[param(pattern = "^[0-9A-F]{16}$")]
    drive_id: String,
}

/// A page of a folder.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct PageParams {
    /// Entries of a page.
    #[param(rename = "$top", minimum = 1)]
    top: Option<u32>,
    /// `name`, `size` or `lastModifiedDateTime`; with ` desc` the other way round.
    #[param(rename = "$orderby", pattern = "^(name|size|lastModifiedDateTime)( (asc|desc))?$")]
    orderby: Option<String>,
    /// Members that are wanted, separated by commas.
    #[param(rename = "$select")]
    select: Option<String>,
}

/// An item that is shared.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct InShare {
    /// A link's `shareId`, or `u!` and its URL in base64url.
    #[param(pattern = "^[su]![A-Za-z0-9_-]+$")]
    share_id: String,
}

pub struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(scheme));
        }
    }
}

/// The document. Answers leave out what is absent and never say `null`, so none is declared.
pub fn json() -> Value {
    let mut document = Parts::openapi();
    document.paths = paths();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    without_null(&mut document);
    document
}

fn paths() -> Paths {
    let mut paths = Paths::new();
    for Documented { tag, method, pattern, mut operation } in documented() {
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
    pub fn once() -> Self {
        Self(json().to_string().into())
    }
}

pub async fn get_document(rendered: web::Data<Rendered>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(rendered.0.clone())
}
