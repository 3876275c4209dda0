INSERT INTO sessions (session_hash, tenant, user_id, user_name, started_at, seen_at)
VALUES ({bytes 7e}, 'contoso', 'alice', 'Alice', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00');
INSERT INTO sign_ins (sign_in_hash, details, expires_at) VALUES ({bytes 7f}, '{}', '2026-01-01T00:00:00+00:00');
