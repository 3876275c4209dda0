-- A folder carries how many items it holds, the size of all below it and how long paths below it get, and a drive
-- what its recycle bin holds. They are kept as the tree changes, so that reading them counts nothing.

ALTER TABLE items
    ADD COLUMN child_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN longest_path bigint NOT NULL DEFAULT 0;
ALTER TABLE counters
    ADD COLUMN bytes_in_bin bigint NOT NULL DEFAULT 0,
    ADD COLUMN taken_by bigint;

UPDATE counters SET bytes_in_bin = bin.bytes
FROM (SELECT drive_id, sum(size) AS bytes FROM items WHERE kind = 'file' AND deleted_at IS NOT NULL GROUP BY drive_id) bin
WHERE counters.drive_id = bin.drive_id;

-- What a folder holds is what is live, or went to the recycle bin with it. `held` is what folders hold directly; `above`
-- adds that to the folders above, step by step.
WITH RECURSIVE held AS MATERIALIZED (
    SELECT c.drive_id, c.parent_no AS item_no, count(*) AS children,
           sum(CASE c.kind WHEN 'file' THEN c.size ELSE 0 END) AS bytes, max(length(c.name)) AS longest
    FROM items c JOIN items p ON p.drive_id = c.drive_id AND p.item_no = c.parent_no
    WHERE p.deleted_with IS NOT DISTINCT FROM c.deleted_with AND c.deleted_with IS DISTINCT FROM 0
    GROUP BY c.drive_id, c.parent_no
), above (drive_id, item_no, bytes, longest) AS (
    SELECT drive_id, item_no, bytes, longest FROM held
    UNION ALL
    SELECT p.drive_id, p.item_no, a.bytes, a.longest + 1 + length(i.name)
    FROM above a
    JOIN items i ON i.drive_id = a.drive_id AND i.item_no = a.item_no
    JOIN items p ON p.drive_id = i.drive_id AND p.item_no = i.parent_no
    WHERE p.deleted_with IS NOT DISTINCT FROM i.deleted_with
), sums AS (
    SELECT drive_id, item_no, sum(bytes) AS bytes, max(longest) AS longest FROM above GROUP BY drive_id, item_no
)
UPDATE items SET child_count = coalesce(held.children, 0), size = sums.bytes, longest_path = sums.longest
FROM sums LEFT JOIN held ON held.drive_id = sums.drive_id AND held.item_no = sums.item_no
WHERE items.drive_id = sums.drive_id AND items.item_no = sums.item_no;

COMMENT ON COLUMN items.size IS 'Bytes of the current version; of a folder, those of all files below it.';
COMMENT ON COLUMN items.child_count IS 'How many items are in a folder; 0 for a file. In the recycle bin: how many went there with it.';
COMMENT ON COLUMN items.longest_path IS 'Characters of the longest path from a folder to anything below it, or more; 0 for a file.';
COMMENT ON COLUMN counters.bytes_in_bin IS 'Bytes of current versions of the files in the recycle bin.';
COMMENT ON COLUMN counters.taken_by IS 'Number of a folder that is being deleted or restored in slices: until it is done, nothing else changes the drive''s items.';

-- Finds what went to the recycle bin with a folder.
CREATE INDEX items_deleted_with ON items (drive_id, deleted_with) WHERE deleted_with > 0;

CREATE TABLE subtree_changes (
    drive_id bigint NOT NULL REFERENCES drives,
    item_no  bigint NOT NULL,
    work     text NOT NULL CHECK (work IN ('delete', 'restore', 'purge')),
    actor    text,
    actor_app_no integer REFERENCES applications,
    at       timestamptz NOT NULL,
    worked_at timestamptz,
    PRIMARY KEY (drive_id, item_no)
);
COMMENT ON TABLE subtree_changes IS 'Large folders that are being deleted, restored or deleted for good, slice by slice.';
COMMENT ON COLUMN subtree_changes.drive_id IS 'The folder''s drive.';
COMMENT ON COLUMN subtree_changes.item_no IS 'The folder''s number.';
COMMENT ON COLUMN subtree_changes.work IS 'What is being done: delete (to the recycle bin), restore (from it) or purge (delete for good).';
COMMENT ON COLUMN subtree_changes.actor IS 'The user who does it; null when an application does on its own.';
COMMENT ON COLUMN subtree_changes.actor_app_no IS 'The application it is done with.';
COMMENT ON COLUMN subtree_changes.at IS 'When it began.';
COMMENT ON COLUMN subtree_changes.worked_at IS 'When its last slice was done; null when none was yet. What nobody works at is taken up by the server that sees it first.';

CREATE TABLE readiness (
    probe smallint PRIMARY KEY CHECK (probe = 1),
    at    timestamptz
);
INSERT INTO readiness (probe) VALUES (1);
COMMENT ON TABLE readiness IS 'One row, which servers write to see whether the database can be written.';
COMMENT ON COLUMN readiness.probe IS 'Always 1.';
COMMENT ON COLUMN readiness.at IS 'When a server last asked.';

CREATE OR REPLACE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, lpad(upper(to_hex(d.drive_id)), 16, '0') AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT i.size FROM items i WHERE i.drive_id = d.drive_id AND i.item_no = 1) AS bytes,
       (SELECT c.bytes_in_bin FROM counters c WHERE c.drive_id = d.drive_id) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0)::bigint FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id
FROM drives d;
COMMENT ON COLUMN admin_items.size IS 'Bytes of the current version; of a folder, those of all files below it.';
