//! Which store it is: a marker in it has the id that the database knows it by.
//!
//! A folder that is not mounted, or another bucket, looks like an empty store. Uploads into it would be lost, and all
//! that was there before would seem to be gone.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutPayload};
use uuid::Uuid;

use crate::content::{Content, failed};
use crate::error::{Error, Result};

/// The marker's name.
const MARKER: &str = "everlink-store";
/// How long a store that was the right one is believed to be it, where asking costs a request.
const BELIEVED_FOR: Duration = Duration::from_secs(10);

/// The id that the store should have; none until that is known.
#[derive(Debug, Default)]
pub(super) struct Identity(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    wanted: Option<Uuid>,
    seen_at: Option<Instant>,
}

impl Identity {
    fn state(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Content {
    /// The id in the store's marker; none where there is no marker.
    pub async fn marker(&self) -> Result<Option<String>> {
        match self.store.get(&self.marker_path()).await {
            Ok(got) => {
                let text = got.bytes().await.map_err(failed)?;
                Ok(Some(String::from_utf8_lossy(&text).trim().to_owned()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes the marker.
    pub async fn mark(&self, id: Uuid) -> Result<()> {
        let text = PutPayload::from(Bytes::from(format!("{id}\n")));
        self.store.put(&self.marker_path(), text).await.map_err(failed)?;
        Ok(())
    }

    /// From now on the store must have this id.
    pub fn expect(&self, id: Uuid) {
        self.identity.set(State { wanted: Some(id), seen_at: None });
    }

    /// An error where the store is not the one that it should be.
    pub async fn check_identity(&self) -> Result<()> {
        let State { wanted: Some(wanted), seen_at } = self.identity.state() else { return Ok(()) };
        let is_believed = seen_at.is_some_and(|seen_at| seen_at.elapsed() < BELIEVED_FOR);
        if self.files.is_none() && is_believed {
            return Ok(());
        }
        self.identity.set(State { wanted: Some(wanted), seen_at: None });
        match self.marker().await? {
            Some(id) if id == wanted.to_string() => {
                self.identity.set(State { wanted: Some(wanted), seen_at: Some(Instant::now()) });
                Ok(())
            }
            Some(_) => Err(Error::unavailable("the content store is another installation's")),
            None => Err(Error::unavailable(
                "the content store lacks its marker: is it the right one, and mounted?",
            )),
        }
    }

    /// The same where contents are files, for a folder may vanish beneath what is being written. What a bucket takes
    /// it has.
    pub(super) async fn check_folder(&self) -> Result<()> {
        let is_known_well = self.files.is_none() && self.identity.state().seen_at.is_some();
        if is_known_well { Ok(()) } else { self.check_identity().await }
    }

    fn marker_path(&self) -> ObjectPath {
        ObjectPath::from(format!("{}/{MARKER}", self.prefix))
    }
}
