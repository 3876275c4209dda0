-- Who is signed in at the site, and what lets one sign in. Neither belongs to a drive: somebody may sign in who has none.

CREATE TABLE sessions (
    session_hash bytea PRIMARY KEY,
    tenant       text NOT NULL,
    user_id      text NOT NULL,
    user_name    text,
    started_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (tenant, user_id);
CREATE INDEX sessions_seen ON sessions (seen_at);
COMMENT ON TABLE sessions IS 'Who is signed in at the site. What a browser shows for it is not here: only its digest is.';
COMMENT ON COLUMN sessions.session_hash IS 'SHA-256 of the cookie''s secret.';
COMMENT ON COLUMN sessions.tenant IS 'The user''s tenant.';
COMMENT ON COLUMN sessions.user_id IS 'The user.';
COMMENT ON COLUMN sessions.user_name IS 'What the user was called when signing in.';
COMMENT ON COLUMN sessions.started_at IS 'When the user signed in.';
COMMENT ON COLUMN sessions.seen_at IS 'When the session was last used, within some minutes.';

CREATE TABLE sign_ins (
    sign_in_hash bytea PRIMARY KEY,
    details      text NOT NULL,
    expires_at   timestamptz NOT NULL
);
COMMENT ON TABLE sign_ins IS 'Ways in that were begun and are good for once: addresses that were printed, and sign-ins at the provider that are under way.';
COMMENT ON COLUMN sign_ins.sign_in_hash IS 'SHA-256 of the secret that it is ended with.';
COMMENT ON COLUMN sign_ins.details IS 'JSON: what it is for.';
COMMENT ON COLUMN sign_ins.expires_at IS 'Until when it is good.';
