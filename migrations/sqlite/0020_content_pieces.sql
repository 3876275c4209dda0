-- A content may be a list of pieces, as an upload session received them. The key of a list begins with eight zero
-- bytes: so whoever has a key knows whether to ask here, and what is no list is read without a question.
-- PostgreSQL's migration says what each column is.
CREATE TABLE content_pieces (
    drive_id    integer NOT NULL REFERENCES drives,
    content_key blob NOT NULL,
    first_byte  integer NOT NULL,
    size        integer NOT NULL,
    piece_key   blob NOT NULL,
    PRIMARY KEY (drive_id, content_key, first_byte)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_pieces_by_piece ON content_pieces (drive_id, piece_key);

ALTER TABLE uploads ADD COLUMN digests blob;
ALTER TABLE uploads ADD COLUMN ranges integer NOT NULL DEFAULT 0;
