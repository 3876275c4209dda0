-- History stands on its own: it outlives what it tells of, and is not checked against it row by row.

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
