//! Drives and their counters.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::item::Drive;
use crate::error::{Error, Result};
use crate::service::store::asked::{At, Tables, in_place, json_text};
use crate::service::store::queue::Statement;
use crate::service::store::repeating::Repeatable;
use crate::service::store::statement::{Tx, execute, on};

/// A drive that nothing else may change for now.
const TAKEN: Error =
    Error::TooBusy("A large folder of the drive is being deleted or restored: try again soon.");

/// A drive, and the bytes of its files: of those that are live, and of those in the recycle bin.
#[derive(Clone, Debug)]
pub struct DriveInUse {
    pub drive: Drive,
    pub used: i64,
    pub deleted: i64,
}

/// None of a drive that is not there.
pub(super) struct AskDrives(pub Tables);

#[derive(FromRow)]
struct DriveInUseRow {
    #[sqlx(flatten)]
    drive: Drive,
    used: i64,
    deleted: i64,
}

const DRIVES_IN_USE: &str = "
    SELECT q.place, d.drive_id, d.tenant, d.owner, d.owner_name, i.size AS used, n.bytes_in_bin AS deleted
    FROM q JOIN drives d ON d.drive_id = q.drive_id
           JOIN counters n ON n.drive_id = q.drive_id
           JOIN items i ON i.drive_id = q.drive_id AND i.item_no = 1";
const ON_POSTGRES: &str = const_format::concatcp!(
    "WITH q (place, drive_id) AS (
         SELECT u.place - 1, u.drive_id FROM unnest($1::bigint[]) WITH ORDINALITY AS u (drive_id, place)
     )",
    DRIVES_IN_USE
);
const ON_SQLITE: &str = const_format::concatcp!(
    "WITH q (place, drive_id) AS (SELECT key, value FROM json_each($1))",
    DRIVES_IN_USE
);

impl Repeatable for AskDrives {
    fn tables(&mut self) -> &mut Tables {
        &mut self.0
    }

    fn is_small(_: &Self::Question, _: &Self::Answer) -> bool {
        true
    }
}

impl Statement for AskDrives {
    type Question = DriveId;
    type Answer = Option<DriveInUse>;

    async fn ask(&mut self, questions: &[DriveId]) -> Result<Vec<Option<DriveInUse>>> {
        let array = || sqlx::query_as(ON_POSTGRES).bind(questions);
        let text = || sqlx::query_as(ON_SQLITE).bind(json_text(questions.iter().map(|drive| drive.to_i64())));
        let rows: Vec<At<DriveInUseRow>> = self.0.database.fetch_all(array, text).await?;
        let drive = |row: DriveInUseRow| {
            let DriveInUseRow { drive, used, deleted } = row;
            DriveInUse { drive, used, deleted }
        };
        Ok(in_place(questions.len(), rows).into_iter().map(|row| row.map(drive)).collect())
    }
}

impl Tx {
    pub async fn drive(&mut self, id: DriveId) -> Result<Option<Drive>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, tenant, owner, owner_name FROM drives WHERE drive_id = $1"
        )
        .bind(id)
        .fetch_optional(connection))
    }

    pub async fn drive_of(&mut self, tenant: &str, owner: &str) -> Result<Option<Drive>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT drive_id, tenant, owner, owner_name FROM drives WHERE tenant = $1 AND owner = $2"
        )
        .bind(tenant)
        .bind(owner)
        .fetch_optional(connection))
    }

    /// Makes a drive and its root folder. False where the owner has a drive by now.
    pub async fn insert_drive(&mut self, drive: &Drive, now: Timestamp) -> Result<bool> {
        let inserted = execute!(
            self,
            sqlx::query(
                "INSERT INTO drives (drive_id, tenant, owner, owner_name, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (tenant, owner) DO NOTHING"
            )
            .bind(drive.id)
            .bind(&drive.tenant)
            .bind(&drive.owner)
            .bind(&drive.owner_name)
            .bind(now)
        )?;
        if inserted == 0 {
            return Ok(false);
        }
        self.insert_root(drive, now).await?;
        Ok(true)
    }

    /// Makes the root folder of a drive that has nothing, and its numbers.
    pub(super) async fn insert_root(&mut self, drive: &Drive, now: Timestamp) -> Result<()> {
        execute!(
            self,
            sqlx::query("INSERT INTO counters (drive_id, next_item, next_change) VALUES ($1, $2, 2)")
                .bind(drive.id)
                .bind(ItemId::ROOT_NUMBER + 1)
        )?;
        execute!(
            self,
            sqlx::query(
                "INSERT INTO items (drive_id, item_no, name, name_key, kind, size, change_no,
                                    created_at, created_by, modified_at, modified_by)
                 VALUES ($1, $2, 'root', 'root', 'folder', 0, 1, $3, $4, $3, $4)"
            )
            .bind(drive.id)
            .bind(ItemId::ROOT_NUMBER)
            .bind(now)
            .bind(&drive.owner)
        )?;
        Ok(())
    }

    pub async fn rename_owner(&mut self, drive: DriveId, name: &str) -> Result<()> {
        execute!(
            self,
            sqlx::query("UPDATE drives SET owner_name = $2 WHERE drive_id = $1").bind(drive).bind(name)
        )?;
        Ok(())
    }

    /// Takes the drive's next change number. Whoever changes items calls this first: it makes the
    /// drive's writers wait for each other, so that what one has read stays true until it commits.
    /// Refused while a large folder is being deleted or restored.
    pub async fn begin_change(&mut self, drive: DriveId) -> Result<i64> {
        let number = on!(self, |connection| sqlx::query_scalar(
            "UPDATE counters SET next_change = next_change + 1
             WHERE drive_id = $1 AND taken_by IS NULL RETURNING next_change - 1"
        )
        .bind(drive)
        .fetch_optional(connection))?;
        number.ok_or(TAKEN)
    }

    /// The same with a number for an item that may come of it, by one statement. Where none comes, no other item gets
    /// it.
    pub async fn begin_change_with_item(&mut self, drive: DriveId) -> Result<(i64, ItemId)> {
        let numbers: Option<(i64, i64)> = on!(self, |connection| sqlx::query_as(
            "UPDATE counters SET next_change = next_change + 1, next_item = next_item + 1
             WHERE drive_id = $1 AND taken_by IS NULL RETURNING next_change - 1, next_item - 1"
        )
        .bind(drive)
        .fetch_optional(connection))?;
        let (change, number) = numbers.ok_or(TAKEN)?;
        Ok((change, ItemId { drive, number }))
    }

    /// The number of the drive's last change.
    pub async fn last_change(&mut self, drive: DriveId) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar("SELECT next_change - 1 FROM counters WHERE drive_id = $1")
            .bind(drive)
            .fetch_one(connection))
    }

    pub(super) async fn next_item_number(&mut self, drive: DriveId) -> Result<i64> {
        on!(self, |connection| sqlx::query_scalar(
            "UPDATE counters SET next_item = next_item + 1 WHERE drive_id = $1 RETURNING next_item - 1"
        )
        .bind(drive)
        .fetch_one(connection))
    }
}
