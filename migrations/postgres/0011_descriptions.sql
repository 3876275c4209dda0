-- What people say of an item in their own words. A session keeps it until the file is there.
ALTER TABLE items ADD COLUMN description text;
ALTER TABLE uploads ADD COLUMN description text;

COMMENT ON COLUMN items.description IS 'What people say of it; null where nobody does.';
COMMENT ON COLUMN uploads.description IS 'The description that the file gets.';

CREATE OR REPLACE VIEW item_details AS
SELECT i.drive_id,
       i.item_no,
       i.parent_no,
       i.name,
       i.name_key,
       i.kind,
       i.change_no,
       i.deleted_at,
       i.deleted_at IS NOT NULL AS deleted,
       i.created_at,
       i.created_by,
       ca.app_id AS created_app_id,
       ca.display_name AS created_app_name,
       i.modified_at,
       i.modified_by,
       ma.app_id AS modified_app_id,
       ma.display_name AS modified_app_name,
       i.client_created_at,
       i.client_modified_at,
       i.current_version,
       i.content_key,
       i.size,
       i.mime_type,
       i.quick_xor_hash,
       i.sha1_hash,
       i.sha256_hash,
       d.tenant,
       d.owner,
       d.owner_name,
       (SELECT min(s.scope) FROM links s WHERE s.drive_id = i.drive_id AND s.item_no = i.item_no) AS shared,
       i.child_count,
       i.description
FROM items i
JOIN drives d ON d.drive_id = i.drive_id
LEFT JOIN applications ca ON ca.app_no = i.created_app_no
LEFT JOIN applications ma ON ma.app_no = i.modified_app_no;
COMMENT ON COLUMN item_details.description IS 'What people say of it; null where nobody does.';
