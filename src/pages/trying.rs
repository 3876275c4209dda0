//! The page on which the API's calls can be tried.

use actix_web::{HttpResponse, web};

use crate::error::Result;
use crate::pages::answer;
use crate::pages::views::TryPage;

/// Where the page takes a token from, in a service that gives one to anybody.
pub struct TokenAddress(pub &'static str);

pub async fn try_calls(token: Option<web::Data<TokenAddress>>) -> Result<HttpResponse> {
    answer::plain_page(HttpResponse::Ok(), &TryPage { token: token.map(|address| address.0) })
}
