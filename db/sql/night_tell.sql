-- $1 night, $2 outcome, $3 report (jsonb).
SELECT tell_night($1::bigint, $2, $3::jsonb)
