-- What admins ask: the tables' contents in people's words. PostgreSQL's migration says what each view
-- tells. Paths are looked up row by row, and only where they are asked for.

CREATE VIEW admin_items AS
SELECT d.tenant, d.owner, d.owner_name,
       printf('%016X!%d', i.drive_id, i.item_no) AS item,
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

CREATE VIEW admin_links AS
SELECT d.tenant, d.owner, d.owner_name,
       printf('%016X!%d', l.drive_id, l.item_no) AS item,
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

CREATE VIEW admin_link_events AS
SELECT e.at, e.action, e.actor, b.app_id AS actor_app, d.tenant, d.owner,
       printf('%016X!%d', e.drive_id, e.item_no) AS item,
       (SELECT i.name FROM items i WHERE i.drive_id = e.drive_id AND i.item_no = e.item_no) AS name,
       e.type, e.scope, a.app_id, e.link_id, e.event_id, e.drive_id, e.item_no
FROM link_events e
JOIN drives d ON d.drive_id = e.drive_id
LEFT JOIN applications a ON a.app_no = e.app_no
LEFT JOIN applications b ON b.app_no = e.actor_app_no;

CREATE VIEW admin_applications AS
SELECT a.app_id, a.display_name, a.first_seen_at,
       count(l.link_id) AS links,
       count(l.link_id) FILTER (WHERE l.scope = 'anonymous') AS anonymous_links,
       count(l.link_id) FILTER (WHERE l.type = 'edit') AS edit_links,
       max(l.created_at) AS last_link_at
FROM applications a LEFT JOIN links l ON l.app_no = a.app_no
GROUP BY a.app_no, a.app_id, a.display_name, a.first_seen_at;

CREATE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, printf('%016X', d.drive_id) AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT coalesce(sum(i.size), 0) FROM items i
         WHERE i.drive_id = d.drive_id AND i.deleted_at IS NULL) AS bytes,
       (SELECT coalesce(sum(i.size), 0) FROM items i
         WHERE i.drive_id = d.drive_id AND i.deleted_at IS NOT NULL) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0) FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id
FROM drives d;
