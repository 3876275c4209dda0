//! What a form of the site sends.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::error::{Error, Result};
use crate::graph::body::Unread;
use crate::website::session::{Owner, check_token};

/// Bytes of a form, at most: some thousand entries may be chosen in one.
const MOST: usize = 256 * 1024;

/// A form, and who sends it: it was proven that it is of a page of theirs.
pub struct Form {
    pub owner: Owner,
    fields: Vec<(String, String)>,
}

impl Form {
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All of a name.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A number, as of an item.
    pub fn number(&self, name: &str) -> Result<i64> {
        self.field(name).parse().map_err(|_| Error::ItemNotFound)
    }
}

impl FromRequest for Form {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let owner = Owner::from_request(request, payload).into_inner();
        let unread = Unread::from_request(request, payload).into_inner();
        let request = request.clone();
        Box::pin(async move {
            let owner = owner?;
            let body = unread?.read(MOST).await?;
            let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
            let shown = fields.iter().find(|(key, _)| key == "token").map(|(_, token)| token.as_str());
            check_token(&owner.session, &request, shown)?;
            Ok(Self { owner, fields })
        })
    }
}
