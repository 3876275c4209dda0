//! Folders and buckets that are imported in place: what is known of their files, and many new items at once.
//!
//! What a batch asks for comes as arrays, which SQLite takes as JSON.

use chrono::SecondsFormat;
use serde_json::json;
use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::Kind;
use crate::domain::outside::Seen;
use crate::error::{Error, Result};
use crate::service::store::change::Change;
use crate::service::store::errors::name_taken;
use crate::service::store::statement::{
    LONG_LIMIT, Tx, TxConnection, execute, execute_many, fetch_for_items, on, on_many, within_step,
};

/// A file of an import as it was seen last, and its item.
#[derive(Clone, Debug, FromRow)]
pub struct Imported {
    pub path: String,
    pub location: Option<String>,
    pub content_key: Uuid,
    pub item_no: i64,
    #[sqlx(flatten)]
    pub seen: Seen,
    pub is_binned: bool,
    pub missing_since: Option<Timestamp>,
    pub is_live: bool,
    /// It was deleted for good.
    pub is_purged: bool,
}

/// A folder of an import, and its item.
#[derive(Clone, Debug, FromRow)]
pub struct ImportedFolder {
    pub path: String,
    pub item_no: i64,
    pub inode: Option<i64>,
    pub born_ns: Option<i64>,
    pub is_binned: bool,
    pub is_live: bool,
    pub is_purged: bool,
    /// Another import shows a folder in it, too.
    pub is_shared: bool,
}

/// A name in a folder that is taken.
#[derive(Clone, Debug, FromRow)]
pub struct Occupied {
    pub parent_no: i64,
    pub name_key: String,
    pub item_no: i64,
    pub kind: Kind,
    /// The import that it shows something of: the one that asks, where it is among several.
    pub import_no: Option<i64>,
}

/// An item that is to come.
#[derive(Clone, Debug)]
pub struct NewImported {
    pub number: i64,
    pub parent: i64,
    pub name: String,
    pub name_key: String,
    /// Below the import's root.
    pub path: String,
    pub seen: Option<Seen>,
    pub modified_at: Timestamp,
    /// None for a folder.
    pub file: Option<NewImportedFile>,
}

#[derive(Clone, Debug)]
pub struct NewImportedFile {
    pub content_key: Uuid,
    pub mime_type: String,
    pub location: Option<String>,
    /// Upper-case hexadecimal; empty where it is not known.
    pub sha256: String,
}

/// After all paths.
const LAST_PATH: &str = "\u{10FFFF}";
const IMPORTED: &str = "
    SELECT o.path, o.location, o.content_key, o.item_no, o.size, o.modified_ns, o.unit_ns, o.etag, o.inode, o.born_ns,
           o.is_binned, o.missing_since, i.deleted_at IS NULL AND i.item_no IS NOT NULL AS is_live,
           i.item_no IS NULL OR coalesce(i.deleted_with = 0, FALSE) AS is_purged
    FROM ";
/// `+ 0`, here and in other joins, for that PostgreSQL may not take the drive for the one that is asked for: see
/// `on_items!`.
const CONTENTS: &str = "
    outside_content o LEFT JOIN items i ON i.drive_id = o.drive_id + 0 AND i.item_no = o.item_no
    WHERE o.import_no = $3 AND o.is_latest AND ";
const IMPORTED_FOLDERS: &str = "
    SELECT o.path, o.item_no, o.inode, o.born_ns, o.is_binned,
           i.deleted_at IS NULL AND i.item_no IS NOT NULL AS is_live,
           i.item_no IS NULL OR coalesce(i.deleted_with = 0, FALSE) AS is_purged,
           EXISTS (SELECT 1 FROM outside_folders s
                   WHERE s.drive_id = o.drive_id AND s.item_no = o.item_no AND s.import_no <> o.import_no) AS is_shared
    FROM ";
const FOLDERS: &str = "
    outside_folders o LEFT JOIN items i ON i.drive_id = o.drive_id + 0 AND i.item_no = o.item_no
    WHERE o.import_no = $3 AND ";
