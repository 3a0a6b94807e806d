-- $1 run, $2 why. False if it was withdrawn already or is not there.
SELECT supersede_run($1::bigint, $2) AS done
