-- $1 state (NULL: all), $2 part of the model's or task's name (NULL: all), $3 how many. Newest first.
SELECT job_id, model, revision, task, state, priority, attempt, progress, error_class, error, purpose, created_at,
    queued_at, run_at, finished_at, paused
FROM site_queue
WHERE ($1::text IS NULL OR state::text = $1)
    AND ($2::text IS NULL OR strpos(lower(model || ' ' || task), lower($2)) > 0)
ORDER BY job_id DESC LIMIT $3::bigint
