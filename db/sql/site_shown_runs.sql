-- No parameters. Every run of a model that was not withdrawn, newest first, as site_runs has it; samples of imports, which are as
-- another program writes them, are not for pages.
SELECT run_id, model, revision, task_id, task, task_version, task_sha256, kind, config, harness_build, ordinal, purpose,
    job_id, attempt, main, value, stderr, low, high, n, ties, truncated, empty, nan, tokens_asked, tokens_computed, seconds,
    backend, isa, device, dtype, data_sha256, weights_sha256, bits_sha256, record_sha256, CASE origin WHEN 'measured' THEN n_chunks ELSE 0 END AS n_chunks, record, started_at,
    finished_at, superseded_at, superseded_why, current, origin
FROM site_runs b WHERE NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC
