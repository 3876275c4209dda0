-- Two more types of links: one that only takes files, and one that shows without giving away. The table is made anew,
-- for a check can't be changed; views name it meanwhile.
PRAGMA legacy_alter_table = ON;
CREATE TABLE more_links (
    drive_id   integer NOT NULL,
    item_no    integer NOT NULL,
    app_no     integer NOT NULL,
    type       text NOT NULL CHECK (type IN ('view', 'edit', 'embed', 'createOnly', 'blocksDownload')),
    scope      text NOT NULL CHECK (scope IN ('anonymous', 'organization')),
    link_id    blob NOT NULL,
    key_epoch  integer NOT NULL,
    created_by text,
    created_at text NOT NULL,
    PRIMARY KEY (drive_id, item_no, app_no, type)
) STRICT, WITHOUT ROWID;
INSERT INTO more_links
SELECT drive_id, item_no, app_no, type, scope, link_id, key_epoch, created_by, created_at FROM links;
DROP TABLE links;
ALTER TABLE more_links RENAME TO links;
PRAGMA legacy_alter_table = OFF;
