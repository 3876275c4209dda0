-- The recycle bin is listed, the last that went into it first: what was deleted itself, without what is below it.
CREATE INDEX items_in_bin ON items (drive_id, deleted_at) WHERE deleted_with = item_no;
