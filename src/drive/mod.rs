//! What one does with a drive: put files in, find them, change them, take them out. An operation is a
//! function; each file holds those of one matter.

mod children;
mod delete;
mod download;
mod rename;
mod sweep;
mod upload;
mod upload_session;
mod versions;

use crate::app::App;
use crate::clock::Timestamp;
use crate::domain::identity::Caller;
use crate::error::Result;
use crate::store::Change;

pub use children::{ChildrenPage, create_folder, list_children, list_children_of};
pub use delete::{Restoration, delete_item, restore_item};
pub use download::{Download, open_ticket, ticket_for};
pub use rename::{Destination, ItemUpdate, update_item};
pub use sweep::sweep_loose_content;
pub use upload::{Upload, check_target, upload};
pub use upload_session::{
    ClientTimes, Received, cancel_upload_session, create_upload_session, get_upload_session, receive_range,
};
pub use versions::{list_versions, locate_version, restore_version};

/// Who changes something, as it is kept: a caller, or a visitor with an edit link.
#[derive(Clone, Debug, Default)]
pub struct Author {
    user: Option<String>,
    app_no: Option<i32>,
}

impl Author {
    pub async fn of(app: &App, caller: &Caller) -> Result<Self> {
        let app_no = app.store.application_number(&caller.application, app.clock.now()).await?;
        Ok(Self { user: caller.user_id().map(str::to_owned), app_no: Some(app_no) })
    }

    fn change(&self, number: i64, at: Timestamp) -> Change<'_> {
        Change { number, at, by: self.user.as_deref(), app_no: self.app_no }
    }
}
