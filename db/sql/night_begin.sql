-- $1 build. The night's number.
SELECT begin_night($1) AS night_id, clock_timestamp() AS started_at
