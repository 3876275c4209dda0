-- Pages list a folder's folders before its files: these are found without a look at all files.
CREATE INDEX items_folders ON items (drive_id, parent_no, name_key) WHERE kind = 'folder' AND deleted_at IS NULL;
