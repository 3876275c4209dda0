INSERT INTO imports (drive_id, import_no, root, item_no, writes_through, created_at)
VALUES (7, 1, 'file:///srv/papers', 2, FALSE, '2026-01-02T03:04:05+00:00');
INSERT INTO outside_folders (drive_id, import_no, path, item_no, is_binned) VALUES (7, 1, '', 2, FALSE);
