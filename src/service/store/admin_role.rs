//! The role by which admins ask in SQL.

use crate::error::{Error, Result};
use crate::service::store::Store;
use crate::service::store::connect::{PLANNED_FOR_KEYS, Pools};

impl Store {
    /// Lets a role read the admins' views and nothing else. It is made where it is not there. Its questions
    /// are planned as the service plans its own.
    pub async fn grant_views(&self, role: &str) -> Result<()> {
        let Pools::Postgres { pool, .. } = &self.pools else {
            return Err(Error::internal("SQLite has no roles: whoever can read its file can read it all"));
        };
        let (exists, is_ours, may_all, database): (bool, bool, bool, String) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1), $1 IN (current_user, session_user),
                    EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1 AND rolsuper), current_database()::text",
        )
        .bind(role)
        .fetch_one(pool)
        .await?;
        if is_ours {
            return Err(Error::internal("that is the service's own role: it would write no more"));
        }
        if may_all {
            return Err(Error::internal("that role is a superuser: it reads and writes everything"));
        }
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (name, database) = (quoted(role), quoted(&database));
        let create = if exists { String::new() } else { format!("CREATE ROLE {name} LOGIN;") };
        let set =
            |(setting, value)| format!("ALTER ROLE {name} IN DATABASE {database} SET {setting} = {value};");
        let settings: String =
            [("default_transaction_read_only", "on")].into_iter().chain(PLANNED_FOR_KEYS).map(set).collect();
        let statements = format!(
            "BEGIN; {create} {settings}
             REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name};
             GRANT USAGE ON SCHEMA public TO {name};
             GRANT SELECT ON admin_items, admin_links, admin_link_events, admin_applications, admin_usage,
                             admin_imports, link_opens TO {name};
             COMMIT;"
        );
        // A role's name can't be bound; it is quoted.
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(pool).await?;
        Ok(())
    }
}
