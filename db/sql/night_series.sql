-- $1 since when. Points of each history that has grown since, oldest first.
SELECT model, task, config_id, platform, run_id, fresh, revision, build, metric, value, speed FROM night_series($1::timestamptz)
