-- How often links were opened, a row a link and day. Servers count in memory, and write it down every few seconds.

-- It outlives the link.
CREATE TABLE link_opens (
    drive_id       integer NOT NULL,
    link_id        blob NOT NULL,
    day            text NOT NULL,
    views          integer NOT NULL,
    downloads      integer NOT NULL,
    last_opened_at text NOT NULL,
    PRIMARY KEY (drive_id, link_id, day)
) STRICT, WITHOUT ROWID;

DROP VIEW admin_links;
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
       i.deleted_at IS NULL AS opens, l.key_epoch, l.link_id, l.drive_id, l.item_no,
       (SELECT coalesce(sum(o.views), 0) FROM link_opens o
         WHERE o.drive_id = l.drive_id AND o.link_id = l.link_id) AS views,
       (SELECT coalesce(sum(o.downloads), 0) FROM link_opens o
         WHERE o.drive_id = l.drive_id AND o.link_id = l.link_id) AS downloads,
       (SELECT max(o.last_opened_at) FROM link_opens o
         WHERE o.drive_id = l.drive_id AND o.link_id = l.link_id) AS last_opened_at
FROM links l
JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
JOIN drives d ON d.drive_id = l.drive_id
JOIN applications a ON a.app_no = l.app_no;

DROP VIEW admin_usage;
CREATE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, printf('%016X', d.drive_id) AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT i.size FROM items i WHERE i.drive_id = d.drive_id AND i.item_no = 1) AS bytes,
       (SELECT c.bytes_in_bin FROM counters c WHERE c.drive_id = d.drive_id) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0) FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id,
       (SELECT coalesce(sum(o.views + o.downloads), 0) FROM link_opens o WHERE o.drive_id = d.drive_id) AS link_opens,
       (SELECT max(o.last_opened_at) FROM link_opens o WHERE o.drive_id = d.drive_id) AS last_opened_at
FROM drives d;
