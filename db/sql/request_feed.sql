-- $1 how many. Requests that ended, newest first.
SELECT list_ended($1::integer) AS list
