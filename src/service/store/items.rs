//! Files and folders.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::identity::{Application, User};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::{ClientProperties, Drive, FileVersion, Hashes, Item, ItemContent, Kind, Stamp};
use crate::domain::link_scope::LinkScope;
use crate::domain::name::{Name, name_key};
use crate::domain::order::{Order, OrderBy, PlaceInOrder};
use crate::error::Result;
use crate::service::store::Store;
use crate::service::store::change::Change;
use crate::service::store::connect::Pools;
use crate::service::store::errors::name_taken;
use crate::service::store::statement::{
    LONG_LIMIT, STATEMENT_LIMIT, Tx, TxConnection, execute, on, within_step,
};
use crate::service::store::tree::Below;

/// A statement that gives [`ItemRow`]s: its columns, and what follows them.
macro_rules! select_items {
    ($rest:literal) => {
        concat!(
            "SELECT drive_id, item_no, parent_no, name, kind, change_no, deleted, created_at, created_by,
                    created_app_id, created_app_name, modified_at, modified_by, modified_app_id, modified_app_name,
                    client_created_at, client_modified_at, current_version, content_key, size, mime_type,
                    quick_xor_hash, sha1_hash, sha256_hash, tenant, owner, owner_name, shared, child_count,
                    description
             FROM item_details ",
            $rest
        )
    };
}

const ITEM: &str = select_items!("WHERE drive_id = $1 AND item_no = $2");

const CHILDREN_BY_NAME: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND name_key > $4
     ORDER BY name_key LIMIT $3"
);
const CHILDREN_BY_NAME_DOWN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND name_key < $4
     ORDER BY name_key DESC LIMIT $3"
);
const CHILDREN_BY_SIZE: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND (size, name_key) > ($5, $4)
     ORDER BY size, name_key LIMIT $3"
);
const CHILDREN_BY_SIZE_DOWN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND (size, name_key) < ($5, $4)
     ORDER BY size DESC, name_key DESC LIMIT $3"
);
const CHILDREN_BY_TIME: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND (modified_at, name_key) > ($5, $4)
     ORDER BY modified_at, name_key LIMIT $3"
);
const CHILDREN_BY_TIME_DOWN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND (modified_at, name_key) < ($5, $4)
     ORDER BY modified_at DESC, name_key DESC LIMIT $3"
);

fn children_statement(order: Order) -> &'static str {
    match (order.by, order.descending) {
        (OrderBy::Name, false) => CHILDREN_BY_NAME,
        (OrderBy::Name, true) => CHILDREN_BY_NAME_DOWN,
        (OrderBy::Size, false) => CHILDREN_BY_SIZE,
        (OrderBy::Size, true) => CHILDREN_BY_SIZE_DOWN,
        (OrderBy::Modified, false) => CHILDREN_BY_TIME,
        (OrderBy::Modified, true) => CHILDREN_BY_TIME_DOWN,
    }
}

// A folder's live items of one kind, by name. The kind is part of the text, for there is an index of folders alone.
const FOLDERS_IN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND kind = 'folder' AND name_key > $4
     ORDER BY name_key LIMIT $3"
);
const FOLDERS_IN_DOWN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND kind = 'folder' AND name_key < $4
     ORDER BY name_key DESC LIMIT $3"
);
const FILES_IN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND kind = 'file' AND name_key > $4
     ORDER BY name_key LIMIT $3"
);
const FILES_IN_DOWN: &str = select_items!(
    "WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND kind = 'file' AND name_key < $4
     ORDER BY name_key DESC LIMIT $3"
);

fn kind_statement(kind: Kind, descending: bool) -> &'static str {
    match (kind, descending) {
        (Kind::Folder, false) => FOLDERS_IN,
        (Kind::Folder, true) => FOLDERS_IN_DOWN,
        (Kind::File, false) => FILES_IN,
        (Kind::File, true) => FILES_IN_DOWN,
    }
}

