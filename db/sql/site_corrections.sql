-- No parameters. Runs that were withdrawn, and those that may stand in their place: of the same revision and task. Newest first.
WITH gone AS MATERIALIZED (SELECT model, revision, task_id FROM site_runs WHERE superseded_at IS NOT NULL)
SELECT run_id, model, revision, task_id, task, config, purpose, main, value, stderr, low, high, n, backend, dtype, finished_at,
    superseded_at, superseded_why, current
FROM site_runs b
WHERE (superseded_at IS NOT NULL OR (current AND (model, revision, task_id) IN (SELECT model, revision, task_id FROM gone)))
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC
