-- An item carries all of its current version's facts, so that opening a link reads no third table.

ALTER TABLE items ADD COLUMN quick_xor_hash text, ADD COLUMN sha1_hash text, ADD COLUMN sha256_hash text;
UPDATE items SET quick_xor_hash = v.quick_xor_hash, sha1_hash = v.sha1_hash, sha256_hash = v.sha256_hash
FROM versions v
WHERE v.drive_id = items.drive_id AND v.item_no = items.item_no AND v.version_no = items.current_version;
COMMENT ON COLUMN items.quick_xor_hash IS 'As in versions, of the current one; null for a folder.';
COMMENT ON COLUMN items.sha1_hash IS 'As in versions, of the current one; null for a folder.';
COMMENT ON COLUMN items.sha256_hash IS 'As in versions, of the current one; null for a folder.';
