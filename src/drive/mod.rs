//! What one does with a drive: put files in, find them, change them, take them out. An operation is a
//! function; each file holds those of one matter.

mod changes;
mod children;
mod copy;
mod delete;
mod download;
mod rename;
mod search;
mod subtree;
mod sweep;
mod upload;
mod upload_session;
mod versions;

use crate::app::App;
use crate::clock::Timestamp;
use crate::domain::identity::Caller;
use crate::domain::item::Drive;
use crate::error::Result;
use crate::limits::Who;
use crate::store::Change;

pub use changes::{ChangePlace, Since, list_changes};
pub use children::{ChildrenPage, WantedPage, create_folder, list_children, list_children_of};
pub use copy::{Copy, copy_item};
pub use delete::{Restoration, delete_item, purge_item, restore_item};
pub use download::{Download, open_ticket, ticket_for};
pub use rename::{Destination, ItemUpdate, update_item};
pub use search::search;
pub use subtree::finish_abandoned;
pub use sweep::sweep_loose_content;
pub use upload::{Upload, check_target, upload};
pub use upload_session::{
    ClientTimes, Received, cancel_upload_session, create_upload_session, get_upload_session, receive_range,
};
pub use versions::{delete_version, list_versions, locate_version, restore_version};

/// Bytes of a drive's live files, and of those in the recycle bin.
pub async fn bytes_used(app: &App, drive: &Drive) -> Result<(i64, i64)> {
    app.store.read().await?.bytes_used(drive.id).await
}

/// Who changes something, as it is kept: a caller, or a visitor with an edit link.
#[derive(Clone, Debug, Default)]
pub struct Author {
    user: Option<String>,
    app_no: Option<i32>,
    /// Whose turn it takes; none for a visitor, whose link's it is.
    who: Option<Who>,
}

impl Author {
    pub async fn of(app: &App, caller: &Caller) -> Result<Self> {
        let app_no = app.store.application_number(&caller.application, app.clock.now()).await?;
        let user = caller.user_id().map(str::to_owned);
        Ok(Self { user, app_no: Some(app_no), who: Some(caller.into()) })
    }

    fn change(&self, number: i64, at: Timestamp) -> Change<'_> {
        Change { number, at, by: self.user.as_deref(), app_no: self.app_no }
    }
}
