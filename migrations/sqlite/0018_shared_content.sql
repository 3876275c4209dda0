-- A copy names the contents of what it is a copy of. What several items name is counted here, and goes with the last.
-- PostgreSQL's migration says what each column is.
CREATE TABLE shared_content (
    drive_id    integer NOT NULL REFERENCES drives,
    content_key blob NOT NULL,
    owners      integer NOT NULL,
    PRIMARY KEY (drive_id, content_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX shared_content_without_owner ON shared_content (drive_id) WHERE owners <= 0;
