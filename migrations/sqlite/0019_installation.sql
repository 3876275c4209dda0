-- What the installation is to others: its content store knows it by an id, and a database that was restored from a
-- backup is another incarnation of it. PostgreSQL's migration says what each column is.
CREATE TABLE installation (
    one          integer PRIMARY KEY CHECK (one = 1),
    store_id     blob NOT NULL,
    is_marked    integer NOT NULL,
    incarnation  integer NOT NULL,
    issuer_check text
) STRICT;
INSERT INTO installation VALUES (1, randomblob(16), 0, 0, NULL);

CREATE TABLE unwritten_revocations (
    drive_id integer NOT NULL,
    link_id  blob NOT NULL,
    item_no  integer NOT NULL,
    at       text NOT NULL,
    PRIMARY KEY (drive_id, link_id)
) STRICT, WITHOUT ROWID;
