-- No parameters. Workers that are there now: those of yesterday are no news, and a page without them stays the same.
SELECT worker_id, build, started_at, last_seen, stopped_at, alive, job_id FROM site_workers
WHERE alive ORDER BY started_at DESC, worker_id
