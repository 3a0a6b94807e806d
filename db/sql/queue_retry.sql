-- $1 job, $2 purpose (NULL: as it was). queued, already or gone.
SELECT retry_job($1::bigint, $2) AS answer
