-- $1 run. Its numbers, overall ('') and by subset.
SELECT subset, metric, value, stderr, low, high, n FROM site_results WHERE run_id = $1::bigint ORDER BY subset, metric
