INSERT INTO links (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at)
VALUES (7, 2, 1, 'createOnly', 'anonymous', {uuid 25}, 1, 'alice', '2026-01-01T00:00:00+00:00'),
       (7, 3, 1, 'blocksDownload', 'anonymous', {uuid 26}, 1, 'alice', '2026-01-01T00:00:00+00:00');
