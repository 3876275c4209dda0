-- A folder carries how many items it holds, the size of all below it and how long paths below it get, and a drive
-- what its recycle bin holds. They are kept as the tree changes, so that reading them counts nothing.
-- PostgreSQL's migration says what each column is.

ALTER TABLE items ADD COLUMN child_count integer NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN longest_path integer NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN bytes_in_bin integer NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN taken_by integer;

UPDATE counters SET bytes_in_bin = bin.bytes
FROM (SELECT drive_id, sum(size) AS bytes FROM items WHERE kind = 'file' AND deleted_at IS NOT NULL GROUP BY drive_id) bin
WHERE counters.drive_id = bin.drive_id;

-- What a folder holds is what is live, or went to the recycle bin with it: first what it holds directly, then what that
-- adds to the folders above, step by step.
CREATE TEMP TABLE held (
    drive_id integer NOT NULL,
    item_no  integer NOT NULL,
    children integer NOT NULL,
    bytes    integer NOT NULL,
    longest  integer NOT NULL,
    PRIMARY KEY (drive_id, item_no)
) WITHOUT ROWID;
INSERT INTO held
SELECT c.drive_id, c.parent_no, count(*), sum(CASE c.kind WHEN 'file' THEN c.size ELSE 0 END), max(length(c.name))
FROM items c CROSS JOIN items p
WHERE p.drive_id = c.drive_id AND p.item_no = c.parent_no AND p.deleted_with IS c.deleted_with
  AND c.deleted_with IS NOT 0
GROUP BY c.drive_id, c.parent_no;
CREATE TEMP TABLE sums (
    drive_id integer NOT NULL,
    item_no  integer NOT NULL,
    bytes    integer NOT NULL,
    longest  integer NOT NULL,
    PRIMARY KEY (drive_id, item_no)
) WITHOUT ROWID;
INSERT INTO sums
WITH RECURSIVE above (drive_id, item_no, bytes, longest) AS (
    SELECT drive_id, item_no, bytes, longest FROM held
    UNION ALL
    SELECT p.drive_id, p.item_no, a.bytes, a.longest + 1 + length(i.name)
    FROM above a CROSS JOIN items i CROSS JOIN items p
    WHERE i.drive_id = a.drive_id AND i.item_no = a.item_no
      AND p.drive_id = i.drive_id AND p.item_no = i.parent_no AND p.deleted_with IS i.deleted_with
)
SELECT drive_id, item_no, sum(bytes), max(longest) FROM above GROUP BY drive_id, item_no;
UPDATE items SET
    child_count = coalesce((SELECT h.children FROM held h WHERE h.drive_id = items.drive_id AND h.item_no = items.item_no), 0),
    size = (SELECT s.bytes FROM sums s WHERE s.drive_id = items.drive_id AND s.item_no = items.item_no),
    longest_path = (SELECT s.longest FROM sums s WHERE s.drive_id = items.drive_id AND s.item_no = items.item_no)
WHERE (drive_id, item_no) IN (SELECT drive_id, item_no FROM sums);
DROP TABLE held;
DROP TABLE sums;

-- Finds what went to the recycle bin with a folder.
CREATE INDEX items_deleted_with ON items (drive_id, deleted_with) WHERE deleted_with > 0;

-- Large folders that are being deleted, restored or deleted for good, slice by slice.
CREATE TABLE subtree_changes (
    drive_id integer NOT NULL REFERENCES drives,
    item_no  integer NOT NULL,
    work     text NOT NULL CHECK (work IN ('delete', 'restore', 'purge')),
    actor    text,
    actor_app_no integer REFERENCES applications,
    at       text NOT NULL,
    worked_at text,
    PRIMARY KEY (drive_id, item_no)
) STRICT;

-- One row, which the server writes to see whether the database can be written.
CREATE TABLE readiness (
    probe integer PRIMARY KEY CHECK (probe = 1),
    at    text
) STRICT;
INSERT INTO readiness (probe) VALUES (1);

DROP VIEW admin_usage;
CREATE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, printf('%016X', d.drive_id) AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT i.size FROM items i WHERE i.drive_id = d.drive_id AND i.item_no = 1) AS bytes,
       (SELECT c.bytes_in_bin FROM counters c WHERE c.drive_id = d.drive_id) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0) FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id
FROM drives d;
