-- Links and their history stand without references. The one statement that makes links takes them from
-- items that are there, and neither items nor applications are ever deleted; but to check each link
-- against both costs two more look-ups. History outlives what it tells of.

CREATE TABLE free_links (
    drive_id   integer NOT NULL,
    item_no    integer NOT NULL,
    app_no     integer NOT NULL,
    type       text NOT NULL CHECK (type IN ('view', 'edit', 'embed')),
    scope      text NOT NULL CHECK (scope IN ('anonymous', 'organization')),
    link_id    blob NOT NULL,
    key_epoch  integer NOT NULL,
    created_by text,
    created_at text NOT NULL,
    PRIMARY KEY (drive_id, item_no, app_no, type)
) STRICT, WITHOUT ROWID;
INSERT INTO free_links
SELECT drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at FROM links;
DROP TABLE links;
ALTER TABLE free_links RENAME TO links;

CREATE TABLE free_link_events (
    drive_id     integer NOT NULL,
    event_id     blob NOT NULL,
    link_id      blob NOT NULL,
    item_no      integer NOT NULL,
    app_no       integer NOT NULL,
    type         text NOT NULL,
    scope        text NOT NULL,
    action       text NOT NULL CHECK (action IN ('created', 'revoked')),
    actor        text,
    actor_app_no integer,
    at           text NOT NULL,
    PRIMARY KEY (drive_id, event_id)
) STRICT, WITHOUT ROWID;
INSERT INTO free_link_events
SELECT drive_id, event_id, link_id, item_no, app_no, type, scope, action, actor, actor_app_no, at FROM link_events;
DROP TABLE link_events;
ALTER TABLE free_link_events RENAME TO link_events;
