//! The page of a link that only takes files.

use actix_web::HttpResponse;

use crate::error::{Error, Result};
use crate::pages::opened::Opened;
use crate::pages::views::DropPage;
use crate::pages::{answer, item, words};

pub fn page(opened: &Opened) -> Result<HttpResponse> {
    let first_name = opened.first_name();
    let arrived = match opened.asked("done").as_deref() {
        Some("uploaded") => opened.asked("n").and_then(|count| count.parse().ok()),
        _ => None,
    };
    let shown = DropPage {
        page: opened.page(&format!("Send files to {first_name}"))?,
        folder: words::plain(&opened.shared.whole().name),
        owner: if opened.owner().is_empty() { "The owner".to_owned() } else { opened.owner() },
        first_name,
        send: opened.sending()?.ok_or(Error::ItemNotFound)?,
        notice: item::notice(opened).filter(|_| arrived.is_none()),
        arrived,
    };
    answer::page(&opened.site, &shown)
}
