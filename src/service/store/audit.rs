//! The audit trail of links. The statements in `links` that make links write their beginnings.

use uuid::Uuid;

use crate::clock::{Timestamp, time_ordered_id};
use crate::domain::ids::LinkAt;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::error::Result;
use crate::service::store::statement::{Tx, execute};

/// The end of a link.
pub(super) struct LinkEnd<'a> {
    pub link: LinkAt,
    pub app_no: i32,
    pub link_type: LinkType,
    pub scope: LinkScope,
    pub actor: Option<&'a str>,
    pub actor_app_no: Option<i32>,
    pub at: Timestamp,
}

impl Tx {
    /// Belongs into the transaction that ends the link.
    pub(super) async fn record_end(&mut self, end: LinkEnd<'_>) -> Result<()> {
        let event_id: Uuid = time_ordered_id(end.at);
        execute!(
            self,
            sqlx::query(
                "INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope,
                                          action, actor, actor_app_no, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 'revoked', $8, $9, $10)"
            )
            .bind(end.link.item.drive)
            .bind(event_id)
            .bind(end.link.link)
            .bind(end.link.item.number)
            .bind(end.app_no)
            .bind(end.link_type)
            .bind(end.scope)
            .bind(end.actor)
            .bind(end.actor_app_no)
            .bind(end.at)
        )?;
        execute!(
            self,
            sqlx::query(
                "INSERT INTO unwritten_revocations (link_id, drive_id, item_no, at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (drive_id, link_id) DO NOTHING"
            )
            .bind(end.link.link)
            .bind(end.link.item.drive)
            .bind(end.link.item.number)
            .bind(end.at)
        )?;
        Ok(())
    }
}
