-- $1 model name, $2 task name, $3 run (each NULL: all). Newest first; `record` is what the worker handed in.
SELECT run_id, model, revision, task_id, task, task_version, task_sha256, kind, config, harness_build, ordinal, purpose,
    job_id, attempt, main, value, stderr, low, high, n, ties, truncated, empty, nan, tokens_asked, tokens_computed, seconds,
    backend, isa, device, dtype, data_sha256, weights_sha256, bits_sha256, record_sha256, n_chunks, record, started_at,
    finished_at, superseded_at, superseded_why, current, origin
FROM site_runs
WHERE ($1::text IS NULL OR model = $1) AND ($2::text IS NULL OR task = $2) AND ($3::bigint IS NULL OR run_id = $3)
ORDER BY finished_at DESC, run_id DESC
