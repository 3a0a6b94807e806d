-- $1 job (NULL: all), $2 how many. Newest first.
SELECT event_id, at, actor, kind, job_id, data FROM events WHERE $1::bigint IS NULL OR job_id = $1
ORDER BY event_id DESC LIMIT $2::bigint
