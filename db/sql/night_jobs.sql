-- $1 numbers of jobs (jsonb). What became of them.
SELECT job_id, model, task, state, error_class, error FROM night_jobs($1::jsonb)
