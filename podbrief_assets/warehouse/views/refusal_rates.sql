-- What the gates refuse: for each day, extractor and model, the share of all proposals that each rule refused.
CREATE VIEW refusal_rates AS
WITH judged AS (
    SELECT date, extractor, model, NULL AS rule FROM insight_candidates
    UNION ALL
    SELECT date, extractor, model, trim(split_part(rule, ':', 1)) AS rule FROM insight_candidates_rejected
),
proposals AS (
    SELECT date, extractor, model, count(*) AS proposed FROM judged GROUP BY ALL
)
SELECT
    judged.date,
    judged.extractor,
    judged.model,
    judged.rule,
    count(*) AS refused,
    any_value(proposals.proposed) AS proposed,
    count(*) / any_value(proposals.proposed) AS rate
FROM judged
JOIN proposals
    ON proposals.date = judged.date
    AND proposals.extractor = judged.extractor
    AND proposals.model IS NOT DISTINCT FROM judged.model
WHERE judged.rule IS NOT NULL
GROUP BY judged.date, judged.extractor, judged.model, judged.rule
ORDER BY judged.date DESC, refused DESC, judged.rule;

COMMENT ON VIEW refusal_rates IS 'What the gates refuse: for each day, extractor and model, the share that each rule refused.';
COMMENT ON COLUMN refusal_rates.date IS 'The day.';
COMMENT ON COLUMN refusal_rates.extractor IS 'llm or extractive.';
COMMENT ON COLUMN refusal_rates.model IS 'The language model; null without one.';
COMMENT ON COLUMN refusal_rates.rule IS 'The first rule that the proposals broke.';
COMMENT ON COLUMN refusal_rates.refused IS 'How many proposals it refused.';
COMMENT ON COLUMN refusal_rates.proposed IS 'How many proposals there were, accepted ones among them.';
COMMENT ON COLUMN refusal_rates.rate IS 'refused / proposed, in [0, 1].';
