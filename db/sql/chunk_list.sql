-- $1 worker id, $2 job, $3 attempt. What earlier attempts stored; no row where the claim is no longer one's own.
SELECT chunk, n, sha256, build, body FROM get_chunks($1::uuid, $2::bigint, $3::integer)
