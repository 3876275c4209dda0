-- Who reads the views alone can go up and down the tree by them, too. What was deleted for good is not an
-- item any more: its row only tells that it is gone.

DROP VIEW admin_items;
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
       i.drive_id, i.item_no, i.parent_no
FROM items i JOIN drives d ON d.drive_id = i.drive_id
WHERE i.deleted_with IS DISTINCT FROM 0;
