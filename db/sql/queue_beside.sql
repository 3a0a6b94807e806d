-- $1 job id, $2 how many at most. Queued jobs about the same model, run the same way.
SELECT job_id, attempt, task, task_sha256, config FROM jobs_beside($1::bigint, $2::integer)
