-- What no version names is kept until a time of its own: an upload's for as long as one may take, a session's until the
-- session's end, and what was deleted for good for as long as somebody may still read it.
ALTER TABLE loose_content RENAME COLUMN since TO due_at;
ALTER INDEX loose_content_since RENAME TO loose_content_due;
UPDATE loose_content SET due_at = due_at + interval '1 day';
COMMENT ON TABLE loose_content IS 'Content that no version names: its upload is under way or was broken off, or it was deleted for good.';
COMMENT ON COLUMN loose_content.due_at IS 'When it is taken out of the content store, unless a version names it by then.';
