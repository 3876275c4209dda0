UPDATE items SET change_no = 8 WHERE drive_id = 7 AND item_no = 7;
