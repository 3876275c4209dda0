-- Who is signed in at the site, and what lets one sign in. Neither belongs to a drive: somebody may sign in who has none.

-- Who is signed in at the site. What a browser shows for it is not here: only its digest is.
CREATE TABLE sessions (
    session_hash blob NOT NULL PRIMARY KEY,
    tenant       text NOT NULL,
    user_id      text NOT NULL,
    user_name    text,
    started_at   text NOT NULL,
    seen_at      text NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (tenant, user_id);
CREATE INDEX sessions_seen ON sessions (seen_at);

-- Ways in that were begun and are good for once: addresses that were printed, and sign-ins at the provider that are
-- under way.
CREATE TABLE sign_ins (
    sign_in_hash blob NOT NULL PRIMARY KEY,
    details      text NOT NULL,
    expires_at   text NOT NULL
) STRICT, WITHOUT ROWID;
