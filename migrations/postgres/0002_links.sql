-- Sharing links, their history, and the keys that sign them.

CREATE TABLE links (
    drive_id   bigint NOT NULL,
    item_no    bigint NOT NULL,
    app_no     integer NOT NULL REFERENCES applications,
    type       text NOT NULL CHECK (type IN ('view', 'edit', 'embed')),
    scope      text NOT NULL CHECK (scope IN ('anonymous', 'organization')),
    link_id    uuid NOT NULL,
    key_epoch  smallint NOT NULL,
    created_by text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (drive_id, item_no, app_no, type),
    FOREIGN KEY (drive_id, item_no) REFERENCES items ON DELETE CASCADE
);
COMMENT ON TABLE links IS 'Live sharing links: one an item, application and type. A revoked link has no row here; link_events remembers it. Nothing in this table opens a link.';
COMMENT ON COLUMN links.drive_id IS 'The item''s drive.';
COMMENT ON COLUMN links.item_no IS 'The item''s number.';
COMMENT ON COLUMN links.app_no IS 'The application that made it.';
COMMENT ON COLUMN links.type IS 'view (read), edit (write) or embed (read, inside other sites'' pages).';
COMMENT ON COLUMN links.scope IS 'Who may use it: anonymous (whoever has it) or organization (a signed-in user of the owner''s tenant).';
COMMENT ON COLUMN links.link_id IS 'Random; names the link. Not a secret: a link''s key is made of it with a secret that is not in the database.';
COMMENT ON COLUMN links.key_epoch IS 'Which of the secrets signs it.';
COMMENT ON COLUMN links.created_by IS 'The user who made it; null when an application did on its own.';
COMMENT ON COLUMN links.created_at IS 'When it was made.';

CREATE TABLE link_events (
    drive_id     bigint NOT NULL REFERENCES drives,
    event_id     uuid NOT NULL,
    link_id      uuid NOT NULL,
    item_no      bigint NOT NULL,
    app_no       integer NOT NULL REFERENCES applications,
    type         text NOT NULL,
    scope        text NOT NULL,
    action       text NOT NULL CHECK (action IN ('created', 'revoked')),
    actor        text,
    actor_app_no integer REFERENCES applications,
    at           timestamptz NOT NULL,
    PRIMARY KEY (drive_id, event_id)
);
COMMENT ON TABLE link_events IS 'Every making and revoking of a link, written in the same transaction. Never changed, never deleted.';
COMMENT ON COLUMN link_events.drive_id IS 'The link''s drive.';
COMMENT ON COLUMN link_events.event_id IS 'Grows with time (UUID version 7).';
COMMENT ON COLUMN link_events.link_id IS 'The link.';
COMMENT ON COLUMN link_events.item_no IS 'The item it is or was on.';
COMMENT ON COLUMN link_events.app_no IS 'The application that made it.';
COMMENT ON COLUMN link_events.type IS 'As in links.';
COMMENT ON COLUMN link_events.scope IS 'As in links.';
COMMENT ON COLUMN link_events.action IS 'created or revoked.';
COMMENT ON COLUMN link_events.actor IS 'The user who did it; null when an application did on its own.';
COMMENT ON COLUMN link_events.actor_app_no IS 'The application it was done with.';
COMMENT ON COLUMN link_events.at IS 'When.';

CREATE TABLE key_epochs (
    epoch         smallint PRIMARY KEY CHECK (epoch BETWEEN 1 AND 255),
    check_value   text NOT NULL,
    first_seen_at timestamptz NOT NULL
);
COMMENT ON TABLE key_epochs IS 'Which secrets sign this database''s links; a server whose secrets differ does not start.';
COMMENT ON COLUMN key_epochs.epoch IS 'The secret''s number.';
COMMENT ON COLUMN key_epochs.check_value IS 'Tells whether a secret is this one, and nothing else about it.';
COMMENT ON COLUMN key_epochs.first_seen_at IS 'When a server first came with it.';
