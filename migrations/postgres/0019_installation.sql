-- What the installation is to others: its content store knows it by an id, and a database that was restored from a
-- backup is another incarnation of it.
CREATE TABLE installation (
    one          smallint PRIMARY KEY CHECK (one = 1),
    store_id     uuid NOT NULL,
    is_marked    boolean NOT NULL,
    incarnation  bigint NOT NULL,
    issuer_check text
);
INSERT INTO installation VALUES (1, gen_random_uuid(), false, 0, NULL);
COMMENT ON TABLE installation IS 'The one row tells which installation this is.';
COMMENT ON COLUMN installation.one IS 'Always 1.';
COMMENT ON COLUMN installation.store_id IS 'The id in the marker that its content store has.';
COMMENT ON COLUMN installation.is_marked IS 'Whether the content store has been given its marker.';
COMMENT ON COLUMN installation.incarnation IS 'How often the database was restored from a backup and recovered.';
COMMENT ON COLUMN installation.issuer_check IS 'Tells whether a key file has the secret that signs this installation''s tokens; the secret does not follow from it.';

CREATE TABLE unwritten_revocations (
    drive_id bigint NOT NULL,
    link_id  uuid NOT NULL,
    item_no  bigint NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (drive_id, link_id)
);
COMMENT ON TABLE unwritten_revocations IS 'Revoked links that the journal in the content store does not have yet.';
COMMENT ON COLUMN unwritten_revocations.link_id IS 'The link.';
COMMENT ON COLUMN unwritten_revocations.drive_id IS 'The drive of its item.';
COMMENT ON COLUMN unwritten_revocations.item_no IS 'Its item.';
COMMENT ON COLUMN unwritten_revocations.at IS 'When it was revoked.';
