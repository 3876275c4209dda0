//! Lists as answers: as many entries as a page has room for, and the turn that a list takes until it is sent.
//!
//! Each entry is written as soon as it is made, so that a page of thousands is never in memory but as text.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Result;
use crate::graph::query::Query;
use crate::limits::{PAGE_BYTES, Taken};

/// An entry's JSON.
pub type Entry = Box<RawValue>;

/// The entries, shaped as the query wants them, that a page has room for: the first of them, and at least one.
pub fn fill<T: Serialize>(query: &Query, entries: impl IntoIterator<Item = Result<T>>) -> Result<Vec<Entry>> {
    let mut page = Vec::new();
    let mut size = 0;
    for entry in entries {
        let entry = query.shape(entry?)?;
        size += entry.get().len();
        page.push(entry);
        if size >= PAGE_BYTES {
            break;
        }
    }
    Ok(page)
}

/// The answer. Its turn is over when it was sent, or its client has gone.
pub fn answer(turn: Taken, list: &impl Serialize) -> HttpResponse {
    holding(turn, HttpResponse::Ok().json(list))
}

/// An answer that holds a turn until it was sent.
pub fn holding(turn: Taken, response: HttpResponse) -> HttpResponse {
    response.map_body(|_, body| BoxBody::new(Held { body, _turn: turn }))
}

struct Held {
    body: BoxBody,
    _turn: Taken,
}

impl MessageBody for Held {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
