-- $1 the original, $2 sample set or NULL, $3 the record's text, $4 bits, tolerance or different.
SELECT run_id, created FROM reproduce_run($1::bigint, $2::bigint, $3, $4)
