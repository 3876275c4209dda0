INSERT INTO shared_content (drive_id, content_key, owners) VALUES (7, {uuid 42}, 2);
