-- $1 run. Its first sample chunk, with the body (zstd-compressed JSON lines); none where it is no longer in the database.
SELECT chunk, n, sha256, body FROM site_samples WHERE run_id = $1::bigint AND body IS NOT NULL ORDER BY chunk LIMIT 1
