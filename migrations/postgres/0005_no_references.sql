-- Links and their history stand without references. The one statement that makes links takes them from
-- items that are there, and neither items nor applications are ever deleted; but to check each link
-- against both costs two more look-ups, and writes to the item's page. History outlives what it tells of.

ALTER TABLE links
    DROP CONSTRAINT links_app_no_fkey,
    DROP CONSTRAINT links_drive_id_item_no_fkey;
ALTER TABLE link_events
    DROP CONSTRAINT link_events_drive_id_fkey,
    DROP CONSTRAINT link_events_app_no_fkey,
    DROP CONSTRAINT link_events_actor_app_no_fkey;
