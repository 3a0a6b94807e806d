-- $1 run. Its first sample chunk, with the body (zstd-compressed JSON lines).
SELECT chunk, n, sha256, body FROM site_samples WHERE run_id = $1::bigint ORDER BY chunk LIMIT 1
