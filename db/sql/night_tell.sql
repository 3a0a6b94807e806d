-- $1 night, $2 outcome, $3 report (jsonb). False where another night has begun since.
SELECT tell_night($1::bigint, $2, $3::jsonb) AS told
