-- $1 suite name. Every run of a task that has the name of one of the suite's tasks, newest first: what a board says of
-- those that it shows, and of those that it doesn't. Of the record there is what models are compared by.
SELECT run_id, model, revision, task_id, task, task_version, config, data_sha256, finished_at, superseded_at, current, origin,
    CASE WHEN current THEN jsonb_build_object('scores', record -> 'scores') END AS record
FROM site_runs b WHERE task IN (SELECT task FROM site_suite_tasks WHERE suite = $1)
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC
