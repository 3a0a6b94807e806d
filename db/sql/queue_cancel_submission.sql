-- $1 submission. How many jobs were cancelled or asked to stop.
SELECT cancel_submission($1::bigint) AS n
