-- $1 request (jsonb: model, task, config, purpose), $2 sample set or NULL, $3 the record's text.
SELECT run_id, created FROM record_run($1::jsonb, $2::bigint, $3)
