-- $1 memory of a worker in MB. Jobs that it could claim now.
SELECT coalesce(sum(jobs), 0)::bigint AS n FROM queue_depth WHERE needs_mb <= $1::integer
