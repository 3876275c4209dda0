-- What admins ask: the tables' contents in people's words. `everlink migrate --admin-role` lets a role
-- read these and nothing else. Paths are looked up row by row, and only where they are asked for.

CREATE VIEW admin_items AS
SELECT d.tenant, d.owner, d.owner_name,
       lpad(upper(to_hex(i.drive_id)), 16, '0') || '!' || i.item_no AS item,
       (WITH RECURSIVE up (parent_no, path) AS (
            SELECT i.parent_no, CASE WHEN i.parent_no IS NULL THEN '/' ELSE '/' || i.name END
            UNION ALL
            SELECT p.parent_no, CASE WHEN p.parent_no IS NULL THEN up.path ELSE '/' || p.name || up.path END
            FROM up CROSS JOIN items p WHERE p.drive_id = i.drive_id AND p.item_no = up.parent_no
        ) SELECT path FROM up WHERE parent_no IS NULL) AS path,
       i.name, i.kind, i.size, i.mime_type,
       (SELECT count(*) FROM versions v WHERE v.drive_id = i.drive_id AND v.item_no = i.item_no) AS versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = i.drive_id AND l.item_no = i.item_no) AS links,
       i.created_at, i.created_by, i.modified_at, i.modified_by, i.deleted_at,
       i.drive_id, i.item_no
FROM items i JOIN drives d ON d.drive_id = i.drive_id;
COMMENT ON VIEW admin_items IS 'Files and folders with their owners and paths. deleted_at is null for what is not in the recycle bin.';
COMMENT ON COLUMN admin_items.tenant IS 'The organization.';
COMMENT ON COLUMN admin_items.owner IS 'The user whose drive it is.';
COMMENT ON COLUMN admin_items.owner_name IS 'The last name a token gave the owner; null when none did.';
COMMENT ON COLUMN admin_items.item IS 'Id as the API shows it: DRIVE!number.';
COMMENT ON COLUMN admin_items.path IS 'Names from the drive''s root down; folders end in no slash.';
COMMENT ON COLUMN admin_items.name IS 'The item''s name now.';
COMMENT ON COLUMN admin_items.kind IS 'file or folder.';
COMMENT ON COLUMN admin_items.size IS 'Bytes of the current version.';
COMMENT ON COLUMN admin_items.mime_type IS 'Type of the current version; null for a folder.';
COMMENT ON COLUMN admin_items.versions IS 'How many versions there are, the current one included.';
COMMENT ON COLUMN admin_items.links IS 'How many live links the item has itself.';
COMMENT ON COLUMN admin_items.created_at IS 'When it was made.';
COMMENT ON COLUMN admin_items.created_by IS 'The user who made it; null where an application did by itself.';
COMMENT ON COLUMN admin_items.modified_at IS 'When its content, name or folder last changed.';
COMMENT ON COLUMN admin_items.modified_by IS 'The user who changed it.';
COMMENT ON COLUMN admin_items.deleted_at IS 'When it went into the recycle bin; null where it did not.';
COMMENT ON COLUMN admin_items.drive_id IS 'The drive''s number: part of every table''s key.';
COMMENT ON COLUMN admin_items.item_no IS 'The item''s number within its drive.';

CREATE VIEW admin_links AS
SELECT d.tenant, d.owner, d.owner_name,
       lpad(upper(to_hex(l.drive_id)), 16, '0') || '!' || l.item_no AS item,
       (WITH RECURSIVE up (parent_no, path) AS (
            SELECT i.parent_no, '/' || i.name
            UNION ALL
            SELECT p.parent_no, CASE WHEN p.parent_no IS NULL THEN up.path ELSE '/' || p.name || up.path END
            FROM up CROSS JOIN items p WHERE p.drive_id = i.drive_id AND p.item_no = up.parent_no
        ) SELECT path FROM up WHERE parent_no IS NULL) AS path,
       i.name, i.kind, l.type, l.scope, a.app_id, a.display_name AS app_name, l.created_by, l.created_at,
       i.deleted_at IS NULL AS opens, l.key_epoch, l.link_id, l.drive_id, l.item_no
