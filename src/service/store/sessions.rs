//! Who is signed in at the site, and the ways in that are good for once. What a browser shows is never kept, only its
//! digest.

use sqlx::FromRow;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::service::store::statement::{Tx, execute, on};

/// Somebody who is signed in.
#[derive(Clone, Debug, FromRow)]
pub struct SessionRow {
    pub tenant: String,
    pub user_id: String,
    pub user_name: Option<String>,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
}

impl Tx {
    pub async fn insert_session(&mut self, hash: &[u8], session: &SessionRow) -> Result<()> {
        execute!(
            self,
            sqlx::query(
                "INSERT INTO sessions (session_hash, tenant, user_id, user_name, started_at, seen_at)
                 VALUES ($1, $2, $3, $4, $5, $6)"
            )
            .bind(hash)
            .bind(&session.tenant)
            .bind(&session.user_id)
            .bind(&session.user_name)
            .bind(session.started_at)
            .bind(session.seen_at)
        )?;
        Ok(())
    }

    pub async fn session(&mut self, hash: &[u8]) -> Result<Option<SessionRow>> {
        on!(self, |connection| sqlx::query_as(
            "SELECT tenant, user_id, user_name, started_at, seen_at FROM sessions WHERE session_hash = $1"
        )
        .bind(hash)
        .fetch_optional(connection))
    }

    /// A session that has ended in between stays ended.
    pub async fn see_session(&mut self, hash: &[u8], now: Timestamp) -> Result<()> {
        execute!(
            self,
            sqlx::query("UPDATE sessions SET seen_at = $2 WHERE session_hash = $1").bind(hash).bind(now)
        )?;
        Ok(())
    }

    pub async fn delete_session(&mut self, hash: &[u8]) -> Result<()> {
        execute!(self, sqlx::query("DELETE FROM sessions WHERE session_hash = $1").bind(hash))?;
        Ok(())
    }

    pub async fn delete_sessions_of(&mut self, tenant: &str, user: &str) -> Result<()> {
        execute!(
            self,
            sqlx::query("DELETE FROM sessions WHERE tenant = $1 AND user_id = $2").bind(tenant).bind(user)
        )?;
        Ok(())
    }

    /// Forgets what has ended by itself.
    pub async fn delete_ended_sessions(
        &mut self,
        seen_before: Timestamp,
        started_before: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        execute!(
            self,
            sqlx::query("DELETE FROM sessions WHERE seen_at < $1 OR started_at < $2")
                .bind(seen_before)
                .bind(started_before)
        )?;
        execute!(self, sqlx::query("DELETE FROM sign_ins WHERE expires_at < $1").bind(now))?;
        Ok(())
    }

    pub async fn insert_sign_in(&mut self, hash: &[u8], details: &str, expires_at: Timestamp) -> Result<()> {
        execute!(
            self,
            sqlx::query("INSERT INTO sign_ins (sign_in_hash, details, expires_at) VALUES ($1, $2, $3)")
                .bind(hash)
                .bind(details)
                .bind(expires_at)
        )?;
        Ok(())
    }

    /// Uses a way in up: of many who come with it at once, one gets it.
    pub async fn take_sign_in(&mut self, hash: &[u8], now: Timestamp) -> Result<Option<String>> {
        let taken: Option<(String, Timestamp)> = on!(self, |connection| sqlx::query_as(
            "DELETE FROM sign_ins WHERE sign_in_hash = $1 RETURNING details, expires_at"
        )
        .bind(hash)
        .fetch_optional(connection))?;
        Ok(taken.filter(|(_, expires_at)| *expires_at > now).map(|(details, _)| details))
    }
}
