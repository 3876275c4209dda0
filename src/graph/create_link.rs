//! `createLink`.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::error::{Error, Result};
use crate::graph::body::JsonBody;
use crate::graph::errors::ErrorBody;
use crate::graph::params::{InDrive, TABLE};
use crate::graph::permissions::{PermissionBody, link_permission};
use crate::graph::query::Query;
use crate::graph::site::Site;
use crate::service::links::{self, LinkRequest};
use crate::service::rights;

/// What `createLink` is asked. Members that are not here are ignored; those that would change what
/// kind of link is made are refused, rather than a link made that is less than was asked for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateLink {
    /// What the link lets its bearer do: `view`, `edit`, `embed` (files), `createOnly` (folders) or `blocksDownload`.
    #[schema(value_type = String)]
    r#type: Option<String>,
    scope: Option<String>,
    #[schema(value_type = Option<String>)]
    expiration_date_time: Option<IgnoredAny>,
    #[schema(value_type = Option<String>)]
    password: Option<IgnoredAny>,
    #[schema(value_type = Option<Vec<Object>>)]
    recipients: Option<Vec<IgnoredAny>>,
    send_notification: Option<bool>,
    retain_inherited_permissions: Option<bool>,
}

impl CreateLink {
    fn request(&self) -> Result<LinkRequest> {
        let link_type = self.r#type.as_deref().and_then(|wanted| wanted.parse::<LinkType>().ok());
        let link_type = link_type.ok_or_else(|| {
            Error::invalid_request(format!("The link's type is required, one of {}.", LinkType::names()))
        })?;
        let scope = match self.scope.as_deref() {
            None | Some("") => None,
            Some(wanted) => Some(
                wanted
                    .parse::<LinkScope>()
                    .map_err(|error| Error::invalid_request(format!("The link's scope is {error}.")))?,
            ),
        };
        let refused = [
            (self.expiration_date_time.is_some(), "Links never expire: expirationDateTime is not supported."),
            (self.password.is_some(), "Links have no password: password is not supported."),
            (
                self.recipients.as_ref().is_some_and(|recipients| !recipients.is_empty()),
                "Links are for whoever has them: recipients are not supported.",
            ),
            (self.send_notification == Some(true), "No mail is sent: sendNotification is not supported."),
            (
                // Microsoft's SDKs say false to both where their caller has said nothing.
                self.retain_inherited_permissions == Some(false) && self.send_notification != Some(false),
                "A link takes nothing away: retainInheritedPermissions can't be false.",
            ),
        ];
        match refused.into_iter().find(|(is_wanted, _)| *is_wanted) {
            Some((_, message)) => Err(Error::NotSupported(message)),
            None => Ok(LinkRequest { link_type, scope }),
        }
    }
}

/// The item's link of the calling application and the type; made at the first call.
#[utoipa::path(post, path = TABLE, params(InDrive), request_body = CreateLink,
    responses(
        (status = 200, description = "Done", body = PermissionBody),
        (status = 201, description = "Made", body = PermissionBody),
        ErrorBody
    ))]
pub async fn create_link(
    granted: Granted<FilesReadWrite>,
    address: ItemAddress,
    query: Query,
    body: JsonBody<CreateLink>,
    site: Site,
) -> Result<HttpResponse> {
    let claim = rights::claim(site.service(), &granted, &address).await?;
    let (link, created) = links::create_link(site.service(), &claim, body.0.request()?).await?;
    let mut answer = if created { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(query.shape(link_permission(&site, &link, None)?.with_context(&site))?))
}
