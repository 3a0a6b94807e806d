-- $1 worker id, $2 job, $3 attempt, $4 the last lines that its process said. False: not this worker's.
SELECT put_log($1::uuid, $2::bigint, $3::integer, $4) AS kept
