-- $1 suite name. Every run of a task that has the name of one of the suite's tasks, newest first: what a board says of
-- those that it shows, and of those that it doesn't.
SELECT run_id, model, revision, task_id, task, task_version, config, data_sha256, finished_at, superseded_at, current
FROM site_runs WHERE task IN (SELECT task FROM site_suite_tasks WHERE suite = $1)
ORDER BY finished_at DESC, run_id DESC
