-- $1 model, $2 task (each NULL: any), $3 true: only those that stand for their configuration. Numbers of runs, oldest first.
SELECT run_id FROM site_runs
WHERE ($1::text IS NULL OR model = $1) AND ($2::text IS NULL OR task = $2) AND ($3::boolean IS NOT TRUE OR current)
ORDER BY run_id
