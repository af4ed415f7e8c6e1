-- The feeds that don't answer, the one that has failed for longest first.
CREATE VIEW failing_feeds AS
SELECT
    show_id,
    title,
    feed_url,
    outcome,
    date_diff('day', failing_since, now()) AS days_failing,
    failing_since,
    failures_in_a_row,
    last_success_at,
    next_try_at,
    reason,
    note
FROM feed_health
WHERE outcome IN ('failing', 'retired')
ORDER BY failing_since NULLS LAST, title;

COMMENT ON VIEW failing_feeds IS 'The feeds that do not answer, the one that has failed for longest first.';
COMMENT ON COLUMN failing_feeds.show_id IS 'The show.';
COMMENT ON COLUMN failing_feeds.title IS 'The show''s title.';
COMMENT ON COLUMN failing_feeds.feed_url IS 'What may be shown of the address that it is fetched from.';
COMMENT ON COLUMN failing_feeds.outcome IS 'failing: it is asked again at next_try_at; retired: gone for good (410).';
COMMENT ON COLUMN failing_feeds.days_failing IS 'Midnights since the first of the failures in a row.';
COMMENT ON COLUMN failing_feeds.failing_since IS 'When the first of the failures in a row happened.';
COMMENT ON COLUMN failing_feeds.failures_in_a_row IS 'Scans since the last success that failed.';
COMMENT ON COLUMN failing_feeds.last_success_at IS 'When it was last read, or said that nothing changed.';
COMMENT ON COLUMN failing_feeds.next_try_at IS 'Not asked before then; null for the next scan.';
COMMENT ON COLUMN failing_feeds.reason IS 'Why it does not answer, and what to do about it.';
COMMENT ON COLUMN failing_feeds.note IS 'What an operator should know about the show''s identity or address.';
