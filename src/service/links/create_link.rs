//! `createLink`: one link an item, application and type, made at the first call.

use std::time::{Duration, Instant};

use crate::domain::link::{Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::rights::Claim;
use crate::service::store::NewLink;

/// How long it is tried where others make the same link and end it again and again.
const DEADLINE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug)]
pub struct LinkRequest {
    pub link_type: LinkType,
    /// None: the installation's default.
    pub scope: Option<LinkScope>,
}

/// The item's link of the caller's application and the type; true where this call made it.
///
/// A link that exists is shown as it is, whatever scope is asked for: it is the one link.
///
/// Who finds none inserts it, which does nothing where another was faster; and who inserted nothing looks. If there is
/// still none, either there can be none, and then the item tells why; or the other's link has ended in between, and
/// all begins anew. So a thousand callers who race get one link, and each of them gets it.
pub async fn create_link(service: &Service, claim: &Claim, request: LinkRequest) -> Result<(Link, bool)> {
    let started = Instant::now();
    let app_no = service.store.application_number(&claim.caller().application, service.clock.now()).await?;
    let mut tried = Vec::new();
    let link = loop {
        // Made anew each time, or a link that was made and ended in between would come back with its key.
        let new = NewLink {
            item: claim.id(),
            app_no,
            link_type: request.link_type,
            scope: request.scope.unwrap_or(service.default_scope),
            id: service.new_ids.link(claim.id(), &claim.caller().application.id, request.link_type),
            key_epoch: service.keys.newest(),
            caller: claim.caller().clone(),
            at: service.clock.now(),
        };
        tried.push(new.id);
        if let Some(link) = service.queues.find_or_make(new).await? {
            break link;
        }
        check(service, claim, request.link_type).await?;
        if started.elapsed() > DEADLINE {
            return Err(Error::TooBusy("Others make this link and end it at the moment: try again soon."));
        }
    };
    // A batch that was asked again after a failure may find that it had succeeded.
    let created = tried.contains(&link.id);
    service.metrics.link_answered(link.link_type, link.scope, created);
    Ok((link, created))
}

/// Whether the item may have such a link, and if not, why.
async fn check(service: &Service, claim: &Claim, link_type: LinkType) -> Result<()> {
    let item = claim.prove(&mut service.store.read("create_link").await?).await?;
    if item.id.is_root() {
        return Err(Error::NotAllowed("The root of a drive can't be shared."));
    }
    if !link_type.may_be_on(item.kind()) {
        let (link_type, kind) = (link_type.as_str(), item.kind().as_str());
        return Err(Error::invalid_request(format!("A link of type {link_type} can't be on a {kind}.")));
    }
    Ok(())
}
