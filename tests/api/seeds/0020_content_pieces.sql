INSERT INTO content_pieces (drive_id, content_key, first_byte, size, piece_key) VALUES (7, {uuid 43}, 0, 5, {uuid 44});
