//! What a page's forms send, where no script does: files, a new version, a new folder. Each leads back to the page,
//! whose address then tells what was done.

use actix_multipart::{Field, Multipart};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::TryStreamExt;

use crate::auth::Visitor;
use crate::domain::item::{ClientProperties, Kind};
use crate::domain::name::{ItemPath, Name};
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::graph::multipart::{Related, read_small, unreadable};
use crate::graph::query::parse_conflict;
use crate::graph::site::Site;
use crate::pages::answer;
use crate::pages::opened::Opened;
use crate::service::drive::{self, Upload};
use crate::service::rights::ToWrite;

/// What a form has told before its files.
#[derive(Default)]
struct Told {
    what: String,
    name: String,
    etag: String,
    conflict: Option<Conflict>,
}

pub async fn send(visitor: Visitor, request: HttpRequest, body: Related, site: Site) -> Result<HttpResponse> {
    let opened = Opened::by(&visitor, &request, site).await?;
    let service = opened.site.service();
    let to = match opened.shared.lets_write() {
        true => opened.shared.to_write(service, visitor.0.as_deref()).await?,
        false => opened.shared.to_add(service, visitor.0.as_deref()).await?,
    };
    let done = match Box::pin(take(&opened, &to, body.0)).await {
        Ok(done) => done,
        Err(Error::NameAlreadyExists) => "taken".to_owned(),
        Err(Error::InvalidPath(_) | Error::PathTooLong) => "name".to_owned(),
        Err(Error::ResourceModified) => "changed".to_owned(),
        Err(Error::QuotaLimitReached | Error::StorageFull(_)) => "full".to_owned(),
        Err(Error::PayloadTooLarge { .. }) => "large".to_owned(),
        Err(error) => return Err(error),
    };
    Ok(answer::see_other(format!("{}&done={done}", opened.own_url("redir"))))
}

/// Takes a form's parts in their order: what it is about comes before its files.
async fn take(opened: &Opened, to: &ToWrite, mut parts: Multipart) -> Result<String> {
    let mut told = Told::default();
    let mut files = 0;
    while let Some(part) = parts.try_next().await.map_err(unreadable)? {
        match part.name().unwrap_or_default() {
            "do" => told.what = text(part).await?,
            "name" => told.name = text(part).await?,
            "etag" => told.etag = text(part).await?,
            "conflict" => told.conflict = Some(parse_conflict(&text(part).await?)?),
            "file" => files += usize::from(take_file(opened, to, &told, part).await?),
            _ => {}
        }
    }
    match told.what.as_str() {
        "folder" => {
            let name = Name::parse(told.name.trim())?;
            let properties = ClientProperties::default();
            if to.only_adds() {
                return Err(Error::ItemNotFound);
            }
            drive::create_folder(opened.site.service(), to, &name, &properties, Conflict::Fail).await?;
            Ok("folder".to_owned())
        }
        "replace" if files > 0 => Ok("replaced".to_owned()),
        _ if files > 0 => Ok(format!("uploaded&n={files}")),
        _ => Ok("none".to_owned()),
    }
}

async fn text(part: Field) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_small(part).await?).into_owned())
}

/// False where there is none, or it is to be left out.
async fn take_file(opened: &Opened, to: &ToWrite, told: &Told, part: Field) -> Result<bool> {
    let file_name = part.content_disposition().and_then(|told| told.get_filename()).unwrap_or_default();
    // Some browsers tell the way to it, too.
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    if file_name.is_empty() {
        return Ok(false);
    }
    let mut preconditions = Preconditions::default();
    let path = match to.base().kind() {
        Kind::Folder => ItemPath::default().child(Name::parse(&file_name)?),
        Kind::File => {
            preconditions.if_match = (!told.etag.is_empty()).then(|| vec![told.etag.clone()]);
            ItemPath::default()
        }
    };
    let conflict = match to.base().kind() {
        Kind::Folder => told.conflict.unwrap_or(Conflict::Rename),
        Kind::File => Conflict::Replace,
    };
    let target = Upload { to, path: &path, conflict, preconditions: &preconditions };
    let service = opened.site.service();
    let sent = drive::upload(service, &target, service.limits.upload, part.map_err(unreadable)).await;
    match sent {
        Ok(_) => Ok(true),
        // It is to be skipped where its name is taken.
        Err(Error::NameAlreadyExists) if conflict == Conflict::Fail => Ok(false),
        Err(error) => Err(error),
    }
}
