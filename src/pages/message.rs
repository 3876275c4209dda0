//! Pages that say one thing: that a link opens nothing, whom it is for, what went wrong.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::error::{Error, Result};
use crate::graph::errors::{RETRY_AFTER, status};
use crate::pages::answer;
use crate::pages::views::{MessagePage, OrganizationPage, Page};
use crate::pages::words;

pub async fn home() -> Result<HttpResponse> {
    message(
        HttpResponse::Ok(),
        "inbox",
        "Everlink",
        "This server keeps shared files. Open a link that somebody sent you to see what it shares."
            .to_owned(),
    )
}

/// What people are told in the place of a page. What is wrong with a link is never told: all that open nothing have one
/// and the same page. `sign_in` is where one signs in to get to the page that was asked for.
pub fn error_page(error: &Error, request_id: &str, sign_in: Option<String>) -> HttpResponse {
    let response = HttpResponse::build(status(error));
    let answer = match error {
        Error::ForOrganization(organization) => answer::plain_page(
            response,
            &OrganizationPage {
                page: Page { title: "For people of an organization".to_owned(), ..Page::default() },
                organization: words::organization(organization),
                sign_in,
                account: None,
            },
        ),
        Error::ItemNotFound => message(
            response,
            "gone",
            "This link doesn’t open anything",
            "It may have been removed, or a part of the address is missing. \
             Ask the person who sent it to you for a new one."
                .to_owned(),
        ),
        Error::NoSuchApi => {
            message(response, "gone", "There is no page here", "Check the address.".to_owned())
        }
        Error::TooOften { seconds } => message(
            response,
            "alert",
            "Too many at once",
            format!("Wait {seconds} seconds, then load the page again."),
        ),
        Error::TooBusy(_) => message(
            response,
            "alert",
            "Too many at once",
            format!("Wait {RETRY_AFTER} seconds, then load the page again."),
        ),
        Error::Unavailable(_) | Error::StorageFull(_) | Error::ContentDamaged(_) | Error::Internal(_) => {
            message(
                response,
                "alert",
                "Something broke on our side",
                format!(
                    "Try again in a minute. If it goes on, tell the person who runs this server: {request_id}"
                ),
            )
        }
        error => message(response, "alert", "That didn’t work", error.to_string()),
    };
    answer.unwrap_or_else(|error| HttpResponse::new(status(&error)))
}

fn message(
    response: HttpResponseBuilder,
    icon: &'static str,
    title: &str,
    text: String,
) -> Result<HttpResponse> {
    let page = Page { title: title.to_owned(), ..Page::default() };
    answer::plain_page(response, &MessagePage { page, icon, title: title.to_owned(), text })
}
