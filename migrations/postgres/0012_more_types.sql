-- Two more types of links: one that only takes files, and one that shows without giving away.
ALTER TABLE links DROP CONSTRAINT links_type_check;
ALTER TABLE links ADD CONSTRAINT links_type_check
    CHECK (type IN ('view', 'edit', 'embed', 'createOnly', 'blocksDownload'));
COMMENT ON COLUMN links.type IS
    'view (read), edit (read, add and replace), embed (read, inside other sites'' pages), createOnly (add files to a folder and see nothing) or blocksDownload (look at it in the page, without download).';
