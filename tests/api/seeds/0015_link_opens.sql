INSERT INTO link_opens (drive_id, link_id, day, views, downloads, last_opened_at)
VALUES (7, {uuid 21}, '2026-01-01', 2, 1, '2026-01-01T00:00:00+00:00');
