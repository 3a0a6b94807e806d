-- $1 suite name (NULL: all). One row a model revision, precision, weight type and task: the main metric.
SELECT suite, model, revision, newest, licence, architecture, params, size_bytes, precision, weight_type, position, task_id,
    task, kind, run_id, metric, value, stderr, low, high, n, dtype, backend, isa, device, seconds, tokens_asked,
    tokens_computed, finished_at
FROM site_board b WHERE ($1::text IS NULL OR suite = $1)
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY suite, model COLLATE "C", revision_id, precision COLLATE "C", weight_type COLLATE "C", position, run_id
