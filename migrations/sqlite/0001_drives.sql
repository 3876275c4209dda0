-- Drives and the items in them.
--
-- Every table's key starts with drive_id, so that a cluster can spread drives over machines. The
-- exceptions are the reference tables: applications, drives and key_epochs.
--
-- PostgreSQL's migrations comment every column. Times are text here: RFC 3339 in UTC, so that they
-- sort as they follow each other. Ids are 16-byte blobs.

-- Applications that have called Everlink, as their tokens name them.
CREATE TABLE applications (
    app_no       INTEGER PRIMARY KEY,
    app_id       text NOT NULL UNIQUE,
    display_name text,
    first_seen_at text NOT NULL
) STRICT;

-- One drive a user, made at the user's first call.
CREATE TABLE drives (
    drive_id   integer PRIMARY KEY,
    tenant     text NOT NULL,
    owner      text NOT NULL,
    owner_name text,
    created_at text NOT NULL,
    UNIQUE (tenant, owner)
) STRICT;

-- A drive's counters; a transaction that changes items locks its drive's row first.
CREATE TABLE counters (
    drive_id    integer PRIMARY KEY REFERENCES drives,
    next_item   integer NOT NULL,
    next_change integer NOT NULL
) STRICT;

-- Files and folders, those in the recycle bin included.
CREATE TABLE items (
    drive_id        integer NOT NULL REFERENCES drives,
    item_no         integer NOT NULL,
    parent_no       integer,
    name            text NOT NULL,
    name_key        text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('file', 'folder')),
    current_version integer,
    size            integer NOT NULL,
    mime_type       text,
    content_key     blob,
    created_at      text NOT NULL,
    created_by      text,
    created_app_no  integer REFERENCES applications,
    modified_at     text NOT NULL,
    modified_by     text,
    modified_app_no integer REFERENCES applications,
    client_created_at  text,
    client_modified_at text,
    change_no       integer NOT NULL,
    deleted_at      text,
    deleted_with    integer,
    PRIMARY KEY (drive_id, item_no),
    FOREIGN KEY (drive_id, parent_no) REFERENCES items,
    CHECK ((kind = 'file') = (current_version IS NOT NULL AND mime_type IS NOT NULL AND content_key IS NOT NULL)),
    CHECK ((deleted_at IS NULL) = (deleted_with IS NULL))
) STRICT;
CREATE UNIQUE INDEX items_live_name ON items (drive_id, parent_no, name_key) WHERE deleted_at IS NULL;
CREATE INDEX items_change ON items (drive_id, change_no);

-- Every content a file has had; the current one too.
CREATE TABLE versions (
    drive_id        integer NOT NULL,
    item_no         integer NOT NULL,
    version_no      integer NOT NULL,
    content_key     blob NOT NULL,
    size            integer NOT NULL,
    mime_type       text NOT NULL,
    quick_xor_hash  text NOT NULL,
    sha1_hash       text NOT NULL,
    sha256_hash     text NOT NULL,
    created_at      text NOT NULL,
    created_by      text,
    created_app_no  integer REFERENCES applications,
    PRIMARY KEY (drive_id, item_no, version_no),
    FOREIGN KEY (drive_id, item_no) REFERENCES items ON DELETE CASCADE
) STRICT;

-- Content that no version names, because its upload is under way or was broken off. Swept when it is a day old.
CREATE TABLE loose_content (
    drive_id    integer NOT NULL REFERENCES drives,
    content_key blob NOT NULL,
    since       text NOT NULL,
    PRIMARY KEY (drive_id, content_key)
) STRICT;
CREATE INDEX loose_content_since ON loose_content (since);
