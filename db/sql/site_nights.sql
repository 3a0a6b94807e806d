-- No parameters. The nights that have ended, newest first; the report of the last one.
SELECT night_id, build, started_at, ended_at, outcome, checked, moved, queued, done, failed, report
FROM site_nights ORDER BY night_id DESC
