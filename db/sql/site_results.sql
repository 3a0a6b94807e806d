-- $1 run (NULL: all). Every metric of every subset; the whole has the subset ''.
SELECT run_id, subset, metric, value, stderr, low, high, n FROM site_results
WHERE $1::bigint IS NULL OR run_id = $1 ORDER BY run_id, subset COLLATE "C", metric COLLATE "C"
