-- Where else an insight was said: one row for each insight that repeats another.
CREATE VIEW also_heard_on AS
SELECT
    scores.duplicate_of AS insight_id,
    repeats.insight_id AS repeat_id,
    episodes.show_id,
    episodes.show_title,
    episodes.title AS episode_title,
    episodes.link,
    scores.duplicate_similarity AS similarity,
    scores.date
FROM insight_scores AS scores
JOIN insight_candidates AS repeats USING (insight_id, date)
JOIN episodes USING (episode_id, date)
WHERE scores.duplicate_of IS NOT NULL;

COMMENT ON VIEW also_heard_on IS 'Where else an insight was said: one row for each insight that repeats another.';
COMMENT ON COLUMN also_heard_on.insight_id IS 'The insight that said it first.';
COMMENT ON COLUMN also_heard_on.repeat_id IS 'The insight that repeats it.';
COMMENT ON COLUMN also_heard_on.show_id IS 'The show of the repeat.';
COMMENT ON COLUMN also_heard_on.show_title IS 'The title of that show.';
COMMENT ON COLUMN also_heard_on.episode_title IS 'The title of the episode of the repeat.';
COMMENT ON COLUMN also_heard_on.link IS 'That episode''s web page.';
COMMENT ON COLUMN also_heard_on.similarity IS 'Cosine of their vectors.';
COMMENT ON COLUMN also_heard_on.date IS 'The day of the repeat.';
