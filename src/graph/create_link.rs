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
use crate::graph::params::{ById, Select, TABLE};
use crate::graph::permissions::{PermissionBody, link_permission};
use crate::graph::query::Query;
use crate::graph::site::Site;
use crate::service::links::{self, LinkRequest};
use crate::service::rights;

// Members that are not here are ignored; those that would change what kind of link is made are refused, rather than a
// link made that is less than was asked for.
/// What `createLink` is asked.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateLink {
    /// What the link permits: `view`, `edit`, `embed` (files), `createOnly` (folders) or `blocksDownload`.
    #[schema(value_type = String, pattern = "^(view|edit|embed|createOnly|blocksDownload)$")]
    r#type: Option<String>,
    /// For whom: `anonymous` (anybody who has it) or `organization` (people of the owner's organization, signed in).
    /// Without it, what the server is set to. A link that exists keeps its scope.
    #[schema(pattern = "^(anonymous|organization)?$")]
    scope: Option<String>,
    /// Refused: links never expire.
    #[schema(value_type = Option<String>)]
    expiration_date_time: Option<IgnoredAny>,
    /// Refused: links have no password.
    #[schema(value_type = Option<String>)]
    password: Option<IgnoredAny>,
    /// Refused unless empty: links are for whoever has them.
    #[schema(value_type = Option<Vec<Object>>)]
    recipients: Option<Vec<IgnoredAny>>,
    /// Refused if true: no mail is sent.
    send_notification: Option<bool>,
    /// Refused if false, unless `sendNotification` is false, too: a link takes nothing away.
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

/// Makes a sharing link, or gives the one that is there.
///
/// The first call makes the link and answers 201. Each later call by the same application for the same item and type
/// answers 200 with the same link, whatever scope it asks for. Links never expire. `link.webUrl` is what to hand on;
/// `shareId` is for `/shares/{share_id}`. A link with a password, an expiry or recipients is refused with
/// `notSupported`.
#[utoipa::path(post, path = TABLE, params(ById, Select), request_body = CreateLink,
    responses(
        (status = 200, description = "The link that was there", body = PermissionBody),
        (status = 201, description = "The new link", body = PermissionBody),
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
