-- $1 task version, $2 whether with the scores of documents. The runs that stand for a configuration of it, newest first.
SELECT run_id, model, revision, task_id, task, kind, config, purpose, main, value, stderr, low, high, n, CASE origin WHEN 'measured' THEN n_chunks ELSE 0 END AS n_chunks, backend, dtype, data_sha256,
    finished_at, superseded_at, superseded_why, current, origin, CASE WHEN $2::boolean THEN jsonb_build_object('scores', record -> 'scores') END AS record
FROM site_runs b WHERE task_id = $1::bigint AND current
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC
