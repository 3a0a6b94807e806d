-- $1 how many. The runs that were finished last, of those that stand.
SELECT run_id, model, revision, task_id, task, purpose, main, value, stderr, low, high, n, backend, dtype, finished_at,
    superseded_at, superseded_why, current, origin
FROM site_runs b WHERE current AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC LIMIT $1::bigint
