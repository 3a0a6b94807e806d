-- $1 numbers of jobs (jsonb). How many of them are not over.
SELECT night_left($1::jsonb) AS n
