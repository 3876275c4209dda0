INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at, change_no)
VALUES (7, 5, 2, 'Drafts', 'drafts', 'folder', 0, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 5);
