INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at, change_no, deleted_at,
                   deleted_with)
VALUES (7, 6, 2, 'Gone', 'gone', 'folder', 0, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 6, '2026-01-01T00:00:00+00:00', 0);
