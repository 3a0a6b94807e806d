-- $1 the run that is replaced, $2 sample set or NULL, $3 the record's text, $4 why.
SELECT run_id, created FROM rescore_run($1::bigint, $2::bigint, $3, $4)
