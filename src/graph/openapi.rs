//! The OpenAPI document, made of the route table and of what stands at the handlers. Of the many ways to address an
//! item it shows two, by path and by id.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, Paths};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{IntoParams, Modify};

use super::examples::{FOLDER, examples};
use super::params::ByPath;

pub struct BearerToken;

/// What the document tells of it.
const TOKEN: &str = "A JWT of the service's issuer. `everlink token --user alice --app-id demo` prints one of the \
    local issuer, good for an hour. Scopes: `Files.Read` reads, `Files.ReadWrite` also writes and shares.";

impl Modify for BearerToken {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let scheme = scheme.description(Some(TOKEN)).build();
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
    name_entries(&mut document);
    without_required(&mut document);
    add_examples(&mut document);
    document
}

fn paths(operations: Vec<Documented>) -> Paths {
    let mut paths = Paths::new();
    for Documented { tag, method, pattern, mut operation } in operations {
        operation.tags = Some(vec![tag.to_owned()]);
        let by_path = path_address(pattern).map(|address| (address, named_by_path(&operation, pattern)));
        for (address, mut operation) in by_path.into_iter().chain([(shown_address(pattern), operation)]) {
            let item = paths.paths.entry(address).or_default();
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
    }
    paths
}

/// What the ids of operations by path end with.
const BY_PATH: &str = "_by_path";

/// The operation for an item that is named by its path, rather than its id.
fn named_by_path(operation: &Operation, pattern: &str) -> Operation {
    let mut by_path = operation.clone();
    by_path.operation_id = by_path.operation_id.map(|id| id + BY_PATH);
    let is_id = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(one) if one.name == "item_id");
    let others = by_path.parameters.take().unwrap_or_default().into_iter().filter(|one| !is_id(one));
    let is_folder = pattern.starts_with("/item/children") || pattern.starts_with("/item/search");
    let path = ByPath::into_params(|| None).into_iter().map(|path| match is_folder {
        true => ParameterBuilder::from(path).example(Some(json!(FOLDER))).build(),
        false => path,
    });
    by_path.parameters = Some(path.map(RefOr::T).chain(others).collect());
    by_path
}

/// The address that the document shows for items by their paths, where it does: an item that is deleted has none, and
/// what is rarely asked for is shown by id alone.
fn path_address(pattern: &str) -> Option<String> {
    const BY_ID_ALONE: [&str; 6] =
        ["/restore", "/permanentDelete", "/thumbnails", "/analytics/", "/versions/", "/delta"];
    let rest = pattern.strip_prefix("/item").filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let colon = if rest.is_empty() { "" } else { ":" };
    let is_shown = !BY_ID_ALONE.iter().any(|start| rest.starts_with(start));
    is_shown.then(|| format!("/v1.0/me/drive/root:/{{path}}{colon}{rest}"))
}

/// The address that the document shows for a pattern of the table.
fn shown_address(pattern: &str) -> String {
    let starts = [
        ("/item/delta", "/v1.0/me/drive/root/delta"),
        ("/item", "/v1.0/me/drive/items/{item_id}"),
        ("/share/item", "/v1.0/shares/{share_id}/driveItem"),
        ("/share", "/v1.0/shares/{share_id}"),
        ("/drive", "/v1.0/me/drive"),
        ("/me", "/v1.0/me"),
        ("/batch", "/v1.0/$batch"),
    ];
    let start = starts.iter().find_map(|(start, shown)| Some((*shown, pattern.strip_prefix(start)?)));
    start.map_or_else(|| pattern.to_owned(), |(shown, rest)| format!("{shown}{rest}"))
}

/// Bodies to try the operations with. They are put in last, for utoipa would sort them.
fn add_examples(document: &mut Value) {
    let items = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in items.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        let examples = examples(id.strip_suffix(BY_PATH).unwrap_or(id));
        if let Some(body) = operation.pointer_mut("/requestBody/content/application~1json") {
            body["examples"] = examples.into();
        }
    }
}

/// What the names of lists' structures begin with.
const COLLECTION: &str = "Collection_";

/// Lists name what is in them, rather than have it within.
fn name_entries(document: &mut Value) {
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if let Some(entry) = name.strip_prefix(COLLECTION) {
            schema["properties"]["value"]["items"] =
                json!({ "$ref": format!("#/components/schemas/{entry}") });
        }
    }
}

/// Of what `$select` shapes no member is required, for it may leave out any.
fn without_required(document: &mut Value) {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let is_select = |parameter: &Value| parameter["name"] == "$select";
    let shaped = operations
        .filter(|(_, one)| one["parameters"].as_array().is_some_and(|all| all.iter().any(is_select)));
    let answers = shaped.flat_map(|(_, one)| one["responses"].as_object().into_iter().flatten());
    let answers = answers.filter(|(status, _)| status.starts_with('2'));
    let names = answers.filter_map(|(_, answer)| {
        let name = answer.pointer("/content/application~1json/schema/$ref")?.as_str()?.rsplit('/').next()?;
        Some(name.strip_prefix(COLLECTION).unwrap_or(name).to_owned())
    });
    for name in names.collect::<BTreeSet<_>>() {
        if let Some(schema) = document["components"]["schemas"][&name].as_object_mut() {
            schema.remove("required");
        }
    }
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
