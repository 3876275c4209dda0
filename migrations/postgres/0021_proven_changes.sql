-- A drive's next change moves with everything that an answer kept in memory shows or depends on, so that one comparison
-- proves the answer. The service moves it with each change of items, and with each link that it ends; these triggers
-- hold it for statements that are typed by hand, too, and for owners' names.

COMMENT ON COLUMN counters.next_change IS
    'Number that the drive''s next change gets. Moves with items, the ends of links and the owner''s name: what servers keep in memory is proven by it.';

CREATE FUNCTION move_next_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counters SET next_change = next_change + 1 WHERE drive_id IN (SELECT DISTINCT drive_id FROM changed);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION move_next_change() IS 'Moves the next change of the drives of the rows that a statement changed.';

CREATE TRIGGER links_ended AFTER DELETE ON links
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_next_change();
CREATE TRIGGER links_changed AFTER UPDATE ON links
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_next_change();
CREATE TRIGGER drives_changed AFTER UPDATE ON drives
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_next_change();
CREATE TRIGGER items_gone AFTER DELETE ON items
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_next_change();

-- The service's own changes of an item give it a number that was taken for them, and sums of folders are told by those.
CREATE FUNCTION move_next_change_of_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counters SET next_change = next_change + 1 WHERE drive_id = OLD.drive_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION move_next_change_of_item() IS 'Moves the next change of the drive of an item that was changed by hand.';

CREATE TRIGGER items_changed_by_hand AFTER UPDATE ON items
    FOR EACH ROW
    WHEN (OLD.change_no = NEW.change_no
          AND (OLD.drive_id, OLD.item_no, OLD.parent_no, OLD.name, OLD.kind, OLD.current_version, OLD.mime_type,
               OLD.content_key, OLD.deleted_at, OLD.description, OLD.created_at, OLD.created_by, OLD.created_app_no,
               OLD.modified_at, OLD.modified_by, OLD.modified_app_no, OLD.client_created_at, OLD.client_modified_at,
               OLD.quick_xor_hash, OLD.sha1_hash, OLD.sha256_hash, OLD.size, OLD.child_count)
              IS DISTINCT FROM
              (NEW.drive_id, NEW.item_no, NEW.parent_no, NEW.name, NEW.kind, NEW.current_version, NEW.mime_type,
               NEW.content_key, NEW.deleted_at, NEW.description, NEW.created_at, NEW.created_by, NEW.created_app_no,
               NEW.modified_at, NEW.modified_by, NEW.modified_app_no, NEW.client_created_at, NEW.client_modified_at,
               NEW.quick_xor_hash, NEW.sha1_hash, NEW.sha256_hash,
               CASE NEW.kind WHEN 'folder' THEN OLD.size ELSE NEW.size END,
               CASE NEW.kind WHEN 'folder' THEN OLD.child_count ELSE NEW.child_count END))
    EXECUTE FUNCTION move_next_change_of_item();
