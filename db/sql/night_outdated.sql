-- $1 build, $2 suites with commas (NULL: all), $3 whether to look only. Jobs that another build measured, queued again.
SELECT job_id, model, task FROM requeue_outdated($1, string_to_array($2, ','), $3::integer <> 0)
