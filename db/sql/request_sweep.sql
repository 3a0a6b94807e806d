-- $1 at most so many. How many requests ended because their jobs did.
SELECT sweep_requests($1::integer) AS n
