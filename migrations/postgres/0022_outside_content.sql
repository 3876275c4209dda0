-- Contents may be where they were before: in a folder or a bucket of somebody else's, which is read and never written.
-- The key of such a content begins with seven zero bytes and a one: so whoever has a key knows whether to ask here.

CREATE TABLE imports (
    drive_id       bigint NOT NULL REFERENCES drives,
    import_no      bigint NOT NULL,
    root           text NOT NULL,
    item_no        bigint NOT NULL,
    writes_through boolean NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (drive_id, import_no),
    UNIQUE (drive_id, root, item_no)
);
COMMENT ON TABLE imports IS 'Folders and buckets whose files are in a drive, and stay where they are.';
COMMENT ON COLUMN imports.drive_id IS 'The drive that they are in.';
COMMENT ON COLUMN imports.import_no IS 'Counted per drive, from 1.';
COMMENT ON COLUMN imports.root IS 'Where they are: file:///folder or s3://bucket/prefix; empty where each file names its own place. May be changed where all have moved.';
COMMENT ON COLUMN imports.item_no IS 'The folder of the drive that shows what is in the root.';
COMMENT ON COLUMN imports.writes_through IS 'Whether what is uploaded there is written to the folder.';
COMMENT ON COLUMN imports.created_at IS 'When it was first imported.';

-- Named by versions, whose items are in drives: no reference of their own, of millions.
CREATE TABLE outside_content (
    drive_id      bigint NOT NULL,
    content_key   uuid NOT NULL,
    import_no     bigint NOT NULL,
    item_no       bigint NOT NULL,
    path          text COLLATE "C" NOT NULL,
    location      text,
    size          bigint NOT NULL,
    modified_ns   bigint NOT NULL,
    unit_ns       bigint NOT NULL,
    etag          text,
    inode         bigint,
    born_ns       bigint,
    is_latest     boolean NOT NULL,
    is_digested   boolean NOT NULL,
    is_binned     boolean NOT NULL,
    missing_since timestamptz,
    PRIMARY KEY (drive_id, content_key)
);
CREATE UNIQUE INDEX outside_content_path ON outside_content (drive_id, import_no, path) WHERE is_latest;
CREATE INDEX outside_content_earlier ON outside_content (drive_id, import_no, path) WHERE NOT is_latest;
CREATE INDEX outside_content_inode ON outside_content (drive_id, import_no, inode) WHERE is_latest;
CREATE INDEX outside_content_to_digest ON outside_content (drive_id, content_key) WHERE NOT is_digested;
CREATE INDEX versions_without_digests ON versions (drive_id, content_key) WHERE quick_xor_hash = '';
CREATE INDEX outside_content_missing ON outside_content (drive_id) WHERE missing_since IS NOT NULL;
COMMENT ON TABLE outside_content IS 'Contents that are outside of the content store, and how each is recognised: what looks otherwise is another version. A key begins with seven zero bytes and a one.';
COMMENT ON COLUMN outside_content.drive_id IS 'The drive that has it.';
COMMENT ON COLUMN outside_content.content_key IS 'The key that versions name.';
COMMENT ON COLUMN outside_content.import_no IS 'The import that it came by.';
COMMENT ON COLUMN outside_content.item_no IS 'The item that it was made for.';
COMMENT ON COLUMN outside_content.path IS 'Where it is below the import''s root; what is no UTF-8, and %, are % and two hexadecimal digits.';
COMMENT ON COLUMN outside_content.location IS 'Where it is otherwise: file:///… or s3://…, spelled the same way.';
COMMENT ON COLUMN outside_content.size IS 'Bytes.';
COMMENT ON COLUMN outside_content.modified_ns IS 'When the file was last modified: nanoseconds since 1970.';
COMMENT ON COLUMN outside_content.unit_ns IS 'How precisely that is known: 1, or 1000000000 where whole seconds were told.';
COMMENT ON COLUMN outside_content.etag IS 'The object''s ETag, in a bucket.';
COMMENT ON COLUMN outside_content.inode IS 'The file''s number in its file system.';
COMMENT ON COLUMN outside_content.born_ns IS 'When the file was made, where its file system tells.';
COMMENT ON COLUMN outside_content.is_latest IS 'Whether it is what was seen last at this path.';
COMMENT ON COLUMN outside_content.is_digested IS 'Whether its digests are known. Until then the version''s are empty.';
COMMENT ON COLUMN outside_content.is_binned IS 'Whether an import put the item into the recycle bin as its file was gone: it comes back with the file.';
COMMENT ON COLUMN outside_content.missing_since IS 'When it was first found not to be there; null while it is there.';

