-- $1 job. Its attempts in order, with who made them.
SELECT a.attempt, a.worker_id, w.host, w.pid, w.build, a.started_at, a.ended_at, a.outcome, a.error_class, a.error
FROM attempts a JOIN workers w USING (worker_id) WHERE a.job_id = $1::bigint ORDER BY a.attempt
