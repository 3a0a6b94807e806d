-- No parameters. One row a model of whose samples some are no longer in the database: how many.
SELECT r.model, concat_ws(' ', count(*), count(*) FILTER (WHERE s.dropped)) AS mark
FROM site_samples s JOIN site_runs r USING (run_id) WHERE s.body IS NULL GROUP BY r.model