/// A statement that gives the name of one of a folder's live items of a kind, `$3` after the first.
fn key_statement(kind: Kind, descending: bool) -> &'static str {
    match (kind, descending) {
        (Kind::Folder, false) => {
            "SELECT name_key FROM items WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL
                                            AND kind = 'folder' ORDER BY name_key LIMIT 1 OFFSET $3"
        }
        (Kind::Folder, true) => {
            "SELECT name_key FROM items WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL
                                            AND kind = 'folder' ORDER BY name_key DESC LIMIT 1 OFFSET $3"
        }
        (Kind::File, false) => {
            "SELECT name_key FROM items WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL
                                            AND kind = 'file' ORDER BY name_key LIMIT 1 OFFSET $3"
        }
        (Kind::File, true) => {
            "SELECT name_key FROM items WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL
                                            AND kind = 'file' ORDER BY name_key DESC LIMIT 1 OFFSET $3"
        }
    }
}

/// A statement that gives the place of one item in an order, `$3` after the first.
macro_rules! select_place {
    ($order:literal) => {
        concat!(
            "SELECT name_key, size, modified_at FROM items
             WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL ORDER BY ",
            $order,
            " LIMIT 1 OFFSET $3"
        )
    };
}

fn place_statement(order: Order) -> &'static str {
    match (order.by, order.descending) {
        // As the statement for children; pages list by name in another way.
        (OrderBy::Name, false) => select_place!("name_key"),
        (OrderBy::Name, true) => select_place!("name_key DESC"),
        (OrderBy::Size, false) => select_place!("size, name_key"),
        (OrderBy::Size, true) => select_place!("size DESC, name_key DESC"),
        (OrderBy::Modified, false) => select_place!("modified_at, name_key"),
        (OrderBy::Modified, true) => select_place!("modified_at DESC, name_key DESC"),
    }
}

const SEARCH: &str = select_items!(
    "WHERE drive_id = $1 AND name_key LIKE $2 ESCAPE '\\' AND deleted_at IS NULL
       AND parent_no IS NOT NULL AND item_no > $3 AND item_no <= $5
     ORDER BY item_no LIMIT $4"
);

const CHANGES: &str = select_items!(
    "WHERE drive_id = $1 AND change_no >= $2 AND (change_no, item_no) > ($2, $3)
     ORDER BY change_no, item_no LIMIT $4"
);

/// An item, with its stamps' applications as they come from the statement.
#[derive(FromRow, Serialize, Deserialize)]
pub(super) struct ItemRow<A = JoinedApplications> {
    #[sqlx(flatten)]
    id: ItemId,
    parent_no: Option<i64>,
    name: String,
    kind: Kind,
    change_no: i64,
    deleted: bool,
    #[serde(with = "ts_microseconds")]
    created_at: Timestamp,
    created_by: Option<String>,
    #[serde(with = "ts_microseconds")]
    modified_at: Timestamp,
    modified_by: Option<String>,
    #[sqlx(flatten)]
    pub applications: A,
    #[serde(with = "ts_microseconds_option")]
    client_created_at: Option<Timestamp>,
    #[serde(with = "ts_microseconds_option")]
    client_modified_at: Option<Timestamp>,
    current_version: Option<i64>,
    content_key: Option<Uuid>,
    size: i64,
    mime_type: Option<String>,
    quick_xor_hash: Option<String>,
    sha1_hash: Option<String>,
    sha256_hash: Option<String>,
    tenant: String,
    owner: String,
    owner_name: Option<String>,
    shared: Option<LinkScope>,
    child_count: i64,
    description: Option<String>,
}

#[derive(FromRow)]
pub(super) struct JoinedApplications {
    created_app_id: Option<String>,
    created_app_name: Option<String>,
    modified_app_id: Option<String>,
    modified_app_name: Option<String>,
}

/// Where the applications are known already.
#[derive(Clone, Copy, FromRow, Serialize, Deserialize)]
pub(super) struct NumberedApplications {
    pub created_app_no: Option<i32>,
    pub modified_app_no: Option<i32>,
}

