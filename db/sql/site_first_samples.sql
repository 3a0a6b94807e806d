-- $1 run. Its first sample chunk, with the body (zstd-compressed JSON lines), which is NULL where it is no longer in the database.
SELECT chunk, n, sha256, body, dropped FROM site_samples WHERE run_id = $1::bigint ORDER BY chunk LIMIT 1
