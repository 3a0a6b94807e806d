-- $1 suite. Standing runs of tasks that have the names of its tasks and yet are not on its board: why a cell is empty. (NOT IN is one
-- hash table; NOT EXISTS is taken for few rows, and is a scan of the board for each run.)
SELECT run_id, model, task_id, task, task_version, config, current, origin FROM site_runs b
WHERE current AND task IN (SELECT task FROM site_suite_tasks WHERE suite = $1)
    AND run_id NOT IN (SELECT x.run_id FROM site_board x
        WHERE x.suite_id = (SELECT max(suite_id) FROM site_suite_tasks WHERE suite = $1))
ORDER BY finished_at DESC, run_id DESC