const BY_PATH: &str = "o.drive_id = q.drive_id AND o.path = q.asked";
const BY_INODE: &str = "(o.drive_id, o.inode) IN (ASKED)";
/// By its paths SQLite finds what is asked for only where it is joined.
const IMPORTED_BY_PATH: &str = const_format::concatcp!(IMPORTED, "(ASKED) q CROSS JOIN", CONTENTS, BY_PATH);
const IMPORTED_BY_INODE: &str = const_format::concatcp!(IMPORTED, CONTENTS, BY_INODE);
const IMPORTED_AFTER: &str = const_format::concatcp!(
    IMPORTED,
    CONTENTS,
    "o.drive_id = $1 AND o.path > $2 AND o.path < $5 ORDER BY o.path LIMIT $4"
);
const FOLDERS_BY_PATH: &str =
    const_format::concatcp!(IMPORTED_FOLDERS, "(ASKED) q CROSS JOIN", FOLDERS, BY_PATH);
/// By way of their paths, which the index by their numbers has.
const FOLDERS_BY_INODE: &str = const_format::concatcp!(
    IMPORTED_FOLDERS,
    "(SELECT f.drive_id, f.path AS asked FROM outside_folders f
      WHERE f.import_no = $3 AND (f.drive_id, f.inode) IN (ASKED)) q CROSS JOIN",
    FOLDERS,
    BY_PATH
);
const ALL_FOLDERS: &str =
    const_format::concatcp!(IMPORTED_FOLDERS, FOLDERS, "o.drive_id = $1 AND $2 = $2 ORDER BY o.path");

/// Not by `EXISTS`: of two with an `OR`, PostgreSQL may read the tables whole.
const OCCUPIED: &str = "
    SELECT i.parent_no, i.name_key, i.item_no, i.kind,
           coalesce((SELECT o.import_no FROM outside_content o
                     WHERE o.drive_id = i.drive_id AND o.content_key = i.content_key LIMIT 1),
                    (SELECT f.import_no FROM outside_folders f
                     WHERE f.drive_id = i.drive_id AND f.item_no = i.item_no AND f.import_no = q.import_no LIMIT 1),
                    (SELECT f.import_no FROM outside_folders f
                     WHERE f.drive_id = i.drive_id AND f.item_no = i.item_no LIMIT 1)) AS import_no
    FROM (PLACES) q CROSS JOIN items i
    WHERE i.drive_id = q.drive_id AND i.parent_no = q.parent_no AND i.name_key = q.name_key AND i.deleted_at IS NULL";
const OCCUPIED_ON_POSTGRES: &str = const_format::str_replace!(
    OCCUPIED,
    "PLACES",
    "SELECT $1 AS drive_id, $4 AS import_no, unnest($2) AS parent_no, unnest($3) AS name_key"
);
const OCCUPIED_ON_SQLITE: &str = const_format::str_replace!(
    OCCUPIED,
    "PLACES",
    "SELECT $1 AS drive_id, $3 AS import_no, value ->> 0 AS parent_no, value ->> 1 AS name_key FROM json_each($2)"
);

/// After `FROM`: the new items, `n`.
const INSERT_ITEMS: &str = "
    INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, current_version, size, mime_type,
                       content_key, created_at, created_by, created_app_no, modified_at, modified_by,
                       modified_app_no, change_no, quick_xor_hash, sha1_hash, sha256_hash, client_modified_at)
    SELECT $1, n.item_no, n.parent_no, n.name, n.name_key,
           CASE WHEN n.content_key IS NULL THEN 'folder' ELSE 'file' END,
           CASE WHEN n.content_key IS NOT NULL THEN 1 END, n.size, n.mime_type, n.content_key,
           $2, $3, $4, n.modified_at, $3, $4, $5,
           CASE WHEN n.content_key IS NOT NULL THEN '' END, CASE WHEN n.content_key IS NOT NULL THEN '' END,
           n.sha256_hash, CASE WHEN n.content_key IS NOT NULL THEN n.modified_at END
    FROM (NEW) n";
