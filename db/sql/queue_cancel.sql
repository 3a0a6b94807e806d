-- $1 job. cancelled, asked, already or gone.
SELECT cancel_job($1::bigint) AS answer