FROM links l
JOIN items i ON i.drive_id = l.drive_id AND i.item_no = l.item_no
JOIN drives d ON d.drive_id = l.drive_id
JOIN applications a ON a.app_no = l.app_no;
COMMENT ON VIEW admin_links IS 'Live links. opens is false while the item is in the recycle bin.';
COMMENT ON COLUMN admin_links.tenant IS 'The organization.';
COMMENT ON COLUMN admin_links.owner IS 'The user whose drive it is.';
COMMENT ON COLUMN admin_links.owner_name IS 'The last name a token gave the owner; null when none did.';
COMMENT ON COLUMN admin_links.item IS 'Id as the API shows it: DRIVE!number.';
COMMENT ON COLUMN admin_links.path IS 'Names from the drive''s root down; folders end in no slash.';
COMMENT ON COLUMN admin_links.name IS 'The item''s name now.';
COMMENT ON COLUMN admin_links.kind IS 'file or folder.';
COMMENT ON COLUMN admin_links.type IS 'view, edit or embed.';
COMMENT ON COLUMN admin_links.scope IS 'anonymous (whoever has the URL) or organization.';
COMMENT ON COLUMN admin_links.app_id IS 'The application that made the link.';
COMMENT ON COLUMN admin_links.app_name IS 'The last name a token gave it; null when none did.';
COMMENT ON COLUMN admin_links.created_by IS 'The user who made it; null where an application did by itself.';
COMMENT ON COLUMN admin_links.created_at IS 'When the link was made.';
COMMENT ON COLUMN admin_links.opens IS 'False while the item is in the recycle bin.';
COMMENT ON COLUMN admin_links.key_epoch IS 'The epoch of the key file that signs the link.';
COMMENT ON COLUMN admin_links.link_id IS 'Names the link; not a secret.';
COMMENT ON COLUMN admin_links.drive_id IS 'The drive''s number: part of every table''s key.';
COMMENT ON COLUMN admin_links.item_no IS 'The item''s number within its drive.';

CREATE VIEW admin_link_events AS
SELECT e.at, e.action, e.actor, b.app_id AS actor_app, d.tenant, d.owner,
       lpad(upper(to_hex(e.drive_id)), 16, '0') || '!' || e.item_no AS item,
       (SELECT i.name FROM items i WHERE i.drive_id = e.drive_id AND i.item_no = e.item_no) AS name,
       e.type, e.scope, a.app_id, e.link_id, e.event_id, e.drive_id, e.item_no
FROM link_events e
JOIN drives d ON d.drive_id = e.drive_id
LEFT JOIN applications a ON a.app_no = e.app_no
LEFT JOIN applications b ON b.app_no = e.actor_app_no;
COMMENT ON VIEW admin_link_events IS 'Every making and revoking of a link. name is the item''s name now.';
COMMENT ON COLUMN admin_link_events.at IS 'When it happened.';
COMMENT ON COLUMN admin_link_events.action IS 'created or revoked.';
COMMENT ON COLUMN admin_link_events.actor IS 'The user, or cli:NAME for a command; null where an application acted by itself.';
COMMENT ON COLUMN admin_link_events.actor_app IS 'The application that acted; null for a command.';
COMMENT ON COLUMN admin_link_events.tenant IS 'The organization.';
COMMENT ON COLUMN admin_link_events.owner IS 'The user whose drive it is.';
COMMENT ON COLUMN admin_link_events.item IS 'Id as the API shows it: DRIVE!number.';
COMMENT ON COLUMN admin_link_events.name IS 'The item''s name now.';
COMMENT ON COLUMN admin_link_events.type IS 'view, edit or embed.';
COMMENT ON COLUMN admin_link_events.scope IS 'anonymous (whoever has the URL) or organization.';
COMMENT ON COLUMN admin_link_events.app_id IS 'The application that made the link.';
COMMENT ON COLUMN admin_link_events.link_id IS 'Names the link; not a secret.';
COMMENT ON COLUMN admin_link_events.event_id IS 'Sorts by time.';
COMMENT ON COLUMN admin_link_events.drive_id IS 'The drive''s number: part of every table''s key.';
COMMENT ON COLUMN admin_link_events.item_no IS 'The item''s number within its drive.';

