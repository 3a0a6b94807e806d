-- $1 run. Its sample chunks in order, with their bodies (zstd-compressed JSON lines).
SELECT chunk, n, sha256, body FROM site_samples WHERE run_id = $1::bigint ORDER BY chunk
