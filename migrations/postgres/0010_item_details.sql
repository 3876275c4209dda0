-- Items as the service reads them, in the recycle bin or not: with their drives' owners, the names of applications, and
-- how far they are shared.
CREATE VIEW item_details AS
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
       i.child_count
FROM items i
JOIN drives d ON d.drive_id = i.drive_id
LEFT JOIN applications ca ON ca.app_no = i.created_app_no
LEFT JOIN applications ma ON ma.app_no = i.modified_app_no;
COMMENT ON VIEW item_details IS 'Items as the service reads them, in the recycle bin or not.';
COMMENT ON COLUMN item_details.drive_id IS 'The drive the item is in.';
COMMENT ON COLUMN item_details.item_no IS 'Its number.';
COMMENT ON COLUMN item_details.parent_no IS 'Number of the folder it is in; null for the drive''s root.';
COMMENT ON COLUMN item_details.name IS 'Its name.';
COMMENT ON COLUMN item_details.name_key IS 'The name as names are compared.';
COMMENT ON COLUMN item_details.kind IS 'file or folder.';
COMMENT ON COLUMN item_details.change_no IS 'The drive''s change that last touched it.';
COMMENT ON COLUMN item_details.deleted_at IS 'When it went to the recycle bin; null while it is live.';
COMMENT ON COLUMN item_details.deleted IS 'Whether it is in the recycle bin, or gone for good.';
COMMENT ON COLUMN item_details.created_at IS 'When it was made.';
COMMENT ON COLUMN item_details.created_by IS 'The user who made it.';
COMMENT ON COLUMN item_details.created_app_id IS 'The application it was made with.';
COMMENT ON COLUMN item_details.created_app_name IS 'What that application is called.';
COMMENT ON COLUMN item_details.modified_at IS 'When it was last changed.';
COMMENT ON COLUMN item_details.modified_by IS 'The user who last changed it.';
COMMENT ON COLUMN item_details.modified_app_id IS 'The application it was last changed with.';
COMMENT ON COLUMN item_details.modified_app_name IS 'What that application is called.';
COMMENT ON COLUMN item_details.client_created_at IS 'When it was made on its user''s own disk.';
COMMENT ON COLUMN item_details.client_modified_at IS 'When it was last changed on its user''s own disk.';
COMMENT ON COLUMN item_details.current_version IS 'Number of a file''s current version.';
COMMENT ON COLUMN item_details.content_key IS 'Where the current version''s bytes are.';
COMMENT ON COLUMN item_details.size IS 'Bytes of the current version; of a folder, those of all files below it.';
COMMENT ON COLUMN item_details.mime_type IS 'Type of the current version, by the name.';
COMMENT ON COLUMN item_details.quick_xor_hash IS 'Digest of the current version.';
COMMENT ON COLUMN item_details.sha1_hash IS 'Digest of the current version.';
COMMENT ON COLUMN item_details.sha256_hash IS 'Digest of the current version.';
COMMENT ON COLUMN item_details.tenant IS 'The owner''s organization.';
COMMENT ON COLUMN item_details.owner IS 'The drive''s owner.';
COMMENT ON COLUMN item_details.owner_name IS 'What the owner is called.';
COMMENT ON COLUMN item_details.shared IS 'The widest scope of the links on the item itself; null where there are none.';
COMMENT ON COLUMN item_details.child_count IS 'How many items are in a folder; 0 for a file.';
