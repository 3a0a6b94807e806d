-- No parameters. Runs of whose samples some are no longer in the database: one row a model, and one a task version.
SELECT r.model, r.task_id, concat_ws(' ', count(*), count(*) FILTER (WHERE s.dropped), sum(hashint8extended(run_id, 0)::numeric)) AS mark
FROM site_samples s JOIN site_runs r USING (run_id) WHERE s.body IS NULL GROUP BY GROUPING SETS ((r.model), (r.task_id))
