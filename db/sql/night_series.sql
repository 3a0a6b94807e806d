-- $1 model, $2 since when, $3 how many points. Those of its histories that have grown since, oldest first.
SELECT model, task, config_id, platform, run_id, fresh, revision, build, metric, value, speed
FROM night_series($1, $2::timestamptz, $3::integer)
