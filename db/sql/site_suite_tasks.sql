-- $1 suite name (NULL: all). Its tasks in order.
SELECT suite_id, suite, position, task_id, task, version, sha256, kind, main, definition, profile, template, shots,
    sample_limit, seed
FROM site_suite_tasks WHERE $1::text IS NULL OR suite = $1 ORDER BY suite, position
