INSERT INTO sign_ins (sign_in_hash, details, expires_at) VALUES ('x', '{}', '2026-01-01T00:00:00+00:00');
