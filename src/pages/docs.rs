//! The API's page for people, made of its OpenAPI document.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use bytes::Bytes;
use serde_json::Value;

use crate::graph::routes;
use crate::pages::views::{DocsPage, Group, Operation, Page};
use crate::pages::{answer, assets};

/// The page as it is answered: the same bytes for everybody, made and compressed once.
pub struct Rendered {
    plain: Bytes,
    gzip: Bytes,
}

impl Rendered {
    pub fn once() -> Self {
        let page = Page { title: "Everlink's API".to_owned(), ..Page::default() };
        let page = DocsPage { page, groups: groups(&routes::document()) };
        let plain: Bytes = page.render().expect("the template renders: its values are plain text").into();
        Self { gzip: answer::gzip(&plain).into(), plain }
    }
}

pub async fn docs(request: HttpRequest, rendered: web::Data<Rendered>) -> HttpResponse {
    if !assets::takes_gzip(request.headers()) {
        return answer::plain_text(rendered.plain.clone());
    }
    let mut compressed = answer::plain_text(rendered.gzip.clone());
    compressed.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    compressed.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    compressed
}

/// As Swagger UI names an operation's place.
fn deep_link(tag: &str, operation: &str) -> String {
    format!("/docs/try#/{}/{operation}", tag.replace(' ', "%20"))
}

/// In the document's order, each group where its first operation is.
fn groups(document: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let title = operation["tags"][0].as_str().unwrap_or("Other").to_owned();
            let statuses =
                operation["responses"].as_object().into_iter().flatten().map(|(status, _)| status.as_str());
            let shown = Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
                // What goes wrong is told of all in the same words.
                statuses: statuses
                    .filter(|status| !matches!(*status, "4XX" | "default"))
                    .collect::<Vec<_>>()
                    .join(", "),
                try_it: deep_link(&title, operation["operationId"].as_str().unwrap_or_default()),
            };
            match groups.iter_mut().find(|group| group.title == title) {
                Some(group) => group.operations.push(shown),
                None => groups.push(Group { title, operations: vec![shown] }),
            }
        }
    }
    groups
}