const ITEMS_ON_POSTGRES: &str = const_format::str_replace!(
    INSERT_ITEMS,
    "NEW",
    "SELECT * FROM unnest($6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::text[],
                          $12::uuid[], $13::timestamptz[], $14::text[])
     AS u (item_no, parent_no, name, name_key, size, mime_type, content_key, modified_at, sha256_hash)"
);
const ITEMS_ON_SQLITE: &str = const_format::str_replace!(
    INSERT_ITEMS,
    "NEW",
    "SELECT value ->> 0 AS item_no, value ->> 1 AS parent_no, value ->> 2 AS name, value ->> 3 AS name_key,
            value ->> 4 AS size, value ->> 5 AS mime_type, unhex(value ->> 6) AS content_key,
            value ->> 7 AS modified_at, value ->> 8 AS sha256_hash
     FROM json_each($6)"
);
const INSERT_CONTENTS: &str = "
    INSERT INTO outside_content (drive_id, content_key, import_no, item_no, path, location, size, modified_ns,
                                 unit_ns, etag, inode, born_ns, is_latest, is_digested, is_binned)
    SELECT $1, n.content_key, $2, n.item_no, n.path, n.location, n.size, n.modified_ns, n.unit_ns, n.etag, n.inode,
           n.born_ns, TRUE, FALSE, FALSE
    FROM (NEW) n";
const CONTENTS_ON_POSTGRES: &str = const_format::str_replace!(
    INSERT_CONTENTS,
    "NEW",
    "SELECT * FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
                          $9::bigint[], $10::text[], $11::bigint[], $12::bigint[])
     AS u (content_key, item_no, path, location, size, modified_ns, unit_ns, etag, inode, born_ns)"
);
const CONTENTS_ON_SQLITE: &str = const_format::str_replace!(
    INSERT_CONTENTS,
    "NEW",
    "SELECT unhex(value ->> 0) AS content_key, value ->> 1 AS item_no, value ->> 2 AS path, value ->> 3 AS location,
            value ->> 4 AS size, value ->> 5 AS modified_ns, value ->> 6 AS unit_ns, value ->> 7 AS etag,
            value ->> 8 AS inode, value ->> 9 AS born_ns
     FROM json_each($3)"
);
const INSERT_FOLDERS: &str = "
    INSERT INTO outside_folders (drive_id, import_no, path, item_no, inode, born_ns, is_binned)
    SELECT $1, $2, n.path, n.item_no, n.inode, n.born_ns, FALSE FROM (NEW) n
    WHERE TRUE
    ON CONFLICT (drive_id, import_no, path)
    DO UPDATE SET item_no = excluded.item_no, inode = excluded.inode, born_ns = excluded.born_ns,
                  is_binned = FALSE";
const FOLDERS_ON_POSTGRES: &str = const_format::str_replace!(
    INSERT_FOLDERS,
    "NEW",
    "SELECT * FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u (path, item_no, inode, born_ns)"
);
const FOLDERS_ON_SQLITE: &str = const_format::str_replace!(
    INSERT_FOLDERS,
    "NEW",
    "SELECT value ->> 0 AS path, value ->> 1 AS item_no, value ->> 2 AS inode, value ->> 3 AS born_ns
     FROM json_each($3)"
);

