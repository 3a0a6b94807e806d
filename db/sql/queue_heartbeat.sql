-- $1 worker id, $2 job, $3 attempt, $4 lease in seconds, $5 part done. ok, cancel or stale.
SELECT heartbeat($1::uuid, $2::bigint, $3::integer, $4::integer, $5::real) AS answer
