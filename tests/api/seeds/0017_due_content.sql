INSERT INTO loose_content (drive_id, content_key, due_at) VALUES (7, {uuid 42}, '2026-01-02T00:00:00+00:00');
