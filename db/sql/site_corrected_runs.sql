-- No parameters. Runs that were withdrawn, and of the same model, revision and task those that stand; newest first.
SELECT run_id, model, revision, task_id, task, config, purpose, main, value, stderr, low, high, n, backend, dtype, finished_at,
    superseded_at, superseded_why, current
FROM (
    SELECT * FROM site_runs WHERE superseded_at IS NOT NULL
    UNION ALL
    SELECT c.* FROM site_runs c JOIN (SELECT DISTINCT revision_id, task_id FROM site_runs WHERE superseded_at IS NOT NULL) s
        USING (revision_id, task_id) WHERE c.superseded_at IS NULL AND c.current
) b WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC
