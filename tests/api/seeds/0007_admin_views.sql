INSERT INTO link_events (drive_id, event_id, link_id, item_no, app_no, type, scope, action, actor, actor_app_no, at)
VALUES (7, {uuid 34}, {uuid 24}, 3, 1, 'embed', 'anonymous', 'created', 'alice', 1, '2026-01-01T00:00:00+00:00');
