-- $1 days, $2 how many. Sample chunks of runs that are older, with their bodies.
SELECT set_id, chunk, n, sha256, body FROM archive_due($1::double precision, $2::integer)
