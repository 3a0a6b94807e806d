-- No parameters. Every metric of every subset of the runs that are shown; the whole has the subset ''.
SELECT run_id, subset, metric, value, stderr, low, high, n FROM site_results
WHERE run_id IN (SELECT run_id FROM site_runs b WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model))
ORDER BY run_id, subset COLLATE "C", metric COLLATE "C"
