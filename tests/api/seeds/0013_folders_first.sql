UPDATE items SET description = 'With folders.' WHERE drive_id = 7 AND item_no = 2;
