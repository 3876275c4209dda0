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
use crate::service::Service;
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
    let to = opened.shared.to_add(service, visitor.0.as_deref()).await?;
    let done = match Box::pin(take(service, &to, body.0, None)).await {
        Ok(done) => done,
        Err(error) => failed(error)?.to_owned(),
    };
    Ok(answer::see_other(format!("{}&done={done}", opened.own_url("redir"))))
}

/// What the page says of what failed; other errors have a page of their own.
pub fn failed(error: Error) -> Result<&'static str> {
    match error {
        Error::NameAlreadyExists => Ok("taken"),
        Error::InvalidPath(_) | Error::PathTooLong => Ok("name"),
        Error::ResourceModified => Ok("changed"),
        Error::QuotaLimitReached | Error::StorageFull(_) => Ok("full"),
        Error::PayloadTooLarge { .. } => Ok("large"),
        error => Err(error),
    }
}

/// Checks what a form shows to prove where it comes from; none where it shows nothing.
pub type TokenCheck<'a> = &'a dyn Fn(Option<&str>) -> Result<()>;

/// Takes a form's parts in their order: what it is about comes before its files. Tells what was done.
pub async fn take(
    service: &Service,
    to: &ToWrite,
    mut parts: Multipart,
    check: Option<TokenCheck<'_>>,
) -> Result<String> {
    let mut told = Told::default();
    let (mut files, mut skipped) = (0, 0);
    let mut is_proven = check.is_none();
    while let Some(part) = parts.try_next().await.map_err(unreadable)? {
        match part.name().unwrap_or_default() {
            "do" => told.what = text(part).await?,
            "name" => told.name = text(part).await?,
            "etag" => told.etag = text(part).await?,
            "conflict" => told.conflict = Some(parse_conflict(&text(part).await?)?),
            "token" => {
                let token = text(part).await?;
                check.map_or(Ok(()), |check| check(Some(&token)))?;
                is_proven = true;
            }
            "file" => {
                // A script shows it in a header.
                if !is_proven {
                    check.map_or(Ok(()), |check| check(None))?;
                    is_proven = true;
                }
                match take_file(service, to, &told, part).await? {
                    Sent::Nothing => {}
                    Sent::Stored => files += 1,
                    Sent::Skipped => skipped += 1,
                }
            }
            _ => {}
        }
    }
    if !is_proven {
        check.map_or(Ok(()), |check| check(None))?;
    }
    match told.what.as_str() {
        "folder" => {
            let name = Name::parse(told.name.trim())?;
            let properties = ClientProperties::default();
            drive::create_folder(service, to, &name, &properties, Conflict::Fail).await?;
            Ok("folder".to_owned())
        }
        "replace" if files > 0 => Ok("replaced".to_owned()),
        _ if skipped > 0 => Ok(format!("uploaded&n={files}&skipped={skipped}")),
        _ if files > 0 => Ok(format!("uploaded&n={files}")),
        _ => Ok("none".to_owned()),
    }
}

async fn text(part: Field) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_small(part).await?).into_owned())
}

/// What became of a file of a form.
enum Sent {
    /// None was chosen.
    Nothing,
    Stored,
    /// Its name was taken, and it was to be left out then.
    Skipped,
}

async fn take_file(service: &Service, to: &ToWrite, told: &Told, part: Field) -> Result<Sent> {
    let file_name = part.content_disposition().and_then(|told| told.get_filename()).unwrap_or_default();
    // Some browsers tell the way to it, too.
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    if file_name.is_empty() {
        return Ok(Sent::Nothing);
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
    let sent = drive::upload(service, &target, service.limits.upload, part.map_err(unreadable)).await;
    match sent {
        Ok(_) => Ok(Sent::Stored),
        Err(Error::NameAlreadyExists) if conflict == Conflict::Fail => Ok(Sent::Skipped),
        Err(error) => Err(error),
    }
}
