//! A link's own address: the page of what it opens, or that as JSON.

use actix_web::{HttpRequest, HttpResponse};

use crate::auth::Visitor;
use crate::domain::item::Kind;
use crate::error::Result;
use crate::graph::counting;
use crate::graph::site::Site;
use crate::graph::wire;
use crate::pages::opened::Opened;
use crate::pages::views::Notice;
use crate::pages::{drop, file, folder, wants_json};

pub async fn redir(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    if wants_json(request.headers()) {
        let right = opened.shared.to_read()?;
        let item = wire::shared_item_text(&opened.site, &opened.shared, &right)?;
        counting::view(&opened.site, &request, &opened.shared, visitor.0.as_deref());
        return Ok(wire::json_text(item));
    }
    let answer = if opened.shared.only_adds() {
        drop::page(&opened)?
    } else {
        let right = opened.shared.to_read()?;
        match right.item().kind() {
            Kind::File => file::page(&opened, &right).await?,
            Kind::Folder => folder::page(&opened, &right).await?,
        }
    };
    counting::view(&opened.site, &request, &opened.shared, visitor.0.as_deref());
    Ok(answer)
}

/// What the page says of what its form has just done: the form leads back here, and the address tells what it did.
pub fn notice(opened: &Opened) -> Option<Notice> {
    let count = || opened.asked("n").and_then(|count| count.parse::<usize>().ok()).unwrap_or(1);
    let skipped = match opened.asked("skipped").and_then(|count| count.parse::<usize>().ok()) {
        None => String::new(),
        Some(1) => ", 1 skipped because its name was taken".to_owned(),
        Some(skipped) => format!(", {skipped} skipped because their names were taken"),
    };
    let (is_bad, text) = match opened.asked("done")?.as_str() {
        "replaced" => (false, "Replaced. Everybody with this link gets your version now.".to_owned()),
        "uploaded" if count() == 1 => (false, format!("1 file uploaded{skipped}")),
        "uploaded" => (false, format!("{} files uploaded{skipped}", count())),
        "folder" => (false, "The folder is there.".to_owned()),
        "changed" => (
            true,
            "Somebody else replaced this file a moment ago. Look at it first, then replace it if you still want to."
                .to_owned(),
        ),
        "taken" => (true, "Something of this name is already here.".to_owned()),
        "name" => (true, "That can’t be a name: it is too long, or has \\ / : * ? \" < > | in it.".to_owned()),
        "none" => (true, "Nothing was chosen. Choose something first.".to_owned()),
        "full" => (true, "There is no room for it. Ask the owner to make some.".to_owned()),
        "large" => (true, "It is too large to be sent without JavaScript.".to_owned()),
        _ => return None,
    };
    Some(Notice { is_bad, text })
}
