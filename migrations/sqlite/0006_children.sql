-- Finds what is in a folder, the recycle bin's included, when the folder goes for good.

CREATE INDEX items_parent ON items (drive_id, parent_no);
