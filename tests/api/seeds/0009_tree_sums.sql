UPDATE readiness SET at = '2026-01-01T00:00:00+00:00';
INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at, change_no)
VALUES (7, 7, 5, 'Notes', 'notes', 'folder', 0, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 7);
UPDATE items SET child_count = 1, longest_path = 5 WHERE drive_id = 7 AND item_no = 5;
