//! The OpenAPI document, made of what stands at the handlers. Of the many ways to address an item it
//! shows one.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi};

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

#[derive(OpenApi)]
#[openapi(
    info(title = "Everlink", description = "Sharing links that never break, as Microsoft Graph has them."),
    paths(
        super::items::get_drive,
        super::items::list_drives,
        super::items::get,
        super::items::children,
        super::items::search,
        super::items::delta,
        super::items::create_folder,
        super::items::download,
        super::items::upload,
        super::items::update,
        super::items::delete,
        super::items::purge,
        super::items::copy,
        super::items::monitor,
        super::items::restore,
        super::items::versions,
        super::items::version_content,
        super::items::delete_version,
        super::items::restore_version,
        super::uploads::create,
        super::uploads::create_by_link,
        super::uploads::put_range,
        super::uploads::status,
        super::uploads::cancel,
        super::links::create,
        super::links::permissions,
        super::links::permission,
        super::links::change,
        super::links::revoke,
        super::shares::get,
        super::shares::permission,
        super::shares::item,
        super::shares::children,
        super::shares::download,
        super::shares::upload,
        super::batch::batch,
    ),
    modifiers(&BearerToken),
    security(("token" = []))
)]
pub struct Document;

struct BearerToken;

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
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    without_null(&mut document);
    document
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

pub async fn document(rendered: web::Data<Rendered>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(rendered.0.clone())
}
