-- $1 approve, ban, unban or takedown, $2 org/name or org/*, $3 why, $4 who. What it meant, as jsonb.
SELECT moderate($1, $2, $3, $4) AS answer
