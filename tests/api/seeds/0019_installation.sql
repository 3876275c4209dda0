INSERT INTO unwritten_revocations (link_id, drive_id, item_no, at) VALUES ({uuid 43}, 7, 3, '2026-01-01T00:00:00+00:00');
