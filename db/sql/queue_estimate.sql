-- $1 job id. Seconds that it is likely to take; NULL: nobody knows.
SELECT estimate_job($1::bigint) AS seconds
