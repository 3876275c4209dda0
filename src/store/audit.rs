//! The audit trail of links.

use uuid::Uuid;

use crate::clock::{Timestamp, time_ordered_id};
use crate::domain::item::ItemId;
use crate::domain::link::{LinkId, LinkScope, LinkType};
use crate::error::Result;
use crate::store::{Tx, execute};

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum LinkAction {
    Created,
    Revoked,
}

/// Something that happened to a link.
pub(super) struct LinkEvent<'a> {
    pub link: LinkId,
    pub item: ItemId,
    pub app_no: i32,
    pub link_type: LinkType,
    pub scope: LinkScope,
    pub action: LinkAction,
    pub actor: Option<&'a str>,
    pub actor_app_no: Option<i32>,
    pub at: Timestamp,
}

impl Tx {
    /// Belongs into the transaction that does what it tells of.
    pub(super) async fn record(&mut self, event: LinkEvent<'_>) -> Result<()> {
        let event_id: Uuid = time_ordered_id(event.at);
        execute!(
            self,
            sqlx::query(
                "INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope,
                                          action, actor, actor_app_no, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            )
            .bind(event.item.drive)
            .bind(event_id)
            .bind(event.link)
            .bind(event.item.number)
            .bind(event.app_no)
            .bind(event.link_type)
            .bind(event.scope)
            .bind(event.action)
            .bind(event.actor)
            .bind(event.actor_app_no)
            .bind(event.at)
        )?;
        Ok(())
    }
}
