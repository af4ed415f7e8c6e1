-- The ten insights nearest to each, whichever of the two came first: a day stores only the edges of its new insights.
CREATE VIEW related_both_ways AS
WITH edges AS (
    SELECT insight_id, related_id, similarity FROM related_insights
    UNION
    SELECT related_id, insight_id, similarity FROM related_insights
)
SELECT
    insight_id,
    related_id,
    row_number() OVER (PARTITION BY insight_id ORDER BY similarity DESC, related_id) AS rank,
    similarity
FROM edges
QUALIFY rank <= 10;

COMMENT ON VIEW related_both_ways IS 'The ten insights nearest to each, older and newer ones.';
COMMENT ON COLUMN related_both_ways.insight_id IS 'The insight.';
COMMENT ON COLUMN related_both_ways.related_id IS 'An insight that is related to it.';
COMMENT ON COLUMN related_both_ways.rank IS '1 is the nearest.';
COMMENT ON COLUMN related_both_ways.similarity IS 'Cosine of their vectors.';
