-- What no version names is kept until a time of its own: an upload's for as long as one may take, a session's until the
-- session's end, and what was deleted for good for as long as somebody may still read it.
ALTER TABLE loose_content RENAME COLUMN since TO due_at;
DROP INDEX loose_content_since;
CREATE INDEX loose_content_due ON loose_content (due_at);
UPDATE loose_content SET due_at = strftime('%Y-%m-%dT%H:%M:%f000+00:00', due_at, '+1 day');
