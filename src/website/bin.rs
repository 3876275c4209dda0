//! The recycle bin.

use actix_web::{HttpRequest, HttpResponse};

use crate::domain::preconditions::Preconditions;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::{answer, kinds, words};
use crate::service::drive::{Restoration, list_bin, purge_item, restore_item};
use crate::website::form::Form;
use crate::website::frame::Desk;
use crate::website::session::Owner;
use crate::website::views::{BinEntry, BinPage, Here};

const ROWS: usize = 100;

pub async fn page(owner: Owner, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let desk = Desk::of(owner, &request, site).await?;
    show(&desk, None, false).await
}

async fn show(desk: &Desk, confirming: Option<i64>, is_emptying: bool) -> Result<HttpResponse> {
    let number =
        desk.asked("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).clamp(1, 1_000_000);
    let (binned, has_more) = list_bin(desk.site.service(), &desk.drive, (number - 1) * ROWS, ROWS).await?;
    let entries: Vec<BinEntry> = binned
        .iter()
        .map(|binned| {
            let item = &binned.placed.item;
            BinEntry {
                number: item.id.number,
                name: words::plain(&item.name),
                kind: kinds::kind_of(item),
                size: words::extent(item),
                path: words::plain(&format!("/{}", binned.placed.folders.join("/"))),
                deleted: words::moment(binned.deleted_at),
            }
        })
        .collect();
    let name =
        |number: i64| entries.iter().find(|entry| entry.number == number).map(|entry| entry.name.clone());
    let shown = BinPage {
        frame: desk.frame("Recycle bin", Some(Here::Bin)).await?,
        confirming: confirming.and_then(|number| Some((number, name(number)?))),
        entries,
        next: has_more.then(|| format!("/my/bin?page={}", number + 1)),
        is_emptying,
    };
    desk.answer(&shown)
}

pub async fn change(form: Form, request: HttpRequest, site: Site) -> Result<HttpResponse> {
    let what = form.field("do").to_owned();
    let number = form.number("item");
    let desk = Desk::of(form.owner, &request, site).await?;
    let done = match what.as_str() {
        "ask" => return show(&desk, Some(number?), false).await,
        "ask-empty" => return show(&desk, None, true).await,
        "restore" => restore(&desk, number?).await,
        "purge" => purge(&desk, number?).await.map(|()| "purged"),
        "empty" => empty(&desk).await.map(|()| "emptied"),
        _ => Err(Error::ItemNotFound),
    };
    let done = match done {
        Ok(done) => done,
        Err(Error::ItemNotFound) => "missing",
        Err(Error::QuotaLimitReached) => "full",
        Err(error) => return Err(error),
    };
    Ok(answer::see_other(format!("/my/bin?done={done}")))
}

/// To its old place; under another name, where its own is taken by now.
async fn restore(desk: &Desk, number: i64) -> Result<&'static str> {
    let service = desk.site.service();
    let right = desk.manage_deleted(number).await?;
    match restore_item(service, &right, &Restoration::default()).await {
        Err(Error::NameAlreadyExists) => {}
        restored => return restored.map(|_| "restored"),
    }
    let beside = Restoration { keep_both: true, ..Restoration::default() };
    restore_item(service, &right, &beside).await.map(|_| "restored-as")
}

async fn purge(desk: &Desk, number: i64) -> Result<()> {
    let right = desk.manage_deleted(number).await?;
    purge_item(desk.site.service(), &right, &Preconditions::default()).await
}

async fn empty(desk: &Desk) -> Result<()> {
    loop {
        let (binned, _) = list_bin(desk.site.service(), &desk.drive, 0, ROWS).await?;
        if binned.is_empty() {
            return Ok(());
        }
        for binned in binned {
            match purge(desk, binned.placed.item.id.number).await {
                Err(Error::ItemNotFound) => {}
                purged => purged?,
            }
        }
    }
}
