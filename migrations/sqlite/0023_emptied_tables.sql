-- What servers keep in memory is proven by drives' next changes. These move, too, where an item is made to be found by
-- another name than it is shown with. (On PostgreSQL also by TRUNCATE, which SQLite does not have.)

DROP TRIGGER items_changed_by_hand;
CREATE TRIGGER items_changed_by_hand AFTER UPDATE ON items
    WHEN OLD.change_no = NEW.change_no
         AND (
               OLD.drive_id, OLD.item_no, OLD.parent_no, OLD.name, OLD.name_key, OLD.kind, OLD.current_version,
               OLD.mime_type, OLD.content_key, OLD.deleted_at, OLD.description, OLD.created_at, OLD.created_by,
               OLD.created_app_no, OLD.modified_at, OLD.modified_by, OLD.modified_app_no,
               OLD.client_created_at, OLD.client_modified_at, OLD.quick_xor_hash, OLD.sha1_hash,
               OLD.sha256_hash,
               OLD.size, OLD.child_count)
             IS NOT
             (
               NEW.drive_id, NEW.item_no, NEW.parent_no, NEW.name, NEW.name_key, NEW.kind, NEW.current_version,
               NEW.mime_type, NEW.content_key, NEW.deleted_at, NEW.description, NEW.created_at, NEW.created_by,
               NEW.created_app_no, NEW.modified_at, NEW.modified_by, NEW.modified_app_no,
               NEW.client_created_at, NEW.client_modified_at, NEW.quick_xor_hash, NEW.sha1_hash,
               NEW.sha256_hash,
               CASE NEW.kind WHEN 'folder' THEN OLD.size ELSE NEW.size END,
               CASE NEW.kind WHEN 'folder' THEN OLD.child_count ELSE NEW.child_count END)
BEGIN
    UPDATE counters SET next_change = next_change + 1 WHERE drive_id = OLD.drive_id;
END;
