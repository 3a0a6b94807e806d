-- No parameters. Workers seen in the last day.
SELECT worker_id, build, started_at, last_seen, stopped_at, alive, job_id FROM site_workers
WHERE last_seen > clock_timestamp() - interval '1 day' ORDER BY last_seen DESC, worker_id
