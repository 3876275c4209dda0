-- Uploads that come in ranges, over many requests.

-- Upload sessions that are under way, and those that ended well a few hours ago.
CREATE TABLE uploads (
    drive_id       integer NOT NULL REFERENCES drives,
    upload_id      blob NOT NULL,
    base_no        integer NOT NULL,
    path           text NOT NULL,
    conflict       text NOT NULL CHECK (conflict IN ('fail', 'replace', 'rename')),
    if_match       text,
    total          integer,
    received       integer NOT NULL,
    item_no        integer,
    made_item      integer NOT NULL DEFAULT 0,
    created_by     text,
    created_app_no integer REFERENCES applications,
    link_id        blob,
    link_item_no   integer,
    client_created_at  text,
    client_modified_at text,
    expires_at     text NOT NULL,
    PRIMARY KEY (drive_id, upload_id),
    FOREIGN KEY (drive_id, base_no) REFERENCES items ON DELETE CASCADE
) STRICT;
CREATE INDEX uploads_expiry ON uploads (expires_at);

-- Ranges that upload sessions have received. Their contents are loose until the last has come.
CREATE TABLE upload_ranges (
    drive_id    integer NOT NULL,
    upload_id   blob NOT NULL,
    first_byte  integer NOT NULL,
    size        integer NOT NULL,
    content_key blob NOT NULL,
    PRIMARY KEY (drive_id, upload_id, first_byte),
    FOREIGN KEY (drive_id, upload_id) REFERENCES uploads ON DELETE CASCADE
) STRICT;
