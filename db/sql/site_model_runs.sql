-- $1 names of models as a JSON list, $2 the highest number of a run without a page of its own. All of their runs, newest first, as
-- site_shown_runs has them; of the record of one without a page what it is compared by.
SELECT run_id, model, revision, task_id, task, task_version, task_sha256, kind, config, harness_build, ordinal, purpose,
    job_id, attempt, main, value, stderr, low, high, n, ties, truncated, empty, nan, tokens_asked, tokens_computed, seconds,
    backend, isa, device, dtype, data_sha256, weights_sha256, bits_sha256, record_sha256,
    CASE origin WHEN 'measured' THEN n_chunks ELSE 0 END AS n_chunks, -- samples of imports are as another program writes them
    CASE WHEN run_id > $2::bigint THEN record
        ELSE jsonb_build_object('profile', record -> 'profile', 'shots', record -> 'shots') END AS record, started_at, finished_at, superseded_at, superseded_why, current, origin
FROM site_runs b WHERE model = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
    AND NOT EXISTS (SELECT 1 FROM site_tombstones x WHERE x.model = b.model)
ORDER BY finished_at DESC, run_id DESC
