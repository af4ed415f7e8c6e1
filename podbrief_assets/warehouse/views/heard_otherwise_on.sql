-- Where the contrary of an insight was said, whichever of the two came first: a day stores only what its new insights
-- contradict. Repeats stand for the insight that they repeat.
CREATE VIEW heard_otherwise_on AS
WITH links AS (
    SELECT insight_id, unnest(contrary_to) AS contrary_id FROM insight_scores
),
canonical AS (
    SELECT DISTINCT
        coalesce(one.duplicate_of, links.insight_id) AS insight_id,
        coalesce(other.duplicate_of, links.contrary_id) AS contrary_id
    FROM links
    JOIN insight_scores AS one USING (insight_id)
    JOIN insight_scores AS other ON other.insight_id = links.contrary_id
),
both_ways AS (
    SELECT insight_id, contrary_id FROM canonical
    UNION
    SELECT contrary_id, insight_id FROM canonical
)
SELECT
    both_ways.insight_id,
    both_ways.contrary_id,
    contraries.text,
    episodes.show_id,
    episodes.show_title,
    episodes.title AS episode_title,
    episodes.link,
    contraries.date
FROM both_ways
JOIN insight_candidates AS contraries ON contraries.insight_id = both_ways.contrary_id
JOIN episodes USING (episode_id, date)
WHERE contraries.superseded_by IS NULL AND both_ways.insight_id <> both_ways.contrary_id;

COMMENT ON VIEW heard_otherwise_on IS 'Where the contrary of an insight was said: one row for each insight and contrary, in both directions.';
COMMENT ON COLUMN heard_otherwise_on.insight_id IS 'The insight.';
COMMENT ON COLUMN heard_otherwise_on.contrary_id IS 'An insight that claims the contrary.';
COMMENT ON COLUMN heard_otherwise_on.text IS 'What that one claims.';
COMMENT ON COLUMN heard_otherwise_on.show_id IS 'The show of the contrary.';
COMMENT ON COLUMN heard_otherwise_on.show_title IS 'The title of that show.';
COMMENT ON COLUMN heard_otherwise_on.episode_title IS 'The title of the episode of the contrary.';
COMMENT ON COLUMN heard_otherwise_on.link IS 'That episode''s web page.';
COMMENT ON COLUMN heard_otherwise_on.date IS 'The day of the contrary.';