impl Tx {
    /// The number of an import of a root into a folder, which is made where there is none.
    pub async fn import_of(
        &mut self,
        folder: ItemId,
        root: &str,
        writes_through: bool,
        now: Timestamp,
    ) -> Result<i64> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO imports (drive_id, import_no, root, item_no, writes_through, created_at)
                 SELECT $1, coalesce((SELECT max(import_no) FROM imports WHERE drive_id = $1), 0) + 1, $2, $3, $4, $5
                 WHERE TRUE
                 ON CONFLICT (drive_id, root, item_no) DO UPDATE SET writes_through = excluded.writes_through"
            )
            .bind(folder.drive)
            .bind(root)
            .bind(folder.number)
            .bind(writes_through)
            .bind(now)
        )?;
        let number = self.import_number(folder, root).await?;
        number.ok_or_else(|| Error::internal("an import that was written is not there"))
    }

    /// The number of an import, if there is one.
    pub async fn import_number(&mut self, folder: ItemId, root: &str) -> Result<Option<i64>> {
        on!(self, |connection| sqlx::query_scalar(
            "SELECT import_no FROM imports WHERE drive_id = $1 AND root = $2 AND item_no = $3"
        )
        .bind(folder.drive)
        .bind(root)
        .bind(folder.number)
        .fetch_optional(connection))
    }

    /// What is known of files by their paths.
    pub async fn imported(&mut self, drive: DriveId, import: i64, paths: &[String]) -> Result<Vec<Imported>> {
        self.allow_long_statements().await?;
        fetch_for_items!(self, drive, paths, IMPORTED_BY_PATH, import)
    }

    /// The same by the files' numbers.
    pub async fn imported_by_inode(
        &mut self,
        drive: DriveId,
        import: i64,
        inodes: &[i64],
    ) -> Result<Vec<Imported>> {
        fetch_for_items!(self, drive, inodes, IMPORTED_BY_INODE, import)
    }

    /// Files of an import in the order of their paths, from what follows one; so many at most. Those that are below a
    /// folder alone where one is given: its path with a slash, and what follows all paths that begin so.
    pub async fn imported_after(
        &mut self,
        drive: DriveId,
        import: i64,
        after: &str,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Imported>> {
        on_many!(self, |connection| {
            sqlx::query_as(IMPORTED_AFTER)
                .bind(drive)
                .bind(after)
                .bind(import)
                .bind(limit)
                .bind(before.unwrap_or(LAST_PATH))
                .fetch_all(connection)
        })
    }

    pub async fn imported_folders(
        &mut self,
        drive: DriveId,
        import: i64,
        paths: &[String],
    ) -> Result<Vec<ImportedFolder>> {
        fetch_for_items!(self, drive, paths, FOLDERS_BY_PATH, import)
    }

    pub async fn imported_folders_by_inode(
        &mut self,
        drive: DriveId,
        import: i64,
        inodes: &[i64],
    ) -> Result<Vec<ImportedFolder>> {
        fetch_for_items!(self, drive, inodes, FOLDERS_BY_INODE, import)
    }

    /// Folders of an import, the deepest last.
    pub async fn all_imported_folders(&mut self, drive: DriveId, import: i64) -> Result<Vec<ImportedFolder>> {
        on_many!(self, |connection| {
            sqlx::query_as(ALL_FOLDERS).bind(drive).bind(0_i64).bind(import).fetch_all(connection)
        })
    }

    /// Which of some names in folders are taken.
    pub async fn occupied(
        &mut self,
        drive: DriveId,
        import: i64,
        places: &[(i64, String)],
    ) -> Result<Vec<Occupied>> {
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let (parents, keys): (Vec<i64>, Vec<String>) = places.iter().cloned().unzip();
                let query =
                    sqlx::query_as(OCCUPIED_ON_POSTGRES).bind(drive).bind(parents).bind(keys).bind(import);
                within_step(self.step, LONG_LIMIT, query.fetch_all(&mut **tx)).await
            }
            TxConnection::Sqlite(tx) => {
                let query = sqlx::query_as(OCCUPIED_ON_SQLITE)
                    .bind(drive)
                    .bind(json!(places).to_string())
                    .bind(import);
                within_step(self.step, LONG_LIMIT, query.fetch_all(&mut **tx)).await
            }
        }
    }

    /// Makes items, each folder before what is in it. The drive's change is begun, the names known to be free; the
    /// folders above are told afterwards.
    pub async fn insert_imported(
        &mut self,
        drive: DriveId,
        import: i64,
        new: &[NewImported],
        change: Change<'_>,
    ) -> Result<()> {
        let (Some(first), Some(last)) = (new.first(), new.last()) else { return Ok(()) };
        self.allow_long_statements().await?;
        let inserted = self.insert_imported_items(drive, new, change).await;
        name_taken(inserted)?;
        self.insert_first_versions(drive, first.number, last.number).await?;
        let inserted = self.insert_outside_contents(drive, import, new).await;
        name_taken(inserted)?;
        let folders: Vec<_> = new
            .iter()
            .filter(|new| new.file.is_none())
            .map(|new| (new.path.clone(), new.number, new.seen.clone()))
            .collect();
        self.set_imported_folders(drive, import, &folders).await
    }

    async fn insert_imported_items(
        &mut self,
        drive: DriveId,
        new: &[NewImported],
        change: Change<'_>,
    ) -> Result<u64> {
        let size = |new: &NewImported| match (&new.file, &new.seen) {
            (Some(_), Some(seen)) => seen.size,
            _ => 0,
        };
        macro_rules! insert {
            ($text:expr, $tx:expr, $($column:expr),*) => {{
                let query = sqlx::query($text)
                    .bind(drive)
                    .bind(change.at)
                    .bind(change.by)
                    .bind(change.app_no)
                    .bind(change.number)
                    $(.bind($column))*;
                within_step(self.step, LONG_LIMIT, query.execute(&mut **$tx)).await.map(|done| done.rows_affected())
            }};
        }
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let files = || new.iter().map(|new| new.file.as_ref());
                insert!(
                    ITEMS_ON_POSTGRES,
                    tx,
                    new.iter().map(|new| new.number).collect::<Vec<_>>(),
                    new.iter().map(|new| new.parent).collect::<Vec<_>>(),
                    new.iter().map(|new| new.name.as_str()).collect::<Vec<_>>(),
                    new.iter().map(|new| new.name_key.as_str()).collect::<Vec<_>>(),
                    new.iter().map(size).collect::<Vec<_>>(),
                    files().map(|file| file.map(|file| file.mime_type.as_str())).collect::<Vec<_>>(),
                    files().map(|file| file.map(|file| file.content_key)).collect::<Vec<_>>(),
                    new.iter().map(|new| new.modified_at).collect::<Vec<_>>(),
                    files().map(|file| file.map(|file| file.sha256.as_str())).collect::<Vec<_>>()
                )
            }
            TxConnection::Sqlite(tx) => {
                let row = |new: &NewImported| {
                    let file = new.file.as_ref();
                    json!([
                        new.number,
                        new.parent,
                        new.name,
                        new.name_key,
                        size(new),
                        file.map(|file| &file.mime_type),
                        file.map(|file| file.content_key.simple().to_string()),
                        // As the library writes times.
                        new.modified_at.to_rfc3339_opts(SecondsFormat::AutoSi, false),
                        file.map(|file| &file.sha256),
                    ])
                };
                let rows: Vec<_> = new.iter().map(row).collect();
                insert!(ITEMS_ON_SQLITE, tx, json!(rows).to_string())
            }
        }
    }

    async fn insert_outside_contents(
        &mut self,
        drive: DriveId,
        import: i64,
        new: &[NewImported],
    ) -> Result<u64> {
        let files = || new.iter().filter_map(|new| Some((new, new.file.as_ref()?, new.seen.as_ref()?)));
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let query = sqlx::query(CONTENTS_ON_POSTGRES)
                    .bind(drive)
                    .bind(import)
                    .bind(files().map(|(_, file, _)| file.content_key).collect::<Vec<_>>())
                    .bind(files().map(|(new, ..)| new.number).collect::<Vec<_>>())
                    .bind(files().map(|(new, ..)| new.path.as_str()).collect::<Vec<_>>())
                    .bind(files().map(|(_, file, _)| file.location.as_deref()).collect::<Vec<_>>())
                    .bind(files().map(|(.., seen)| seen.size).collect::<Vec<_>>())
                    .bind(files().map(|(.., seen)| seen.modified_ns).collect::<Vec<_>>())
                    .bind(files().map(|(.., seen)| seen.unit_ns).collect::<Vec<_>>())
                    .bind(files().map(|(.., seen)| seen.etag.as_deref()).collect::<Vec<_>>())
                    .bind(files().map(|(.., seen)| seen.inode).collect::<Vec<_>>())
                    .bind(files().map(|(.., seen)| seen.born_ns).collect::<Vec<_>>());
                within_step(self.step, LONG_LIMIT, query.execute(&mut **tx))
                    .await
                    .map(|done| done.rows_affected())
            }
            TxConnection::Sqlite(tx) => {
                let row = |(new, file, seen): (&NewImported, &NewImportedFile, &Seen)| {
                    json!([
                        file.content_key.simple().to_string(),
                        new.number,
                        new.path,
                        file.location,
                        seen.size,
                        seen.modified_ns,
                        seen.unit_ns,
                        seen.etag,
                        seen.inode,
                        seen.born_ns,
                    ])
                };
                let rows: Vec<_> = files().map(row).collect();
                let query = sqlx::query(CONTENTS_ON_SQLITE).bind(drive).bind(import);
                let query = query.bind(json!(rows).to_string());
                within_step(self.step, LONG_LIMIT, query.execute(&mut **tx))
                    .await
                    .map(|done| done.rows_affected())
            }
        }
    }

    /// Keeps which folders of the drive show which folders of an import: paths, numbers of items, how they look.
    pub async fn set_imported_folders(
        &mut self,
        drive: DriveId,
        import: i64,
        folders: &[(String, i64, Option<Seen>)],
    ) -> Result<()> {
        if folders.is_empty() {
            return Ok(());
        }
        let inode = |seen: &Option<Seen>| seen.as_ref().and_then(|seen| seen.inode);
        let born = |seen: &Option<Seen>| seen.as_ref().and_then(|seen| seen.born_ns);
        match &mut self.connection {
            TxConnection::Postgres(tx) => {
                let query = sqlx::query(FOLDERS_ON_POSTGRES)
                    .bind(drive)
                    .bind(import)
                    .bind(folders.iter().map(|(path, ..)| path.as_str()).collect::<Vec<_>>())
                    .bind(folders.iter().map(|(_, item, _)| *item).collect::<Vec<_>>())
                    .bind(folders.iter().map(|(.., seen)| inode(seen)).collect::<Vec<_>>())
                    .bind(folders.iter().map(|(.., seen)| born(seen)).collect::<Vec<_>>());
                within_step(self.step, LONG_LIMIT, query.execute(&mut **tx)).await?;
            }
            TxConnection::Sqlite(tx) => {
                let row = |(path, item, seen): &(String, i64, Option<Seen>)| {
                    json!([path, item, inode(seen), born(seen)])
                };
                let rows: Vec<_> = folders.iter().map(row).collect();
                let query = sqlx::query(FOLDERS_ON_SQLITE).bind(drive).bind(import);
                let query = query.bind(json!(rows).to_string());
                within_step(self.step, LONG_LIMIT, query.execute(&mut **tx)).await?;
            }
        }
        Ok(())
    }

    /// A file of an import is at another path now; for its copies, too.
    pub async fn move_imported(&mut self, drive: DriveId, import: i64, from: &str, to: &str) -> Result<()> {
        // Each by its own index.
        for statement in [
            "UPDATE outside_content SET path = $4, missing_since = NULL
             WHERE drive_id = $1 AND import_no = $2 AND path = $3 AND is_latest",
            "UPDATE outside_content SET path = $4, missing_since = NULL
             WHERE drive_id = $1 AND import_no = $2 AND path = $3 AND NOT is_latest",
        ] {
            let moved = execute!(self, sqlx::query(statement).bind(drive).bind(import).bind(from).bind(to));
            // The path may be known by now.
            name_taken(moved)?;
        }
        Ok(())
    }

    /// A folder of an import is at another path now, and all that is below it. What was known there is forgotten: it is
    /// not there any more.
    pub async fn move_imported_folder(
        &mut self,
        drive: DriveId,
        import: i64,
        from: &str,
        to: &str,
    ) -> Result<()> {
        // All paths that begin with the folder's and a slash, which the next character follows.
        let bounds = |path: &str| (format!("{path}/"), format!("{path}0"));
        let ((from_first, from_end), (to_first, to_end)) = (bounds(from), bounds(to));
        execute_many!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_latest = FALSE
                 WHERE drive_id = $1 AND import_no = $2 AND is_latest AND path > $3 AND path < $4"
            )
            .bind(drive)
            .bind(import)
            .bind(&to_first)
            .bind(&to_end)
        )?;
        execute_many!(
            self,
            sqlx::query(
                "DELETE FROM outside_folders
                 WHERE drive_id = $1 AND import_no = $2 AND (path = $5 OR (path > $3 AND path < $4))"
            )
            .bind(drive)
            .bind(import)
            .bind(&to_first)
            .bind(&to_end)
            .bind(to)
        )?;
        let kept = i32::try_from(from.chars().count()).unwrap_or(i32::MAX);
        for statement in [
            "UPDATE outside_content SET path = $5 || substr(path, $6)
             WHERE drive_id = $1 AND import_no = $2 AND path > $3 AND path < $4 AND is_latest",
            "UPDATE outside_content SET path = $5 || substr(path, $6)
             WHERE drive_id = $1 AND import_no = $2 AND path > $3 AND path < $4 AND NOT is_latest",
        ] {
            execute_many!(
                self,
                sqlx::query(statement)
                    .bind(drive)
                    .bind(import)
                    .bind(&from_first)
                    .bind(&from_end)
                    .bind(to)
                    .bind(kept + 1)
            )?;
        }
        execute_many!(
            self,
            sqlx::query(
                "UPDATE outside_folders SET path = $5 || substr(path, $6)
                 WHERE drive_id = $1 AND import_no = $2 AND (path = $7 OR (path > $3 AND path < $4))"
            )
            .bind(drive)
            .bind(import)
            .bind(&from_first)
            .bind(&from_end)
            .bind(to)
            .bind(kept + 1)
            .bind(from)
        )?;
        Ok(())
    }

    /// A content is not what its path shows any more.
    pub async fn forget_imported(&mut self, drive: DriveId, key: Uuid) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_latest = FALSE WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(drive)
            .bind(key)
        )?;
        Ok(())
    }

    /// Notes that an import put an item into the recycle bin as its file was gone, or took it out of it.
    pub async fn set_binned(&mut self, drive: DriveId, key: Uuid, is_binned: bool) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_content SET is_binned = $3, missing_since = NULL
                 WHERE drive_id = $1 AND content_key = $2"
            )
            .bind(drive)
            .bind(key)
            .bind(is_binned)
        )?;
        Ok(())
    }

    /// An item was taken out of the recycle bin by its owner: whoever deletes it from now on is its owner, too.
    pub async fn forget_binned(&mut self, id: ItemId) -> Result<()> {
        for statement in [
            "UPDATE outside_folders SET is_binned = FALSE WHERE drive_id = $1 AND item_no = $2 AND is_binned",
            "UPDATE outside_content SET is_binned = FALSE
             WHERE is_binned AND (drive_id, content_key) IN (SELECT v.drive_id + 0, v.content_key FROM versions v
                                                             WHERE v.drive_id = $1 AND v.item_no = $2)",
        ] {
            execute!(self, sqlx::query(statement).bind(id.drive).bind(id.number))?;
        }
        Ok(())
    }

    /// The same of a folder.
    pub async fn set_folder_binned(
        &mut self,
        drive: DriveId,
        import: i64,
        path: &str,
        is_binned: bool,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "UPDATE outside_folders SET is_binned = $4
                 WHERE drive_id = $1 AND import_no = $2 AND path = $3"
            )
            .bind(drive)
            .bind(import)
            .bind(path)
            .bind(is_binned)
        )?;
        Ok(())
    }
}