impl<A> ItemRow<A> {
    /// With the applications that the item was created and last modified by.
    pub fn into_item(self, applications: impl FnOnce(A) -> [Option<Application>; 2]) -> Item {
        let [created_by_app, modified_by_app] = applications(self.applications);
        let file = || {
            Some(FileVersion {
                number: self.current_version?,
                content_key: self.content_key?,
                size: self.size,
                mime_type: self.mime_type?,
                // What is gone for good has no content any more.
                hashes: Hashes {
                    quick_xor: self.quick_xor_hash.unwrap_or_default(),
                    sha1: self.sha1_hash.unwrap_or_default(),
                    sha256: self.sha256_hash.unwrap_or_default(),
                },
            })
        };
        let content = match self.kind {
            Kind::Folder => ItemContent::Folder { child_count: self.child_count, size: self.size },
            Kind::File => ItemContent::File(file().expect("the table's check: a file has a current version")),
        };
        let drive =
            Drive { id: self.id.drive, tenant: self.tenant, owner: self.owner, owner_name: self.owner_name };
        let stamp = |at, by: Option<String>, application| Stamp {
            at,
            user: by.map(|id| if id == drive.owner { drive.owner() } else { User { id, name: None } }),
            application,
        };
        Item {
            id: self.id,
            parent: self.parent_no,
            name: self.name,
            content,
            created: stamp(self.created_at, self.created_by, created_by_app),
            modified: stamp(self.modified_at, self.modified_by, modified_by_app),
            client_created_at: self.client_created_at,
            client_modified_at: self.client_modified_at,
            description: self.description,
            change: self.change_no,
            deleted: self.deleted,
            shared: self.shared,
            drive,
        }
    }
}

impl From<ItemRow> for Item {
    fn from(row: ItemRow) -> Self {
        let application = |id: Option<String>, name| id.map(|id| Application { id, name });
        row.into_item(|joined| {
            [
                application(joined.created_app_id, joined.created_app_name),
                application(joined.modified_app_id, joined.modified_app_name),
            ]
        })
    }
}

const FIRST_FREE_NAME_POSTGRES: &str = "
    SELECT n.place - 1 FROM unnest($3::text[]) WITH ORDINALITY AS n (name_key, place)
    WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.drive_id = $1 AND i.parent_no = $2
                        AND i.name_key = n.name_key AND i.deleted_at IS NULL)
    ORDER BY n.place LIMIT 1";
const FIRST_FREE_NAME_SQLITE: &str = "
    SELECT n.key FROM json_each($3) AS n
    WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.drive_id = $1 AND i.parent_no = $2
                        AND i.name_key = n.value AND i.deleted_at IS NULL)
    ORDER BY n.key LIMIT 1";

/// Items that one statement of a search looks at.
const SEARCHED_AT_ONCE: i64 = 1_000;

/// A folder and a name in it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub folder: ItemId,
    pub name: &'a Name,
}

/// What a new item is.
#[derive(Clone, Copy, Debug)]
pub enum NewItem<'a> {
    /// A folder, and what is to be below it.
    Folder(Below),
    File(&'a FileVersion),
}

impl Store {
    /// A live item, by a statement of its own.
    pub async fn item(&self, id: ItemId) -> Result<Option<Item>> {
        let row: Option<ItemRow> = match &self.pools {
            Pools::Postgres { pool, .. } => {
                let query = sqlx::query_as(ITEM).bind(id.drive).bind(id.number);
                within_step("item", STATEMENT_LIMIT, query.fetch_optional(pool)).await?
            }
            Pools::Sqlite { readers, .. } => {
                let query = sqlx::query_as(ITEM).bind(id.drive).bind(id.number);
                within_step("item", STATEMENT_LIMIT, query.fetch_optional(readers)).await?
            }
        };
        Ok(row.map(Item::from).filter(|item| !item.deleted))
    }
}

impl Tx {
    /// A live item.
    pub async fn item(&mut self, id: ItemId) -> Result<Option<Item>> {
        Ok(self.item_or_deleted(id).await?.filter(|item| !item.deleted))
    }

    /// An item, be it in the recycle bin.
    pub async fn item_or_deleted(&mut self, id: ItemId) -> Result<Option<Item>> {
        let row: Option<ItemRow> = on!(self, |connection| sqlx::query_as(ITEM)
            .bind(id.drive)
            .bind(id.number)
            .fetch_optional(connection))?;
        Ok(row.map(Item::from))
    }