CREATE VIEW admin_applications AS
SELECT a.app_id, a.display_name, a.first_seen_at,
       count(l.link_id) AS links,
       count(l.link_id) FILTER (WHERE l.scope = 'anonymous') AS anonymous_links,
       count(l.link_id) FILTER (WHERE l.type = 'edit') AS edit_links,
       max(l.created_at) AS last_link_at
FROM applications a LEFT JOIN links l ON l.app_no = a.app_no
GROUP BY a.app_no, a.app_id, a.display_name, a.first_seen_at;
COMMENT ON VIEW admin_applications IS 'Applications that have called, and the links they have now.';
COMMENT ON COLUMN admin_applications.app_id IS 'The application''s id, as tokens name it.';
COMMENT ON COLUMN admin_applications.display_name IS 'The last name a token gave it; null when none did.';
COMMENT ON COLUMN admin_applications.first_seen_at IS 'When it first called.';
COMMENT ON COLUMN admin_applications.links IS 'How many live links it has.';
COMMENT ON COLUMN admin_applications.anonymous_links IS 'Those of them that open to whoever has the URL.';
COMMENT ON COLUMN admin_applications.edit_links IS 'Those of them that let write.';
COMMENT ON COLUMN admin_applications.last_link_at IS 'When its newest live link was made.';

CREATE VIEW admin_usage AS
SELECT d.tenant, d.owner, d.owner_name, lpad(upper(to_hex(d.drive_id)), 16, '0') AS drive, d.created_at,
       (SELECT count(*) FROM items i
         WHERE i.drive_id = d.drive_id AND i.kind = 'file' AND i.deleted_at IS NULL) AS files,
       (SELECT coalesce(sum(i.size), 0)::bigint FROM items i
         WHERE i.drive_id = d.drive_id AND i.deleted_at IS NULL) AS bytes,
       (SELECT coalesce(sum(i.size), 0)::bigint FROM items i
         WHERE i.drive_id = d.drive_id AND i.deleted_at IS NOT NULL) AS bytes_in_bin,
       (SELECT coalesce(sum(v.size), 0)::bigint FROM versions v WHERE v.drive_id = d.drive_id) AS bytes_with_versions,
       (SELECT count(*) FROM links l WHERE l.drive_id = d.drive_id) AS links,
       d.drive_id
FROM drives d;
COMMENT ON VIEW admin_usage IS 'What each drive holds. Bytes are those of current versions, but in bytes_with_versions.';
COMMENT ON COLUMN admin_usage.tenant IS 'The organization.';
COMMENT ON COLUMN admin_usage.owner IS 'The user whose drive it is.';
COMMENT ON COLUMN admin_usage.owner_name IS 'The last name a token gave the owner; null when none did.';
COMMENT ON COLUMN admin_usage.drive IS 'The drive''s id as the API shows it.';
COMMENT ON COLUMN admin_usage.created_at IS 'When the drive was made.';
COMMENT ON COLUMN admin_usage.files IS 'How many live files it holds.';
COMMENT ON COLUMN admin_usage.bytes IS 'Bytes of live files.';
COMMENT ON COLUMN admin_usage.bytes_in_bin IS 'Bytes of files in the recycle bin.';
COMMENT ON COLUMN admin_usage.bytes_with_versions IS 'Bytes of all versions.';
COMMENT ON COLUMN admin_usage.links IS 'How many live links it has.';
COMMENT ON COLUMN admin_usage.drive_id IS 'The drive''s number: part of every table''s key.';
