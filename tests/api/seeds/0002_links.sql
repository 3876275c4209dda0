INSERT INTO links (drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at)
VALUES (7, 3, 1, 'view', 'anonymous', {uuid 21}, 1, 'alice', '2026-01-01T00:00:00+00:00'), (7, 2, 1, 'edit', 'organization', {uuid 22}, 1, NULL, '2026-01-01T00:00:00+00:00');
INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope, action, actor, actor_app_no, at)
VALUES (7, {uuid 31}, {uuid 21}, 3, 1, 'view', 'anonymous', 'created', 'alice', 1, '2026-01-01T00:00:00+00:00'),
       (7, {uuid 32}, {uuid 22}, 2, 1, 'edit', 'organization', 'created', NULL, 1, '2026-01-01T00:00:00+00:00'),
       (7, {uuid 33}, {uuid 23}, 3, 1, 'embed', 'anonymous', 'revoked', 'alice', 1, '2026-01-01T00:00:00+00:00');
