-- $1 suite. Standing runs of tasks that have the names of its tasks and yet are not on its board: why a cell is empty.
SELECT run_id, model, task_id, task, task_version, config, current, origin FROM site_runs b
WHERE current AND task IN (SELECT task FROM site_suite_tasks WHERE suite = $1)
    AND NOT EXISTS (SELECT 1 FROM site_board x WHERE x.suite = $1 AND x.run_id = b.run_id)
ORDER BY finished_at DESC, run_id DESC
