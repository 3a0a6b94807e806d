-- $1 names of models as a JSON list, $2 the highest number of a run without a page of its own. Every metric of every subset of their
-- runs that have pages; the whole has the subset ''.
SELECT run_id, subset, metric, value, stderr, low, high, n FROM site_results
WHERE run_id IN (SELECT run_id FROM site_runs WHERE model = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb))) AND run_id > $2::bigint)
ORDER BY run_id, subset COLLATE "C", metric COLLATE "C"
