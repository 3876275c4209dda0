-- How often links were opened, a row a link and day. Servers count in memory, and write it down every few seconds.

CREATE TABLE link_opens (
    drive_id       bigint NOT NULL,
    link_id        uuid NOT NULL,
    day            date NOT NULL,
    views          bigint NOT NULL,
    downloads      bigint NOT NULL,
    last_opened_at timestamptz NOT NULL,
    PRIMARY KEY (drive_id, link_id, day)
);
COMMENT ON TABLE link_opens IS 'How often a link was opened on a day, as far as servers have written it down: one that is killed loses some seconds of it. It outlives the link.';
COMMENT ON COLUMN link_opens.drive_id IS 'The link''s drive.';
COMMENT ON COLUMN link_opens.link_id IS 'The link.';
COMMENT ON COLUMN link_opens.day IS 'The day, in UTC.';
COMMENT ON COLUMN link_opens.views IS 'How often its page was opened, by others than the owner.';
COMMENT ON COLUMN link_opens.downloads IS 'How often something was downloaded by it, by others than the owner.';
COMMENT ON COLUMN link_opens.last_opened_at IS 'When that was for the last time.';

CREATE OR REPLACE VIEW admin_links AS
SELECT d.tenant, d.owner, d.owner_name,
       lpad(upper(to_hex(l.drive_id)), 16, '0') || '!' || l.item_no AS item,
       (WITH RECURSIVE up (parent_no, path) AS (
            SELECT i.parent_no, '/' || i.name
            UNION ALL
            SELECT p.parent_no, CASE WHEN p.parent_no IS NULL THEN up.path ELSE '/' || p.name || up.path END
            FROM up CROSS JOIN items p WHERE p.drive_id = i.drive_id AND p.item_no = up.parent_no
        ) SELECT path FROM up WHERE parent_no IS NULL) AS path,
       i.name, i.kind, l.type, l.scope, a.app_id, a.display_name AS app_name, l.created_by, l.created_at,
       i.deleted_at IS NULL AS opens, l.key_epoch, l.link_id, l.drive_id, l.item_no,
       (SELECT coalesce(sum(o.views), 0)::bigint FROM link_opens o
         WHERE o.drive_id = l.drive_id AND o.link_id = l.link_id) AS views,
       (SELECT coalesce(sum(o.downloads), 0)::bigint FROM link_opens o
         WHERE o.drive_id = l.drive_id AND o.link_id = l.link_id) AS downloads,
       (SELECT max(o.last_opened_at) FROM link_opens o
         WHERE o.drive_id = l.drive_id AND o.link_id = l.link_id) AS last_opened_at
FROM links l
JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
JOIN drives d ON d.drive_id = l.drive_id
JOIN applications a ON a.app_no = l.app_no;
COMMENT ON COLUMN admin_links.type IS 'view, edit, embed, createOnly or blocksDownload.';
COMMENT ON COLUMN admin_links.views IS 'How often its page was opened, by others than the owner.';
COMMENT ON COLUMN admin_links.downloads IS 'How often something was downloaded by it, by others than the owner.';
COMMENT ON COLUMN admin_links.last_opened_at IS 'When that was for the last time; null where it never was.';

CREATE OR REPLACE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, lpad(upper(to_hex(d.drive_id)), 16, '0') AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT i.size FROM items i WHERE i.drive_id = d.drive_id AND i.item_no = 1) AS bytes,
       (SELECT c.bytes_in_bin FROM counters c WHERE c.drive_id = d.drive_id) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0)::bigint FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id,
       (SELECT coalesce(sum(o.views + o.downloads), 0)::bigint FROM link_opens o WHERE o.drive_id = d.drive_id) AS link_opens,
       (SELECT max(o.last_opened_at) FROM link_opens o WHERE o.drive_id = d.drive_id) AS last_opened_at
FROM drives d;
COMMENT ON COLUMN admin_usage.link_opens IS 'How often links of the drive were opened or downloaded by, those that were revoked included.';
COMMENT ON COLUMN admin_usage.last_opened_at IS 'When that was for the last time; null where it never was.';
