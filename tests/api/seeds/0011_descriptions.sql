UPDATE items SET description = 'Of last year.' WHERE drive_id = 7 AND item_no = 3;
