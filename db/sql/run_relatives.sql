-- $1 run. Runs that come from it or that it comes from: `own` is true where this run is the one that was made of another.
SELECT run_id, of_run, how, verdict, run_id = $1::bigint AS own FROM site_origins
WHERE run_id = $1::bigint OR of_run = $1::bigint ORDER BY run_id
