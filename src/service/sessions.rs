//! Who is signed in at the site. A browser has a random secret in a cookie; the database has its digest. A session ends
//! by itself when it was not used for half a day, and after a week however it was used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::{Timestamp, random_bytes};
use crate::domain::identity::{Member, User};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::service::store::{SessionRow, Store, Tx};

/// How long a session waits for its user.
const IDLE: TimeDelta = TimeDelta::hours(12);
/// How long it lasts at most.
const LONGEST: TimeDelta = TimeDelta::days(7);
/// How exactly it is known when a session was last used: not each use is written down.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Somebody who is signed in, by the secret of their cookie. Not to be printed.
#[derive(Clone)]
pub struct Session {
    pub member: Member,
    secret: SecretString,
}

impl Session {
    /// What a form shows to prove that it is of a page that this session got. Each page shows another text, so that
    /// the lengths of pages, which are compressed, tell nothing of it: <https://breachattack.com/>.
    pub fn form_token(&self) -> String {
        let mask = random_bytes::<32>();
        URL_SAFE_NO_PAD.encode([mask, masked(self.form_code(), mask)].concat())
    }

    pub fn proves(&self, form_token: &str) -> bool {
        let Ok(shown) = URL_SAFE_NO_PAD.decode(form_token) else { return false };
        let Some((mask, code)) = shown.split_first_chunk::<32>() else { return false };
        masked(self.form_code(), *mask).ct_eq(code).into()
    }

    fn form_code(&self) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes())
            .expect("a key of any length will do");
        mac.update(b"everlink form 1");
        mac.finalize().into_bytes().into()
    }
}

fn masked(code: [u8; 32], mask: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| code[at] ^ mask[at])
}

fn new_secret() -> SecretString {
    URL_SAFE_NO_PAD.encode(random_bytes::<32>()).into()
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Begins a session; gives the secret for the cookie.
pub async fn begin_session(service: &Service, member: &Member) -> Result<SecretString> {
    let secret = new_secret();
    let now = service.clock.now();
    let row = SessionRow {
        tenant: member.tenant.clone(),
        user_id: member.user.id.clone(),
        user_name: member.user.name.clone(),
        started_at: now,
        seen_at: now,
    };
    let hash = hash_of(secret.expose_secret());
    service
        .store
        .write("begin_session", async |tx| {
            tx.delete_ended_sessions(now - IDLE, now - LONGEST, now).await?;
            tx.insert_session(&hash, &row).await
        })
        .await?;
    Ok(secret)
}

/// The session of a cookie's secret, if it has not ended.
pub async fn find_session(service: &Service, secret: &str) -> Result<Option<Session>> {
    let hash = hash_of(secret);
    let now = service.clock.now();
    let found = service.store.read("find_session").await?.session(&hash).await?;
    let is_live = |row: &SessionRow| now - row.seen_at < IDLE && now - row.started_at < LONGEST;
    let Some(row) = found.filter(is_live) else { return Ok(None) };
    if now - row.seen_at > SEEN_EVERY {
        service.store.write("see_session", async |tx| tx.see_session(&hash, now).await).await?;
    }
    let user = User { id: row.user_id, name: row.user_name };
    Ok(Some(Session { member: Member { tenant: row.tenant, user }, secret: secret.into() }))
}

/// Ends a session: from now on its cookie is as good as none.
pub async fn end_session(service: &Service, session: &Session) -> Result<()> {
    let hash = hash_of(session.secret.expose_secret());
    service.store.write("end_session", async |tx| tx.delete_session(&hash).await).await
}

/// Ends all sessions of the user, on whatever device.
pub async fn end_all_sessions(service: &Service, session: &Session) -> Result<()> {
    let Member { tenant, user } = &session.member;
    let end = async |tx: &mut Tx| tx.delete_sessions_of(tenant, &user.id).await;
    service.store.write("end_all_sessions", end).await
}

/// A secret that nobody can guess, for a way in that is offered by it.
pub fn new_state() -> SecretString {
    new_secret()
}

/// Keeps what a way in is for until somebody comes with its secret.
pub(super) async fn offer(
    store: &Store,
    secret: &SecretString,
    details: &impl Serialize,
    now: Timestamp,
    lasts: TimeDelta,
) -> Result<()> {
    let hash = hash_of(secret.expose_secret());
    let details = serde_json::to_string(details).map_err(Error::internal)?;
    let keep = async |tx: &mut Tx| tx.insert_sign_in(&hash, &details, now + lasts).await;
    store.write("offer_sign_in", keep).await
}

/// The same, of a service.
pub async fn offer_as(
    service: &Service,
    secret: &SecretString,
    details: &impl Serialize,
    lasts: TimeDelta,
) -> Result<()> {
    offer(&service.store, secret, details, service.clock.now(), lasts).await
}

/// A new way in; gives its secret.
pub async fn offer_sign_in(
    service: &Service,
    details: &impl Serialize,
    lasts: TimeDelta,
) -> Result<SecretString> {
    let secret = new_secret();
    offer_as(service, &secret, details, lasts).await?;
    Ok(secret)
}

/// Uses a way in up, and gives what it is for; none where it is not there, not any more, or of another kind.
pub async fn take_sign_in<T: DeserializeOwned>(service: &Service, secret: &str) -> Result<Option<T>> {
    let hash = hash_of(secret);
    let now = service.clock.now();
    let details = service.store.write("take_sign_in", async |tx| tx.take_sign_in(&hash, now).await).await?;
    Ok(details.and_then(|details| serde_json::from_str(&details).ok()))
}
