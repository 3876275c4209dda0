INSERT INTO loose_content (drive_id, content_key, since) VALUES (7, {uuid 41}, '2026-01-01T00:00:00+00:00');
INSERT INTO uploads (drive_id, upload_id, base_no, path, conflict, total, received, created_by, created_app_no, expires_at)
VALUES (7, {uuid 51}, 2, 'Large.bin', 'replace', 100, 10, 'alice', 1, '2099-01-01T00:00:00+00:00');
INSERT INTO upload_ranges (drive_id, upload_id, first_byte, size, content_key) VALUES (7, {uuid 51}, 0, 10, {uuid 41});