CREATE TABLE outside_folders (
    drive_id  bigint NOT NULL REFERENCES drives,
    import_no bigint NOT NULL,
    path      text COLLATE "C" NOT NULL,
    item_no   bigint NOT NULL,
    inode     bigint,
    born_ns   bigint,
    is_binned boolean NOT NULL,
    PRIMARY KEY (drive_id, import_no, path)
);
CREATE INDEX outside_folders_item ON outside_folders (drive_id, item_no);
CREATE INDEX outside_folders_inode ON outside_folders (drive_id, import_no, inode);
COMMENT ON TABLE outside_folders IS 'Which folders of a drive show which folders of an import.';
COMMENT ON COLUMN outside_folders.drive_id IS 'The drive.';
COMMENT ON COLUMN outside_folders.import_no IS 'The import.';
COMMENT ON COLUMN outside_folders.path IS 'The folder below the import''s root, spelled as a content''s path; empty for the root itself.';
COMMENT ON COLUMN outside_folders.item_no IS 'The folder of the drive.';
COMMENT ON COLUMN outside_folders.inode IS 'The folder''s number in its file system.';
COMMENT ON COLUMN outside_folders.born_ns IS 'When it was made, where its file system tells.';
COMMENT ON COLUMN outside_folders.is_binned IS 'As of contents.';

COMMENT ON COLUMN versions.sha256_hash IS 'SHA-256 of the content, upper-case hexadecimal; empty while it is not known, as of what is outside of the content store.';

CREATE VIEW admin_imports AS
SELECT d.tenant, d.owner, n.root, n.created_at, n.writes_through,
       (SELECT count(*) FROM outside_content o
         WHERE o.drive_id = n.drive_id AND o.import_no = n.import_no AND o.is_latest) AS files,
       (SELECT count(*) FROM outside_content o
         WHERE o.drive_id = n.drive_id AND o.import_no = n.import_no AND o.is_latest
           AND o.missing_since IS NOT NULL) AS missing,
       n.drive_id, n.import_no, n.item_no
FROM imports n JOIN drives d ON d.drive_id = n.drive_id;
COMMENT ON VIEW admin_imports IS 'What was imported in place, by whom it is owned, and how much of it is not there any more.';
COMMENT ON COLUMN admin_imports.tenant IS 'The drive''s tenant.';
COMMENT ON COLUMN admin_imports.owner IS 'Whose drive it is.';
COMMENT ON COLUMN admin_imports.root IS 'Where the files are; empty where each names its own place.';
COMMENT ON COLUMN admin_imports.created_at IS 'When it was first imported.';
COMMENT ON COLUMN admin_imports.writes_through IS 'Whether what is uploaded there is written to the folder.';
COMMENT ON COLUMN admin_imports.files IS 'How many files of it are known.';
COMMENT ON COLUMN admin_imports.missing IS 'How many of them were not there when they were last looked for.';
COMMENT ON COLUMN admin_imports.drive_id IS 'The drive.';
COMMENT ON COLUMN admin_imports.import_no IS 'The import''s number in the drive.';
COMMENT ON COLUMN admin_imports.item_no IS 'The folder of the drive that shows it.';
