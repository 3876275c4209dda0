//! Who changes something, as it is kept.

use crate::clock::Timestamp;
use crate::domain::identity::Caller;
use crate::error::Result;
use crate::service::Service;
use crate::service::store::Change;

/// A caller, or a visitor with a link, of whom nothing may be known.
#[derive(Clone, Debug, Default)]
pub struct Author {
    pub user: Option<String>,
    pub app_no: Option<i32>,
}

impl Author {
    pub async fn of(service: &Service, caller: &Caller) -> Result<Self> {
        let app_no = service.store.application_number(&caller.application, service.clock.now()).await?;
        Ok(Self { user: caller.user_id().map(str::to_owned), app_no: Some(app_no) })
    }

    pub fn change(&self, number: i64, at: Timestamp) -> Change<'_> {
        Change { number, at, by: self.user.as_deref(), app_no: self.app_no }
    }
}
