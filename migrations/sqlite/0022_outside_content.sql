-- Contents may be where they were before: in a folder or a bucket of somebody else's, which is read and never written.
-- The key of such a content begins with seven zero bytes and a one: so whoever has a key knows whether to ask here.
-- PostgreSQL's migration says what each column is.

CREATE TABLE imports (
    drive_id       integer NOT NULL REFERENCES drives,
    import_no      integer NOT NULL,
    root           text NOT NULL,
    item_no        integer NOT NULL,
    writes_through integer NOT NULL,
    created_at     text NOT NULL,
    PRIMARY KEY (drive_id, import_no),
    UNIQUE (drive_id, root, item_no)
) STRICT;

-- Named by versions, whose items are in drives: no reference of their own, of millions.
CREATE TABLE outside_content (
    drive_id      integer NOT NULL,
    content_key   blob NOT NULL,
    import_no     integer NOT NULL,
    item_no       integer NOT NULL,
    path          text NOT NULL,
    location      text,
    size          integer NOT NULL,
    modified_ns   integer NOT NULL,
    unit_ns       integer NOT NULL,
    etag          text,
    inode         integer,
    born_ns       integer,
    is_latest     integer NOT NULL,
    is_digested   integer NOT NULL,
    is_binned     integer NOT NULL,
    missing_since text,
    PRIMARY KEY (drive_id, content_key)
) STRICT;
CREATE UNIQUE INDEX outside_content_path ON outside_content (drive_id, import_no, path) WHERE is_latest;
CREATE INDEX outside_content_earlier ON outside_content (drive_id, import_no, path) WHERE NOT is_latest;
CREATE INDEX outside_content_inode ON outside_content (drive_id, import_no, inode) WHERE is_latest;
CREATE INDEX outside_content_to_digest ON outside_content (drive_id, content_key) WHERE NOT is_digested;
CREATE INDEX versions_without_digests ON versions (drive_id, content_key) WHERE quick_xor_hash = '';
CREATE INDEX outside_content_missing ON outside_content (drive_id) WHERE missing_since IS NOT NULL;

CREATE TABLE outside_folders (
    drive_id  integer NOT NULL REFERENCES drives,
    import_no integer NOT NULL,
    path      text NOT NULL,
    item_no   integer NOT NULL,
    inode     integer,
    born_ns   integer,
    is_binned integer NOT NULL,
    PRIMARY KEY (drive_id, import_no, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX outside_folders_item ON outside_folders (drive_id, item_no);
CREATE INDEX outside_folders_inode ON outside_folders (drive_id, import_no, inode);

CREATE VIEW admin_imports AS
SELECT d.tenant, d.owner, n.root, n.created_at, n.writes_through,
       (SELECT count(*) FROM outside_content o
         WHERE o.drive_id = n.drive_id AND o.import_no = n.import_no AND o.is_latest) AS files,
       (SELECT count(*) FROM outside_content o
         WHERE o.drive_id = n.drive_id AND o.import_no = n.import_no AND o.is_latest
           AND o.missing_since IS NOT NULL) AS missing,
       n.drive_id, n.import_no, n.item_no
FROM imports n JOIN drives d ON d.drive_id = n.drive_id;
