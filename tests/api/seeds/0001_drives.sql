INSERT INTO applications (app_no, app_id, display_name, first_seen_at) VALUES (1, '1234', 'Sample Application', '2026-01-01T00:00:00+00:00');
INSERT INTO drives (drive_id, tenant, owner, owner_name, created_at) VALUES (7, 'contoso', 'alice', 'Alice', '2026-01-01T00:00:00+00:00');
INSERT INTO counters (drive_id, next_item, next_change) VALUES (7, 100, 100);
INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, created_at, modified_at, change_no)
VALUES (7, 1, NULL, 'root', 'root', 'folder', 0, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 1), (7, 2, 1, 'Papers', 'papers', 'folder', 0, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 2);
INSERT INTO items (drive_id, item_no, parent_no, name, name_key, kind, size, current_version, mime_type, content_key,
                   created_at, created_by, created_app_no, modified_at, modified_by, modified_app_no, change_no,
                   deleted_at, deleted_with)
VALUES (7, 3, 2, 'Plan.txt', 'plan.txt', 'file', 12, 2, 'text/plain', {uuid 2}, '2026-01-01T00:00:00+00:00', 'alice', 1, '2026-01-01T00:00:00+00:00', 'alice', 1, 3, NULL, NULL),
       (7, 4, 2, 'Old.txt', 'old.txt', 'file', 30, 1, 'text/plain', {uuid 3}, '2026-01-01T00:00:00+00:00', 'alice', 1, '2026-01-01T00:00:00+00:00', 'alice', 1, 4, '2026-01-01T00:00:00+00:00', 4);
INSERT INTO versions (drive_id, item_no, version_no, content_key, size, mime_type, quick_xor_hash, sha1_hash, sha256_hash,
                      created_at, created_by, created_app_no)
VALUES (7, 3, 1, {uuid 1}, 5, 'text/plain', 'q1', 'A1', 'B1', '2026-01-01T00:00:00+00:00', 'alice', 1),
       (7, 3, 2, {uuid 2}, 12, 'text/plain', 'q2', 'A2', 'B2', '2026-01-01T00:00:00+00:00', 'alice', 1),
       (7, 4, 1, {uuid 3}, 30, 'text/plain', 'q3', 'A3', 'B3', '2026-01-01T00:00:00+00:00', 'alice', 1);
