//! What one does with a drive: put files in, find them, change them, take them out. An operation is a
//! function; each file holds those of one matter.

mod archive;
mod bin;
mod changes;
mod children;
mod copy;
mod delete;
mod digest;
mod download;
mod import;
mod kept_page;
mod rename;
mod search;
mod subtree;
mod sweep;
mod upload;
mod upload_session;
mod usage;
mod versions;
mod visit;
mod write_through;

pub use crate::service::store::PageAsked;
pub use archive::{ArchiveEntry, list_archive, read_entry};
pub use bin::{Binned, MOST_COUNTED, count_links_and_binned, list_bin};
pub use changes::{ChangePlace, ChangesPage, Since, list_changes};
pub use children::{
    ChildrenPage, PageRequest, create_folder, list_children, list_children_to_keep, list_part,
};
pub use copy::{Copy, copy_item, find_copy, sign_copy};
pub use delete::{Restoration, delete_item, purge_item, restore_item};
pub use digest::digest_outside;
pub use download::{Bytes, ask_for_bytes, check_bytes, show_bytes};
pub use import::{Gone, Import, ImportEntry, Tally};
pub use kept_page::{SeenWith, keep_page, known_page};
pub use rename::{Destination, ItemUpdate, update_item};
pub use search::{Found, search};
pub use subtree::finish_abandoned;
pub use sweep::sweep_pending_content;
pub use upload::{READ_AT_ONCE, Upload, check_room, check_target, upload};
pub use upload_session::{
    NewUploadSession, Received, cancel_upload_session, create_upload_session, get_upload_session,
    receive_range,
};
pub use usage::{Usage, place, usage_of};
pub use versions::{
    VersionsPage, delete_version, get_version, list_versions, restore_version, version_ticket,
};
pub use visit::{Neighbours, find_neighbours, folders_above, folders_within, read_start};
pub use write_through::{WritingThrough, find_written_through, write_rest_through};
