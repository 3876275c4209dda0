-- History stands on its own: it outlives what it tells of, and is not checked against it row by row.

ALTER TABLE link_events
    DROP CONSTRAINT link_events_drive_id_fkey,
    DROP CONSTRAINT link_events_app_no_fkey,
    DROP CONSTRAINT link_events_actor_app_no_fkey;
