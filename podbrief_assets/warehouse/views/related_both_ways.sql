-- The ten insights nearest to each, whichever of the two came first: a day stores only the edges of its new insights.
-- What was replaced or is gone is linked from, for who still has its address, and never linked to. Of one episode there
-- are two at most, and of what several say one, the first to say it where it is among them.
CREATE VIEW related_both_ways AS
WITH said AS (
    SELECT
        candidates.insight_id,
        candidates.episode_id,
        candidates.superseded_by IS NULL AS is_current,
        coalesce(scores.duplicate_of, candidates.insight_id) AS cluster
    FROM insight_candidates AS candidates
    LEFT JOIN insight_scores AS scores USING (insight_id, date)
),
edges AS (
    SELECT insight_id, related_id, similarity FROM related_insights
    UNION ALL
    SELECT related_id, insight_id, similarity FROM related_insights
),
-- Two insights of one day may each have chosen the other.
pairs AS (
    SELECT insight_id, related_id, max(similarity) AS similarity FROM edges GROUP BY insight_id, related_id
),
one_of_a_cluster AS (
    SELECT pairs.insight_id, pairs.related_id, other.episode_id, pairs.similarity
    FROM pairs
    JOIN said AS own ON own.insight_id = pairs.insight_id
    JOIN said AS other ON other.insight_id = pairs.related_id
    WHERE other.is_current AND other.cluster <> own.cluster
    QUALIFY row_number() OVER (
        PARTITION BY pairs.insight_id, other.cluster
        ORDER BY other.cluster <> pairs.related_id, pairs.similarity DESC, pairs.related_id
    ) = 1
),
two_of_an_episode AS (
    SELECT * FROM one_of_a_cluster
    QUALIFY row_number() OVER (PARTITION BY insight_id, episode_id ORDER BY similarity DESC, related_id) <= 2
)
SELECT
    insight_id,
    related_id,
    row_number() OVER (PARTITION BY insight_id ORDER BY similarity DESC, related_id) AS rank,
    similarity
FROM two_of_an_episode
QUALIFY rank <= 10;

COMMENT ON VIEW related_both_ways IS 'The ten insights nearest to each, older and newer ones.';
COMMENT ON COLUMN related_both_ways.insight_id IS 'The insight.';
COMMENT ON COLUMN related_both_ways.related_id IS 'An insight that is related to it.';
COMMENT ON COLUMN related_both_ways.rank IS '1 is the nearest.';
COMMENT ON COLUMN related_both_ways.similarity IS 'Cosine of their vectors.';
