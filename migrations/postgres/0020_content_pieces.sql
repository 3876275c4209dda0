-- A content may be a list of pieces, as an upload session received them. The key of a list begins with eight zero
-- bytes: so whoever has a key knows whether to ask here, and what is no list is read without a question.
CREATE TABLE content_pieces (
    drive_id    bigint NOT NULL REFERENCES drives,
    content_key uuid NOT NULL,
    first_byte  bigint NOT NULL,
    size        bigint NOT NULL,
    piece_key   uuid NOT NULL,
    PRIMARY KEY (drive_id, content_key, first_byte)
);
CREATE INDEX content_pieces_by_piece ON content_pieces (drive_id, piece_key);
COMMENT ON TABLE content_pieces IS 'Contents that are lists of pieces. A list''s key begins with eight zero bytes; the content store has its pieces, and nothing under its own key.';
COMMENT ON COLUMN content_pieces.drive_id IS 'The drive that has it.';
COMMENT ON COLUMN content_pieces.content_key IS 'The list''s key, which versions name.';
COMMENT ON COLUMN content_pieces.first_byte IS 'Where in the content the piece starts, from 0.';
COMMENT ON COLUMN content_pieces.size IS 'Bytes.';
COMMENT ON COLUMN content_pieces.piece_key IS 'Where the content store keeps it.';

ALTER TABLE uploads ADD COLUMN digests bytea, ADD COLUMN ranges integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN uploads.digests IS 'The digests of what has come, as they stand: they go on with the next range. Null before the first, and where an older version received it.';
COMMENT ON COLUMN uploads.ranges IS 'How many ranges it has received. 0 also where an older version received them.';
