//! A shared file framed in another site's page: it fills its frame, and nothing else is there.

use actix_web::{HttpRequest, HttpResponse};

use crate::auth::Visitor;
use crate::error::{Error, Result};
use crate::graph::counting;
use crate::graph::site::Site;
use crate::pages::opened::Opened;
use crate::pages::preview;
use crate::pages::views::EmbedPage;
use crate::pages::{answer, kinds, words};

pub async fn embed(visitor: Visitor, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let right = opened.shared.to_embed()?;
    let item = right.to_read().item();
    if item.file().is_none() {
        return Err(Error::ItemNotFound);
    }
    let shown = EmbedPage {
        name: words::plain(&item.name),
        kind: kinds::kind_of(item),
        open: opened.own_url("redir"),
        preview: preview::of(&opened, item).await?.preview,
    };
    let answer = answer::frame(&opened.site, &shown)?;
    counting::view(&opened.site, &request, &opened.shared, visitor.0.as_deref());
    Ok(answer)
}
