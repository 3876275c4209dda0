-- Uploads that come in ranges, over many requests.

CREATE TABLE uploads (
    drive_id       bigint NOT NULL REFERENCES drives,
    upload_id      uuid NOT NULL,
    base_no        bigint NOT NULL,
    path           text NOT NULL,
    conflict       text NOT NULL CHECK (conflict IN ('fail', 'replace', 'rename')),
    if_match       text,
    total          bigint,
    received       bigint NOT NULL,
    item_no        bigint,
    made_item      boolean NOT NULL DEFAULT false,
    created_by     text,
    created_app_no integer REFERENCES applications,
    link_id        uuid,
    link_item_no   bigint,
    client_created_at  timestamptz,
    client_modified_at timestamptz,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (drive_id, upload_id),
    FOREIGN KEY (drive_id, base_no) REFERENCES items ON DELETE CASCADE
);
CREATE INDEX uploads_expiry ON uploads (expires_at);
COMMENT ON TABLE uploads IS 'Upload sessions that are under way, and those that ended well a few hours ago.';
COMMENT ON COLUMN uploads.drive_id IS 'The drive it is for.';
COMMENT ON COLUMN uploads.upload_id IS 'Random; names the session. Not a secret: the session''s URL is made of it with a secret that is not in the database.';
COMMENT ON COLUMN uploads.base_no IS 'The file to replace, or the folder that the path starts at.';
COMMENT ON COLUMN uploads.path IS 'The path from there; empty for the file itself.';
COMMENT ON COLUMN uploads.conflict IS 'What to do where the name is taken: fail, replace or rename.';
COMMENT ON COLUMN uploads.if_match IS 'The entity tag that the file must have at the end; null where any will do.';
COMMENT ON COLUMN uploads.total IS 'Bytes of the whole file; null until the first range tells.';
COMMENT ON COLUMN uploads.received IS 'Bytes that have come, from the first on.';
COMMENT ON COLUMN uploads.item_no IS 'The file that it became; null while it is under way. Kept for clients that missed the last answer.';
COMMENT ON COLUMN uploads.made_item IS 'Whether it made that file, rather than a version of it.';
COMMENT ON COLUMN uploads.created_by IS 'The user who uploads; null as in items.created_by.';
COMMENT ON COLUMN uploads.created_app_no IS 'The application it is uploaded with; null as in items.created_app_no.';
COMMENT ON COLUMN uploads.link_id IS 'The edit link it comes through; null for who manages the drive.';
COMMENT ON COLUMN uploads.link_item_no IS 'The item that link is on.';
COMMENT ON COLUMN uploads.client_created_at IS 'As in items.';
COMMENT ON COLUMN uploads.client_modified_at IS 'As in items.';
COMMENT ON COLUMN uploads.expires_at IS 'When it is given up; put off with every range.';

CREATE TABLE upload_ranges (
    drive_id    bigint NOT NULL,
    upload_id   uuid NOT NULL,
    first_byte  bigint NOT NULL,
    size        bigint NOT NULL,
    content_key uuid NOT NULL,
    PRIMARY KEY (drive_id, upload_id, first_byte),
    FOREIGN KEY (drive_id, upload_id) REFERENCES uploads ON DELETE CASCADE
);
COMMENT ON TABLE upload_ranges IS 'Ranges that upload sessions have received. Their contents are loose until the last has come.';
COMMENT ON COLUMN upload_ranges.drive_id IS 'The session''s drive.';
COMMENT ON COLUMN upload_ranges.upload_id IS 'The session.';
COMMENT ON COLUMN upload_ranges.first_byte IS 'Where in the file it starts, from 0.';
COMMENT ON COLUMN upload_ranges.size IS 'Bytes.';
COMMENT ON COLUMN upload_ranges.content_key IS 'Where the content store keeps it.';
