-- No parameters. The nights that have ended, newest first.
SELECT night_id, build, started_at, ended_at, outcome, report FROM site_nights ORDER BY night_id DESC
