-- $1 memory of a worker in MB. Jobs that it could claim now.
SELECT queue_depth($1::integer) AS n
