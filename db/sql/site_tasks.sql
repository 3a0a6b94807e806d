-- No parameters. One row a task version.
SELECT task_id, task, version, sha256, kind, main, definition, paused, n_models, updated_at
FROM site_tasks ORDER BY task COLLATE "C", task_id
