-- Sharing links, their history, and the keys that sign them.

-- Live sharing links: one an item, application and type. A revoked link has no row here; link_events remembers it. Nothing in this table opens a link.
CREATE TABLE links (
    drive_id   integer NOT NULL,
    item_no    integer NOT NULL,
    app_no     integer NOT NULL REFERENCES applications,
    type       text NOT NULL CHECK (type IN ('view', 'edit', 'embed')),
    scope      text NOT NULL CHECK (scope IN ('anonymous', 'organization')),
    link_id    blob NOT NULL,
    key_epoch  integer NOT NULL,
    created_by text,
    created_at text NOT NULL,
    PRIMARY KEY (drive_id, item_no, app_no, type),
    FOREIGN KEY (drive_id, item_no) REFERENCES items ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Every making and revoking of a link, written in the same transaction. Never changed, never deleted.
CREATE TABLE link_events (
    drive_id     integer NOT NULL REFERENCES drives,
    event_id     blob NOT NULL,
    link_id      blob NOT NULL,
    item_no      integer NOT NULL,
    app_no       integer NOT NULL REFERENCES applications,
    type         text NOT NULL,
    scope        text NOT NULL,
    action       text NOT NULL CHECK (action IN ('created', 'revoked')),
    actor        text,
    actor_app_no integer REFERENCES applications,
    at           text NOT NULL,
    PRIMARY KEY (drive_id, event_id)
) STRICT;

-- Which secrets sign this database's links; a server whose secrets differ does not start.
CREATE TABLE key_epochs (
    epoch         integer PRIMARY KEY CHECK (epoch BETWEEN 1 AND 255),
    check_value   text NOT NULL,
    first_seen_at text NOT NULL
) STRICT;
