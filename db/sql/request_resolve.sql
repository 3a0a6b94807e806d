-- $1 request, $2 its tries as claimed, $3 the submission (db.h). ok or stale.
SELECT resolve_request($1::bigint, $2::integer, $3::jsonb) AS answer
