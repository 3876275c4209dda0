UPDATE items SET description = 'Still here.' WHERE drive_id = 7 AND item_no = 2;
