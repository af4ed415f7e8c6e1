-- What language models cost: one row for each episode and what was asked about it.
CREATE VIEW llm_costs AS
WITH costs AS (
    SELECT date, episode_id, 'insights' AS purpose, model, len(asked) AS questions, tokens_in, tokens_out, cost_usd
    FROM insight_extractions
    WHERE asked IS NOT NULL
    UNION ALL
    SELECT
        date,
        episode_id,
        'advertising',
        NULL,
        count(*),
        sum(tokens_in),
        sum(tokens_out),
        CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) END
    FROM sponsor_spans
    WHERE borders IS NOT NULL
    GROUP BY date, episode_id
)
SELECT
    costs.date,
    episodes.show_id,
    episodes.show_title,
    costs.episode_id,
    episodes.title AS episode_title,
    costs.purpose,
    costs.model,
    costs.questions,
    costs.tokens_in::BIGINT AS tokens_in,
    costs.tokens_out::BIGINT AS tokens_out,
    costs.cost_usd
FROM costs
JOIN episodes USING (episode_id, date);

COMMENT ON VIEW llm_costs IS 'What language models cost: one row for each episode and what was asked about it.';
COMMENT ON COLUMN llm_costs.date IS 'The episode''s day. The answers may have been paid for later, or in an earlier run.';
COMMENT ON COLUMN llm_costs.show_id IS 'The episode''s show.';
COMMENT ON COLUMN llm_costs.show_title IS 'That show''s title.';
COMMENT ON COLUMN llm_costs.episode_id IS 'The episode.';
COMMENT ON COLUMN llm_costs.episode_title IS 'Its title.';
COMMENT ON COLUMN llm_costs.purpose IS 'insights: about its passages, the judge included; advertising: where it begins and ends.';
COMMENT ON COLUMN llm_costs.model IS 'The model that proposes insights; null for advertising.';
COMMENT ON COLUMN llm_costs.questions IS 'Questions asked, each counted once however often it was put.';
COMMENT ON COLUMN llm_costs.tokens_in IS 'Prompt tokens.';
COMMENT ON COLUMN llm_costs.tokens_out IS 'Completion tokens.';
COMMENT ON COLUMN llm_costs.cost_usd IS 'What they cost in US dollars; null where a price is not known.';
