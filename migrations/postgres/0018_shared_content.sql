-- A copy names the contents of what it is a copy of. What several items name is counted here, and goes with the last.
CREATE TABLE shared_content (
    drive_id    bigint NOT NULL REFERENCES drives,
    content_key uuid NOT NULL,
    owners      bigint NOT NULL,
    PRIMARY KEY (drive_id, content_key)
);
CREATE INDEX shared_content_without_owner ON shared_content (drive_id) WHERE owners <= 0;
COMMENT ON TABLE shared_content IS 'Contents that several items name, as copies do. What only one item names is not here.';
COMMENT ON COLUMN shared_content.drive_id IS 'The drive whose items name it.';
COMMENT ON COLUMN shared_content.content_key IS 'Where the content store keeps it.';
COMMENT ON COLUMN shared_content.owners IS 'How many items have it, as any of their versions. One may be left where there were more.';
