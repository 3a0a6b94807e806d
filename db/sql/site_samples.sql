-- $1 run. Its sample chunks in order, with their bodies (zstd-compressed JSON lines), which are NULL where they were archived
-- or dropped.
SELECT chunk, n, sha256, body, dropped FROM site_samples WHERE run_id = $1::bigint ORDER BY chunk
