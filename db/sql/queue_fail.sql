-- $1 worker id, $2 job, $3 attempt, $4 error class, $5 action, $6 message, $7 retry after (s), $8 memory needed (MB).
-- The job's new state, or already, stale, gone.
SELECT fail_job($1::uuid, $2::bigint, $3::integer, $4, $5, $6, $7::double precision, $8::integer) AS answer