    /// The live item of a name in a folder.
    pub async fn child(&mut self, place: Place<'_>) -> Result<Option<ItemId>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, item_no FROM items
             WHERE drive_id = $1 AND parent_no = $2 AND name_key = $3 AND deleted_at IS NULL"
        )
        .bind(place.folder.drive)
        .bind(place.folder.number)
        .bind(place.name.key())
        .fetch_optional(connection))
    }

    /// The place of the first name that no live item of a folder has.
    pub async fn first_free_name(&mut self, folder: ItemId, names: &[Name]) -> Result<Option<usize>> {
        let keys: Vec<String> = names.iter().map(Name::key).collect();
        let place: Option<i64> = match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let query = sqlx::query_scalar(FIRST_FREE_NAME_POSTGRES);
                let query = query.bind(folder.drive).bind(folder.number).bind(keys);
                within_step(self.step, STATEMENT_LIMIT, query.fetch_optional(&mut **tx)).await?
            }
            TxConnection::Sqlite(tx) => {
                let query = sqlx::query_scalar(FIRST_FREE_NAME_SQLITE);
                let query = query.bind(folder.drive).bind(folder.number).bind(json!(keys).to_string());
                within_step(self.step, STATEMENT_LIMIT, query.fetch_optional(&mut **tx)).await?
            }
        };
        Ok(place.and_then(|place| usize::try_from(place).ok()))
    }

    /// A page of a folder's live items in an order, from what follows `after`; `limit` at most.
    ///
    /// Pages go on from the last item's place in the order rather than from a count, so that the last
    /// page is as fast as the first, and items that come and go shift nothing.
    pub async fn children(
        &mut self,
        folder: ItemId,
        order: Order,
        after: Option<&PlaceInOrder>,
        limit: i64,
    ) -> Result<Vec<Item>> {
        let start = order.start();
        let after = after.unwrap_or(&start);
        let statement = children_statement(order);
        let time = if order.by == OrderBy::Name { STATEMENT_LIMIT } else { LONG_LIMIT };
        let rows: Vec<ItemRow> = on!(self, time, |connection| {
            let query = sqlx::query_as(statement).bind(folder.drive).bind(folder.number).bind(limit);
            let query = query.bind(&after.name_key);
            match order.by {
                OrderBy::Name => query,
                OrderBy::Size => query.bind(after.size),
                OrderBy::Modified => query.bind(after.modified_at),
            }
            .fetch_all(connection)
        })?;
        Ok(rows.into_iter().map(Item::from).collect())
    }

    /// How many live folders are in a folder.
    pub async fn count_folders(&mut self, folder: ItemId) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT count(*) FROM items
             WHERE drive_id = $1 AND parent_no = $2 AND deleted_at IS NULL AND kind = 'folder'"
        )
        .bind(folder.drive)
        .bind(folder.number)
        .fetch_one(connection))
    }

    /// A folder's live items of one kind by name, without those that so many are before; `limit` at most.
    pub async fn children_of_kind(
        &mut self,
        folder: ItemId,
        kind: Kind,
        descending: bool,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Item>> {
        let start = Order { by: OrderBy::Name, descending }.start().name_key;
        let after: Option<String> = if before == 0 {
            Some(start)
        } else {
            on!(self, |connection| sqlx::query_scalar(key_statement(kind, descending))
                .bind(folder.drive)
                .bind(folder.number)
                .bind(before - 1)
                .fetch_optional(connection))?
        };
        let Some(after) = after else { return Ok(Vec::new()) };
        self.children_of_kind_after(folder, kind, descending, &after, limit).await
    }

    /// A folder's live items of one kind by name, those that follow a name; `limit` at most.
    pub async fn children_of_kind_after(
        &mut self,
        folder: ItemId,
        kind: Kind,
        descending: bool,
        name_key: &str,
        limit: i64,
    ) -> Result<Vec<Item>> {
        let rows: Vec<ItemRow> = on!(self, |connection| sqlx::query_as(kind_statement(kind, descending))
            .bind(folder.drive)
            .bind(folder.number)
            .bind(limit)
            .bind(name_key)
            .fetch_all(connection))?;
        Ok(rows.into_iter().map(Item::from).collect())
    }

    /// The place of a folder's live item that so many are before in an order; none where there are not so many.
    pub async fn place_at(
        &mut self,
        folder: ItemId,
        order: Order,
        before: i64,
    ) -> Result<Option<PlaceInOrder>> {
        let time = if order.by == OrderBy::Name { STATEMENT_LIMIT } else { LONG_LIMIT };
        let row: Option<(String, i64, Timestamp)> =
            on!(self, time, |connection| sqlx::query_as(place_statement(order))
                .bind(folder.drive)
                .bind(folder.number)
                .bind(before)
                .fetch_optional(connection))?;
        Ok(row.map(|(name_key, size, modified_at)| PlaceInOrder { name_key, size, modified_at }))
    }

    /// Whether a folder has more live items than so many.
    pub async fn has_more_children(&mut self, folder: ItemId, most: i64) -> Result<bool> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT count(*) > $3 FROM (SELECT item_no FROM items WHERE drive_id = $1 AND parent_no = $2
                                          AND deleted_at IS NULL LIMIT $3 + 1) few"
        )
        .bind(folder.drive)
        .bind(folder.number)
        .bind(most)
        .fetch_one(connection))
    }

    /// Live items of a drive whose names have a text in them, by number, at most `limit`. Looked at are some of
    /// those after `after`, up to the one whose number is given, too; none where these were all.
    pub async fn search_some(
        &mut self,
        drive: DriveId,
        text: &str,
        after: i64,
        limit: i64,
    ) -> Result<(Vec<Item>, Option<i64>)> {
        let (last, looked_at): (Option<i64>, i64) = on!(self, |connection| {
            sqlx::query_as(
            "SELECT max(item_no), count(*) FROM (SELECT item_no FROM items WHERE drive_id = $1 AND item_no > $2
                                        ORDER BY item_no LIMIT $3) few"
        )
        .bind(drive)
        .bind(after)
        .bind(SEARCHED_AT_ONCE)
        .fetch_one(connection)
        })?;
        let Some(last) = last else { return Ok((Vec::new(), None)) };
        let escaped = name_key(text).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let rows: Vec<ItemRow> = on!(self, |connection| sqlx::query_as(SEARCH)
            .bind(drive)
            .bind(format!("%{escaped}%"))
            .bind(after)
            .bind(limit)
            .bind(last)
            .fetch_all(connection))?;
        let goes_on = looked_at == SEARCHED_AT_ONCE;
        Ok((rows.into_iter().map(Item::from).collect(), Some(last).filter(|_| goes_on)))
    }

    /// Items in the order of their last changes, deleted ones included; those after a change and an
    /// item of it.
    pub async fn changes(&mut self, drive: DriveId, after: (i64, i64), limit: i64) -> Result<Vec<Item>> {
        let rows: Vec<ItemRow> = on!(self, |connection| sqlx::query_as(CHANGES)
            .bind(drive)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .fetch_all(connection))?;
        Ok(rows.into_iter().map(Item::from).collect())
    }

    /// Bytes of a drive's live files, and of those in the recycle bin.
    pub async fn bytes_used(&mut self, drive: DriveId) -> Result<(i64, i64)> {
        on!(self, |connection| sqlx::query_as(
            "SELECT i.size, c.bytes_in_bin FROM items i CROSS JOIN counters c
             WHERE i.drive_id = $1 AND i.item_no = $2 AND c.drive_id = i.drive_id"
        )
        .bind(drive)
        .bind(ItemId::ROOT_NUMBER)
        .fetch_one(connection))
    }

    /// Makes an empty folder, as [`Self::insert_item`], and tells the folders above.
    pub async fn insert_folder(&mut self, place: Place<'_>, change: Change<'_>) -> Result<ItemId> {
        let below = Below { children: 1, bytes: 0, longest_path: Some(place.name.characters()) };
        self.tell_above(place.folder, below).await?;
        self.insert_item(place, NewItem::Folder(Below::default()), change).await
    }

    /// Makes an item. The drive's change is begun, the name known to be free, and the folders above told of it.
    pub async fn insert_item(
        &mut self,
        place: Place<'_>,
        new: NewItem<'_>,
        change: Change<'_>,
    ) -> Result<ItemId> {
        let drive = place.folder.drive;
        let number = self.next_item_number(drive).await?;
        self.insert_item_as(ItemId { drive, number }, place, new, change).await
    }

    /// The same under a number that was taken before.
    pub async fn insert_item_as(
        &mut self,
        id: ItemId,
        place: Place<'_>,
        new: NewItem<'_>,
        change: Change<'_>,
    ) -> Result<ItemId> {
        let (kind, file, below) = match new {
            NewItem::Folder(below) => (Kind::Folder, None, below),
            NewItem::File(file) => (Kind::File, Some(file), Below { bytes: file.size, ..Below::default() }),
        };
        let inserted = execute!(
            self,
            sqlx::query(
                "INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, current_version, size,
                                    mime_type, content_key, created_at, created_by, created_app_no,
                                    modified_at, modified_by, modified_app_no, change_no,
                                    quick_xor_hash, sha1_hash, sha256_hash, child_count, longest_path)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $11, $12, $13, $14, $15, $16, $17,
                         $18, $19)"
            )
            .bind(id.drive)
            .bind(id.number)
            .bind(place.folder.number)
            .bind(place.name.as_str())
            .bind(place.name.key())
            .bind(kind)
            .bind(file.map(|file| file.number))
            .bind(below.bytes)
            .bind(file.map(|file| file.mime_type.as_str()))
            .bind(file.map(|file| file.content_key))
            .bind(change.at)
            .bind(change.by)
            .bind(change.app_no)
            .bind(change.number)
            .bind(file.map(|file| file.hashes.quick_xor.as_str()))
            .bind(file.map(|file| file.hashes.sha1.as_str()))
            .bind(file.map(|file| file.hashes.sha256.as_str()))
            .bind(below.children)
            .bind(below.longest_path.unwrap_or(0))
        );
        name_taken(inserted)?;
        if let Some(file) = file {
            self.insert_version(id, file, change).await?;
        }
        Ok(id)
    }

    /// Renames an item and puts it into a folder, which may be the one it is in. Gives the folder's lineage.
    pub async fn place_item(
        &mut self,
        item: &Item,
        place: Place<'_>,
        change: Change<'_>,
    ) -> Result<Vec<(i64, String)>> {
        let id = item.id;
        let (from, size) = (item.folder()?, item.size());
        let longest_path = Some(self.path_of_placed(item, place.name).await?);
        let above = if from == place.folder {
            self.tell_above(from, Below { longest_path, ..Below::default() }).await?
        } else {
            self.tell_above(from, Below { children: -1, bytes: -size, longest_path: None }).await?;
            self.tell_above(place.folder, Below { children: 1, bytes: size, longest_path }).await?
        };
        let placed = execute!(
            self,
            sqlx::query(
                "UPDATE items SET parent_no = $3, name = $4, name_key = $5,
                                  modified_at = $6, modified_by = $7, modified_app_no = $8, change_no = $9
                 WHERE drive_id = $1 AND item_no = $2"
            )
            .bind(id.drive)
            .bind(id.number)
            .bind(place.folder.number)
            .bind(place.name.as_str())
            .bind(place.name.key())
            .bind(change.at)
            .bind(change.by)
            .bind(change.app_no)
            .bind(change.number)
        );
        name_taken(placed)?;
        Ok(above)
    }

    /// Characters of the longest path from a folder that the item is put into under a name.
    pub async fn path_of_placed(&mut self, item: &Item, name: &Name) -> Result<i64> {
        let below = match item.kind() {
            Kind::Folder => self.longest_path(item.id).await?,
            Kind::File => 0,
        };
        let separator = i64::from(below > 0);
        Ok(name.characters() + separator + below)
    }

    /// Keeps what a client tells of an item; what it does not tell stays.
    pub async fn set_properties(
        &mut self,
        id: ItemId,
        properties: &ClientProperties,
        change: i64,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE items SET client_created_at = coalesce($3, client_created_at),
                                  client_modified_at = coalesce($4, client_modified_at),
                                  description = nullif(coalesce($5, description), ''), change_no = $6
                 WHERE drive_id = $1 AND item_no = $2"
            )
            .bind(id.drive)
            .bind(id.number)
            .bind(properties.created_at)
            .bind(properties.modified_at)
            .bind(&properties.description)
            .bind(change)
        )?;
        Ok(())
    }
}
