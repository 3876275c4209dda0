-- What admins ask: the tables' contents in people's words. `everlink migrate --admin-role` lets a role
-- read these and nothing else. Paths are looked up row by row, and only where they are asked for.

CREATE VIEW admin_items AS
SELECT d.tenant, d.owner, d.owner_name,
       lpad(upper(to_hex(i.drive_id)), 16, '0') || '!' || i.item_no AS item,
       (WITH RECURSIVE up (parent_no, path) AS (
            SELECT i.parent_no, CASE WHEN i.parent_no IS NULL THEN '/' ELSE '/' || i.name END
            UNION ALL
            SELECT p.parent_no, CASE WHEN p.parent_no IS NULL THEN up.path ELSE '/' || p.name || up.path END
            FROM up CROSS JOIN items p WHERE p.drive_id = i.drive_id AND p.item_no = up.parent_no
        ) SELECT path FROM up WHERE parent_no IS NULL) AS path,
       i.name, i.kind, i.size, i.mime_type,
       (SELECT count(*) FROM versions v WHERE v.drive_id = i.drive_id AND v.item_no = i.item_no) AS versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = i.drive_id AND l.item_no = i.item_no) AS links,
       i.created_at, i.created_by, i.modified_at, i.modified_by, i.deleted_at,
       i.drive_id, i.item_no
FROM items i JOIN drives d ON d.drive_id = i.drive_id;
COMMENT ON VIEW admin_items IS 'Files and folders with their owners and paths. deleted_at is null for what is not in the recycle bin.';

CREATE VIEW admin_links AS
SELECT d.tenant, d.owner, d.owner_name,
       lpad(upper(to_hex(l.drive_id)), 16, '0') || '!' || l.item_no AS item,
       (WITH RECURSIVE up (parent_no, path) AS (
            SELECT i.parent_no, '/' || i.name
            UNION ALL
            SELECT p.parent_no, CASE WHEN p.parent_no IS NULL THEN up.path ELSE '/' || p.name || up.path END
            FROM up CROSS JOIN items p WHERE p.drive_id = i.drive_id AND p.item_no = up.parent_no
        ) SELECT path FROM up WHERE parent_no IS NULL) AS path,
       i.name, i.kind, l.type, l.scope, a.app_id, a.display_name AS app_name, l.created_by, l.created_at,
       i.deleted_at IS NULL AS opens, l.key_epoch, l.link_id, l.drive_id, l.item_no
FROM links l
JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
JOIN drives d ON d.drive_id = l.drive_id
JOIN applications a ON a.app_no = l.app_no;
COMMENT ON VIEW admin_links IS 'Live links. opens is false while the item is in the recycle bin.';

CREATE VIEW admin_link_events AS
SELECT e.at, e.action, e.actor, b.app_id AS actor_app, d.tenant, d.owner,
       lpad(upper(to_hex(e.drive_id)), 16, '0') || '!' || e.item_no AS item,
       (SELECT i.name FROM items i WHERE i.drive_id = e.drive_id AND i.item_no = e.item_no) AS name,
       e.type, e.scope, a.app_id, e.link_id, e.event_id, e.drive_id, e.item_no
FROM link_events e
JOIN drives d ON d.drive_id = e.drive_id
LEFT JOIN applications a ON a.app_no = e.app_no
LEFT JOIN applications b ON b.app_no = e.actor_app_no;
COMMENT ON VIEW admin_link_events IS 'Every making and revoking of a link. name is the item''s name now.';

CREATE VIEW admin_applications AS
SELECT a.app_id, a.display_name, a.first_seen_at,
       count(l.link_id) AS links,
       count(l.link_id) FILTER (WHERE l.scope = 'anonymous') AS anonymous_links,
       count(l.link_id) FILTER (WHERE l.type = 'edit') AS edit_links,
       max(l.created_at) AS last_link_at
FROM applications a LEFT JOIN links l ON l.app_no = a.app_no
GROUP BY a.app_no, a.app_id, a.display_name, a.first_seen_at;
COMMENT ON VIEW admin_applications IS 'Applications that have called, and the links they have now.';

CREATE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, lpad(upper(to_hex(d.drive_id)), 16, '0') AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT coalesce(sum(i.size), 0)::bigint FROM items i
         WHERE i.drive_id = d.drive_id AND i.deleted_at IS NULL) AS bytes,
       (SELECT coalesce(sum(i.size), 0)::bigint FROM items i
         WHERE i.drive_id = d.drive_id AND i.deleted_at IS NOT NULL) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0)::bigint FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id
FROM drives d;
COMMENT ON VIEW admin_usage IS 'What each drive holds. Bytes are those of current versions, but in bytes_with_versions.';
