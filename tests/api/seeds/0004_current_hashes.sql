INSERT INTO versions (drive_id, item_no, version_no, content_key, size, mime_type, quick_xor_hash, sha1_hash, sha256_hash,
                      created_at)
SELECT drive_id, item_no, 3, {uuid 4}, 20, 'text/plain', 'q4', 'A4', 'B4', created_at
FROM items WHERE drive_id = 7 AND item_no = 3;
UPDATE items SET current_version = 3, size = 20, content_key = {uuid 4}, quick_xor_hash = 'q4', sha1_hash = 'A4',
                 sha256_hash = 'B4'
WHERE drive_id = 7 AND item_no = 3;
